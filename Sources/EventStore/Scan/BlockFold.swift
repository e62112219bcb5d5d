import Glibc
import Storage
import Synchronization
import Telemetry

/// Blocks of a scan given out to the cores.
final class BlockQueue: Sendable {
    private let next = Atomic<Int>(0)
    private let count: Int

    init(count: Int) { self.count = count }

    /// nil where none is left.
    func take() -> Int? {
        let number = next.add(1, ordering: .relaxed).oldValue
        return number < count ? number : nil
    }

    /// Nobody takes another.
    func close() { next.store(count, ordering: .relaxed) }
}

extension Scanner {
    static let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// What one core comes back with.
    private struct Outcome<Partial: Sendable>: Sendable {
        var partial: Partial?
        var damage: [StorageError] = []
        /// Of the block that it could not go on with.
        var failure: (block: Int, error: any Error)?
    }

    mutating func fold<Partial: Sendable>(
        _ make: @Sendable () throws -> Partial, _ body: @Sendable (inout Partial, any EventBlock) throws -> Void
    ) throws -> EventFold<Partial> {
        guard !plan.range.isEmpty else { return EventFold(partials: [], trailer: trailer) }
        let blocks = try candidates()
        let (context, predicate, range) = (context, predicate, plan.range)
        let workers = min(Scanner.cores, blocks.count)
        let queue = BlockQueue(count: blocks.count)
        let outcomes = Mutex([Outcome<Partial>](repeating: Outcome(), count: workers))
        @Sendable func work(_ number: Int) {
            var outcome = Outcome<Partial>()
            var current = 0
            do {
                var partial = try make()
                while let next = queue.take() {
                    current = next
                    let block = blocks[next]
                    defer { block.dropColumns() }
                    do {
                        if let mask = try Scanner.matchingRows(
                            block, predicate: predicate, range: range, context: context)
                        {
                            try body(&partial, BlockView(block, passing: mask))
                        }
                    } catch let error as StorageError {
                        guard case .corrupt = error else { throw error }
                        outcome.damage.append(error)
                    }
                }
                outcome.partial = partial
            } catch {
                queue.close()
                outcome.failure = (current, error)
            }
            outcomes.withLock { $0[number] = outcome }
        }
        if workers > 0 { ParallelWork.run(workers, context: context, work) }
        let all = outcomes.withLock { $0 }
        if let first = all.compactMap(\.failure).min(by: { $0.block < $1.block }) { throw first.error }
        for error in all.flatMap(\.damage) { _ = try guarded { () throws -> Int? in throw error } }
        collectProblems()
        return EventFold(partials: all.compactMap(\.partial), trailer: trailer)
    }
}
