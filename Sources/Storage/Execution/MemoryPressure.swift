import Synchronization

/// How near the process is to its memory limit: one atomic load to ask, so that every append may.
package final class MemoryPressure: Sendable {
    package enum Level: Int, Comparable, Sendable {
        case calm
        /// Merges wait, new series are refused, queries get less.
        case high
        /// Ingestion is refused until memory is free again; queries end.
        case critical

        package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    private let current: Atomic<Int>

    package init(_ level: Level = .calm) { current = Atomic(level.rawValue) }

    package var level: Level {
        switch current.load(ordering: .relaxed) {
        case Level.calm.rawValue: .calm
        case Level.high.rawValue: .high
        default: .critical
        }
    }

    package func set(_ level: Level) { current.store(level.rawValue, ordering: .relaxed) }

    /// For the first line of an append: ``StorageError/overloaded(_:)`` where the process is short of memory.
    package func refuseWhenCritical() throws(StorageError) {
        if level == .critical { throw .overloaded(MemoryPressure.refusal) }
    }

    package static let refusal =
        "the process is near its memory limit and takes nothing in until memory is free again; try again in some seconds"
}
