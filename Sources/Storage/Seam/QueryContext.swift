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
    /// The process' budget, of which each query's memory is a part.
    private let budget: MemoryBudget?
    private let state = Mutex(State())

    private struct State {
        var memory = 0
        /// Of the process' budget; never less than `memory` rounded down to the grain.
        var reserved = 0
        var statistics = Statistics()
        var cancelled = false
        var warnings: [String] = []
    }

    /// Many small charges become one reservation.
    private static let grain = 1 << 20

    package init(limits: Limits = Limits(), budget: MemoryBudget? = nil) {
        self.limits = limits
        self.budget = budget
    }

    deinit {
        let reserved = state.withLock { $0.reserved }
        budget?.release(reserved, of: .queries)
    }

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

    /// Before or after `bytes` were allocated. ``StorageError/memoryBudgetExceeded(limit:)`` where the query holds too
    /// much, ``StorageError/overloaded(_:)`` where the process has no more for queries.
    package func charge(memory bytes: Int) throws {
        try state.withLock { state in
            state.memory = state.memory &+ bytes
            state.statistics.memoryPeak = max(state.statistics.memoryPeak, state.memory)
            if state.memory > limits.memory { throw StorageError.memoryBudgetExceeded(limit: limits.memory) }
            guard let budget, state.memory &- state.reserved >= QueryContext.grain else { return }
            let missing = (state.memory &- state.reserved) / QueryContext.grain &* QueryContext.grain
            try budget.reserve(missing, for: .queries)
            state.reserved = state.reserved &+ missing
        }
    }

    package func release(memory bytes: Int) {
        let surplus = state.withLock { state in
            state.memory = state.memory &- bytes
            guard budget != nil, state.reserved &- max(0, state.memory) >= 4 &* QueryContext.grain else { return 0 }
            let surplus = (state.reserved &- max(0, state.memory)) / QueryContext.grain &* QueryContext.grain
            state.reserved = state.reserved &- surplus
            return surplus
        }
        budget?.release(surplus, of: .queries)
    }

    package func count(_ update: (inout Statistics) -> Void) { state.withLock { update(&$0.statistics) } }

    package func charge(samples: Int) throws {
        let read = state.withLock {
            $0.statistics.samplesRead += samples
            return $0.statistics.samplesRead
        }
        if read > limits.samples { throw StorageError.tooManySamples(limit: limits.samples) }
    }
}
