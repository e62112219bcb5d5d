import Synchronization

/// What the writer and the reader of a spool tell each other. No file is touched here.
package final class SpoolLedger: Sendable {
    struct Segment: Sendable {
        /// Bytes of whole records.
        var length: Int
        var lastSequence: UInt64
    }

    struct State: Sendable {
        var segments: [Int: Segment] = [:]
        var lastSequence: UInt64 = 0
        var acknowledged: UInt64 = 0
        var wakeReader: (@Sendable () -> Void)?
        var wakeWriter: (@Sendable () -> Void)?
        /// Damage that was found, for the log.
        var problems: [String] = []
        var problemCount = 0
    }

    private let state = Mutex(State())

    package init() {}

    func with<T: Sendable>(_ body: (inout State) -> T) -> T { state.withLock { body(&$0) } }

    /// Bytes on disk.
    package var bytes: Int { state.withLock { $0.segments.values.reduce(0) { $0 + $1.length } } }
    /// Batches that wait for an acknowledgement.
    package var waiting: Int { state.withLock { Int(clamping: $0.lastSequence - min($0.acknowledged, $0.lastSequence)) } }
    package var acknowledged: UInt64 { state.withLock { $0.acknowledged } }
    package var lastSequence: UInt64 { state.withLock { $0.lastSequence } }
    package var problemCount: Int { state.withLock { $0.problemCount } }

    package func onAppend(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.wakeReader = body } }
    package func onAcknowledge(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.wakeWriter = body } }

    func report(_ problem: String) {
        state.withLock { state in
            state.problemCount += 1
            if state.problems.count < 100 { state.problems.append(problem) }
        }
    }

    package func takeProblems() -> [String] {
        state.withLock { state in
            defer { state.problems = [] }
            return state.problems
        }
    }
}
