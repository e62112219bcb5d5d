internal import Storage
import Synchronization
internal import Telemetry

/// What a selector found lately, where that was little: a dashboard asks for the same few series at every refresh, and to
/// look at their neighbours again takes longer than to read them. Parts never change, so that what was found in one stays
/// true; the head tells by its version.
final class SelectorMemory: Sendable {
    /// More series than these are not kept.
    static let mostSeries = 64
    /// Of more parts than these nothing is kept.
    private static let mostParts = 64

    private struct State {
        /// By part the numbers of its series that match, ascending.
        var parts: [Int64: [UInt32]] = [:]
        var head: (version: SeriesRegistry.Version, slots: [UInt32])?
    }

    private let state = Mutex(State())

    func series(of part: SeriesPart) -> [UInt32]? { state.withLock { $0.parts[part.record.id] } }

    func keep(_ series: [UInt32], of part: SeriesPart) {
        guard series.count <= SelectorMemory.mostSeries else { return }
        state.withLock { state in
            if state.parts.count >= SelectorMemory.mostParts { state.parts = [:] }
            state.parts[part.record.id] = series
        }
    }

    func slots(of version: SeriesRegistry.Version) -> [UInt32]? {
        state.withLock { $0.head?.version == version ? $0.head?.slots : nil }
    }

    func keep(_ slots: [UInt32], of version: SeriesRegistry.Version) {
        guard slots.count <= SelectorMemory.mostSeries else { return }
        state.withLock { $0.head = (version, slots) }
    }

    /// Of parts that are not there any more.
    func forget(_ parts: Set<Int64>) {
        state.withLock { state in
            for part in parts { state.parts[part] = nil }
        }
    }
}
