import Synchronization
import Telemetry

/// Who is told of log lines as they are stored: the clients of `tail`. Costs one comparison where there is none.
package final class LogFollowers: Sendable {
    private struct State {
        var next = 0
        var streams: [Int: AsyncStream<EventBatch>.Continuation] = [:]
        /// Batches that a follower was too slow for, and their rows.
        var dropped: [Int: Int] = [:]
    }

    /// Batches that wait for one follower at most; then the oldest give way.
    private static let backlog = 256

    private let state = Mutex(State())
    private let count = Atomic(0)

    func publish(_ batch: EventBatch) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        state.withLock { state in
            for (id, stream) in state.streams {
                if case .dropped(let lost) = stream.yield(batch) { state.dropped[id, default: 0] += lost.rowCount }
            }
        }
    }

    /// Batches from now on, until the iteration ends.
    func follow() -> (id: Int, batches: AsyncStream<EventBatch>) {
        let (batches, continuation) = AsyncStream.makeStream(
            of: EventBatch.self, bufferingPolicy: .bufferingNewest(LogFollowers.backlog))
        let id = state.withLock { state in
            state.next += 1
            state.streams[state.next] = continuation
            count.store(state.streams.count, ordering: .relaxed)
            return state.next
        }
        return (id, batches)
    }

    func leave(_ id: Int) {
        let continuation = state.withLock { state in
            defer { count.store(state.streams.count, ordering: .relaxed) }
            state.dropped[id] = nil
            return state.streams.removeValue(forKey: id)
        }
        continuation?.finish()
    }

    /// Rows that did not reach the follower since this was asked last.
    func takeDropped(_ id: Int) -> Int { state.withLock { $0.dropped.removeValue(forKey: id) ?? 0 } }

    var followers: Int { count.load(ordering: .relaxed) }
}
