import Storage
import Synchronization

/// Every query that runs or waits for its turn, in all three languages, of clients and of rules.
///
/// Clients' queries take one of a number of places (Prometheus' `--query.max-concurrency`) in the order in which they
/// came. Rules do not wait, as an alert must not be late because of a dashboard, nor do questions for names, which are
/// short and which an editor asks at every key.
package final class QueryList: Sendable {
    private struct State {
        var next: UInt64 = 0
        var queries: [String: Entry] = [:]
        var free: Int
        /// Queries in the order of their turns.
        var waiting: [Waiter] = []
        var killed = 0
    }

    private struct Entry {
        weak var query: RunningQuery?
        var hasPlace = false
    }

    private struct Waiter {
        var id: String
        var turn: CheckedContinuation<Void, any Error>
    }

    package let places: Int
    private let state: Mutex<State>

    package init(places: Int) {
        self.places = max(1, places)
        state = Mutex(State(free: max(1, places)))
    }

    /// Enters a query and waits for its place. Where its time is over before, it is refused with
    /// ``StorageError/overloaded(_:)``.
    package func begin(
        _ question: RunningQuery.Question, _ context: QueryContext, _ connection: ClientConnection? = nil,
        isQuick: Bool = false
    ) async throws -> RunningQuery {
        let id = state.withLock { state in
            state.next &+= 1
            return String(state.next)
        }
        let query = RunningQuery(id: id, question, context, isQuick: isQuick, list: self)
        let hasPlace = state.withLock { state in
            let needsPlace = !question.origin.isRule && question.language != .names
            let isAtOnce = !needsPlace || state.free > 0 && state.waiting.isEmpty
            let takes = isAtOnce && needsPlace
            if takes { state.free -= 1 }
            state.queries[id] = Entry(query: query, hasPlace: takes)
            return isAtOnce
        }
        await query.follow(connection)
        if !hasPlace { try await wait(query) }
        query.didGetPlace()
        return query
    }

    private func wait(_ query: RunningQuery) async throws {
        let id = query.id
        query.onEnd { [weak self] in self?.giveUp(id, StorageError.cancelled) }
        defer { query.onEnd(nil) }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.turn(id) }
                if let deadline = query.context.limits.deadline {
                    group.addTask { [places] in
                        try await Task.sleep(until: deadline, clock: .continuous)
                        throw StorageError.overloaded(
                            "query timed out in the queue: \(places) queries run already (--query.max-concurrency); "
                                + "see them with `needletail query --running`, or try again later")
                    }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            query.finish()
            if case StorageError.overloaded = error { throw error }
            // Why it was woken is what the context knows.
            try query.context.check()
            throw error
        }
    }

    private func turn(_ id: String) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (turn: CheckedContinuation<Void, any Error>) in
                let answer: Result<Void, any Error>? = state.withLock { state in
                    // It may have been ended, or a place become free, since it was entered.
                    guard let query = state.queries[id]?.query, !Task.isCancelled else {
                        return .failure(StorageError.cancelled)
                    }
                    do { try query.context.check() } catch { return .failure(error) }
                    if state.free > 0, state.waiting.isEmpty {
                        state.free -= 1
                        state.queries[id]?.hasPlace = true
                        return .success(())
                    }
                    state.waiting.append(Waiter(id: id, turn: turn))
                    return nil
                }
                if let answer { turn.resume(with: answer) }
            }
        } onCancel: {
            giveUp(id, CancellationError())
        }
    }

    private func giveUp(_ id: String, _ error: any Error) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
            return state.waiting.remove(at: index)
        }
        waiter?.turn.resume(throwing: error)
    }

    func remove(_ id: String) {
        let next: Waiter? = state.withLock { state in
            guard let entry = state.queries.removeValue(forKey: id), entry.hasPlace else { return nil }
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            let next = state.waiting.removeFirst()
            state.queries[next.id]?.hasPlace = true
            return next
        }
        next?.turn.resume()
    }

    /// The longest running first.
    package var running: [RunningQuery] {
        let queries = state.withLock { $0.queries.values.compactMap(\.query) }
        return queries.sorted { ($0.started, $0.id.utf8.count, $0.id) < ($1.started, $1.id.utf8.count, $1.id) }
    }

    /// Those that have their turn, and those that wait for it.
    package var counts: (running: Int, waiting: Int, killed: Int) {
        state.withLock { ($0.queries.count - $0.waiting.count, $0.waiting.count, $0.killed) }
    }

    /// The query that is being ended; nil where there is none of that id.
    package func kill(_ id: String) -> RunningQuery? {
        let query = state.withLock { state in
            let query = state.queries[id]?.query
            if query != nil { state.killed &+= 1 }
            return query
        }
        query?.end(.killed)
        return query
    }
}
