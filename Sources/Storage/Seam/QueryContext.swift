import Synchronization

/// What one query may use and has used: memory, time, and the wish of its caller that it end.
///
/// Engines and evaluators charge what they hold and call ``check()`` at least once per block or per thousand rows.
package final class QueryContext: Sendable {
    package struct Limits: Sendable {
        /// Bytes that the query may hold at once.
        package var memory: Int
        /// Samples that it may load; Prometheus' `--query.max-samples`.
        package var samples: Int
        package var deadline: ContinuousClock.Instant?

        package init(memory: Int = 512 << 20, samples: Int = 50_000_000, deadline: ContinuousClock.Instant? = nil) {
            self.memory = memory
            self.samples = samples
            self.deadline = deadline
        }
    }

    package struct Statistics: Sendable {
        package var bytesRead = 0
        package var blocksRead = 0
        package var blocksSkipped = 0
        package var rowsScanned = 0
        package var samplesRead = 0
        package var memoryPeak = 0
        package init() {}
    }

    package let limits: Limits
    private let state = Mutex(State())

    private struct State {
        var memory = 0
        var statistics = Statistics()
        var cancelled = false
        var warnings: [String] = []
    }

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var statistics: Statistics { state.withLock { $0.statistics } }
    package var warnings: [String] { state.withLock { $0.warnings } }

    /// Adds a sentence for the reader of the answer; the same sentence once.
    package func warn(_ sentence: String) {
        state.withLock { if !$0.warnings.contains(sentence) { $0.warnings.append(sentence) } }
    }

    package func cancel() { state.withLock { $0.cancelled = true } }

    /// Throws where the caller has gone, the query was killed, or its time is over.
    package func check() throws {
        if Task.isCancelled || state.withLock({ $0.cancelled }) { throw StorageError.cancelled }
        if let deadline = limits.deadline, ContinuousClock.now > deadline { throw StorageError.timedOut }
    }

    package func charge(memory bytes: Int) throws {
        let held = state.withLock {
            $0.memory += bytes
            $0.statistics.memoryPeak = max($0.statistics.memoryPeak, $0.memory)
            return $0.memory
        }
        if held > limits.memory { throw StorageError.memoryBudgetExceeded(limit: limits.memory) }
    }

    package func release(memory bytes: Int) { state.withLock { $0.memory -= bytes } }

    package func count(_ update: (inout Statistics) -> Void) { state.withLock { update(&$0.statistics) } }

    package func charge(samples: Int) throws {
        let read = state.withLock {
            $0.statistics.samplesRead += samples
            return $0.statistics.samplesRead
        }
        if read > limits.samples { throw StorageError.tooManySamples(limit: limits.samples) }
    }
}
