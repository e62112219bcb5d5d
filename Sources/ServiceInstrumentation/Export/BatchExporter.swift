import Synchronization

/// What a receiver said about one request.
enum ExportOutcome: Sendable {
    case accepted(rejected: Int)
    /// Worth a retry; the receiver may have named a waiting time.
    case busy(retryAfter: Duration?)
    /// Never retried: the same bytes would be refused again.
    case refused
    case cancelled
}

/// A bounded queue of records and the loop that sends them in batches.
final class BatchExporter<Record: Sendable>: Sendable {
    private struct State {
        var queue: [Record] = []
        var counts = ExportCounts()
    }

    private let state = Mutex(State())
    private let configuration: ExporterConfiguration
    private let send: @Sendable ([Record]) async -> ExportOutcome

    init(_ configuration: ExporterConfiguration, send: @escaping @Sendable ([Record]) async -> ExportOutcome) {
        self.configuration = configuration
        self.send = send
    }

    var counts: ExportCounts { state.withLock { $0.counts } }

    func add(_ record: Record) {
        state.withLock { state in
            if state.queue.count < configuration.queueLimit {
                state.queue.append(record)
            } else {
                state.counts.droppedByQueue &+= 1
            }
        }
    }

    /// Sends until the task is cancelled. What is then queued stays for `drain`.
    func run() async {
        let tick = min(configuration.interval, .milliseconds(200))
        var lastSend = ContinuousClock.now
        while !Task.isCancelled {
            try? await Task.sleep(for: tick)
            let waiting = state.withLock { $0.queue.count }
            let now = ContinuousClock.now
            guard waiting >= configuration.batchLimit || now - lastSend >= configuration.interval else { continue }
            lastSend = now
            await sendAll(until: nil)
        }
    }

    /// Sends everything that is queued, giving up at `deadline`.
    func drain(until deadline: ContinuousClock.Instant) async {
        await sendAll(until: deadline)
        state.withLock { state in
            state.counts.failed &+= state.queue.count
            state.queue.removeAll()
        }
    }

    private func sendAll(until deadline: ContinuousClock.Instant?) async {
        while !Task.isCancelled {
            if let deadline, ContinuousClock.now >= deadline { return }
            let batch = state.withLock { state in
                let batch = Array(state.queue.prefix(configuration.batchLimit))
                state.queue.removeFirst(batch.count)
                return batch
            }
            if batch.isEmpty { return }
            let end = deadline ?? (ContinuousClock.now + configuration.retryLimit)
            guard await deliver(batch, until: end) else { return }
        }
    }

    /// False when the task was cancelled: the batch is queued again, for `drain` to send.
    private func deliver(_ batch: [Record], until deadline: ContinuousClock.Instant) async -> Bool {
        var backoff = configuration.initialBackoff
        while true {
            switch await send(batch) {
            case .accepted(let rejected):
                state.withLock { state in
                    state.counts.exported &+= max(0, batch.count - rejected)
                    state.counts.failed &+= min(batch.count, max(0, rejected))
                }
                return true
            case .refused:
                state.withLock { $0.counts.failed &+= batch.count }
                return true
            case .cancelled:
                putBack(batch)
                return false
            case .busy(let retryAfter):
                // Jitter keeps many exporters from coming back at the same moment.
                let pause = retryAfter ?? backoff * Double.random(in: 0.5..<1.5)
                if ContinuousClock.now + pause >= deadline {
                    state.withLock { $0.counts.failed &+= batch.count }
                    return true
                }
                do {
                    try await Task.sleep(for: pause)
                } catch {
                    putBack(batch)
                    return false
                }
                backoff = min(backoff * 2, configuration.maximumBackoff)
            }
        }
    }

    private func putBack(_ batch: [Record]) {
        state.withLock { $0.queue.insert(contentsOf: batch, at: 0) }
    }
}
