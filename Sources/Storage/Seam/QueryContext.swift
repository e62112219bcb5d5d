import Synchronization

/// What one query may use and has used: memory, time, and the wish of its caller that it end.
///
/// Engines and evaluators charge what they hold and call ``check()`` at least once per block or per thousand rows. All of
/// it may be called from several cores at once.
package final class QueryContext: Sendable {
    package struct Limits: Sendable {
        /// Bytes that the query may hold at once.
        package var memory: Int
        /// Samples that it may hold at once; Prometheus' `--query.max-samples`.
        package var samples: Int
        package var deadline: ContinuousClock.Instant?

        package init(memory: Int = 512 << 20, samples: Int = 50_000_000, deadline: ContinuousClock.Instant? = nil) {
            self.memory = memory
            self.samples = samples
            self.deadline = deadline
        }
    }

    package typealias Statistics = QueryStatistics

    /// Why a query is to end before it is done.
    package enum Ending: UInt8, Sendable {
        /// Its client has gone, or the process stops.
        case cancelled = 1
        /// A person ended it.
        case killed = 2
    }

    package let limits: Limits
    /// The process' budget, of which each query's memory is a part.
    private let budget: MemoryBudget?
    private let state = Mutex(State())
    /// An ``Ending``, or 0 while the query may go on.
    private let ending = Atomic<UInt8>(0)

    private struct State {
        var memory = 0
        /// Of the process' budget; never less than `memory` rounded down to the grain.
        var reserved = 0
        var samples = 0
        var statistics = Statistics()
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

    package var statistics: Statistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.memory = max(0, state.memory)
            return statistics
        }
    }

    package var warnings: [String] { state.withLock { $0.warnings } }

    /// Adds a sentence for the reader of the answer; the same sentence once.
    package func warn(_ sentence: String) {
        state.withLock { if !$0.warnings.contains(sentence) { $0.warnings.append(sentence) } }
    }

    /// The query ends at its next ``check()``. The first reason stays.
    package func cancel(_ reason: Ending = .cancelled) {
        _ = ending.compareExchange(expected: 0, desired: reason.rawValue, ordering: .relaxed)
    }

    /// Throws where the caller has gone, the query was killed, or its time is over.
    package func check() throws {
        switch Ending(rawValue: ending.load(ordering: .relaxed)) {
        case .killed: throw StorageError.killed
        case .cancelled: throw StorageError.cancelled
        case nil: break
        }
        if Task.isCancelled { throw StorageError.cancelled }
        if let deadline = limits.deadline, ContinuousClock.now > deadline { throw StorageError.timedOut }
    }

    // MARK: Memory

    /// Before or after `bytes` were allocated. ``StorageError/memoryBudgetExceeded(limit:)`` where the query holds too
    /// much, ``StorageError/overloaded(_:)`` where the process has no more for queries.
    package func charge(memory bytes: Int) throws {
        try state.withLock { state in
            let (held, overflow) = state.memory.addingReportingOverflow(bytes)
            guard !overflow else { throw StorageError.memoryBudgetExceeded(limit: limits.memory) }
            state.memory = held
            state.statistics.memoryPeak = max(state.statistics.memoryPeak, held)
            if held > limits.memory { throw StorageError.memoryBudgetExceeded(limit: limits.memory) }
            guard let budget, held &- state.reserved >= QueryContext.grain else { return }
            let missing = (held &- state.reserved) / QueryContext.grain &* QueryContext.grain
            try budget.reserve(missing, for: .queries)
            state.reserved = state.reserved &+ missing
        }
    }

    /// What was charged is free again, and the process' budget may give it to others.
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

    /// Memory that is charged until the value goes: `let buffer = try context.holding(bytes)`.
    package func holding(_ bytes: Int = 0) throws -> HeldMemory {
        var held = HeldMemory(context: self)
        try held.grow(by: bytes)
        return held
    }

    // MARK: Counts

    package func count(_ update: (inout Statistics) -> Void) { state.withLock { update(&$0.statistics) } }

    /// Adds what was gathered beside: one lock for a part or a block instead of one for each count.
    package func add(_ gathered: Statistics) { state.withLock { $0.statistics.add(gathered) } }

    /// Samples that were decoded and are held from now on; counts them as read.
    package func charge(samples: Int) throws {
        let held = state.withLock { state in
            state.statistics.samplesRead = state.statistics.samplesRead &+ samples
            state.samples = state.samples &+ samples
            state.statistics.samplesPeak = max(state.statistics.samplesPeak, state.samples)
            return state.samples
        }
        if held > limits.samples { throw StorageError.tooManySamples(limit: limits.samples) }
    }

    /// Samples that are not held any more: what is read in batches stays below ``Limits/samples``.
    package func release(samples: Int) { state.withLock { $0.samples = $0.samples &- samples } }

    // MARK: Time

    /// Adds to the time of a stage.
    package func add(_ time: Duration, to stage: Statistics.Stage) { state.withLock { $0.statistics[stage] += time } }

    /// Runs the body and adds the time that it took by the clock to a stage.
    package func measure<T, E: Error>(_ stage: Statistics.Stage, _ body: () throws(E) -> T) throws(E) -> T {
        let started = ContinuousClock.now
        defer { add(ContinuousClock.now - started, to: stage) }
        return try body()
    }

    /// The same of a body that waits for others.
    package func measure<T, E: Error>(
        _ stage: Statistics.Stage, _ body: () async throws(E) -> T
    ) async throws(E) -> T {
        let started = ContinuousClock.now
        defer { add(ContinuousClock.now - started, to: stage) }
        return try await body()
    }
}

/// Memory of a query that is given back at the end of the value's life.
package struct HeldMemory: ~Copyable, Sendable {
    private let context: QueryContext
    package private(set) var bytes = 0

    fileprivate init(context: QueryContext) { self.context = context }

    deinit { if bytes > 0 { context.release(memory: bytes) } }

    /// Throws as ``QueryContext/charge(memory:)`` does; what was held before stays held.
    package mutating func grow(by more: Int) throws {
        guard more > 0 else { return }
        // More than a query may hold at all is not worth counting, and could not be counted back.
        let limit = context.limits.memory
        guard more <= limit else { throw StorageError.memoryBudgetExceeded(limit: limit) }
        do { try context.charge(memory: more) } catch {
            // A charge that is refused was counted all the same.
            context.release(memory: more)
            throw error
        }
        bytes = bytes &+ more
    }

    package mutating func shrink(by less: Int) {
        let less = max(0, min(less, bytes))
        bytes = bytes &- less
        context.release(memory: less)
    }
}
