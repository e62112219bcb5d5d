internal import Telemetry

/// The exemplars that no flush has written, in order of arrival.
struct ExemplarMemory {
    private(set) var fresh: [ExemplarFile.Entry] = []
    /// Being written.
    private(set) var flushing: [ExemplarFile.Entry] = []
    /// An exemplar is exposed with every scrape until a new one comes: only the first time counts.
    private var newest: [LabelSet: Exemplar] = [:]
    private let capacity: Int
    /// How many were dropped because more came between two flushes than there is room for.
    private(set) var dropped = 0

    init(capacity: Int) { self.capacity = max(1, capacity) }

    mutating func insert(_ labels: LabelSet, _ exemplar: Exemplar) {
        if let last = newest[labels], last == exemplar || last.timestamp > exemplar.timestamp { return }
        if newest.count >= capacity { newest = [:] }
        newest[labels] = exemplar
        guard fresh.count < capacity else {
            dropped += 1
            return
        }
        fresh.append((labels, exemplar))
    }

    var all: [ExemplarFile.Entry] { flushing + fresh }

    mutating func beginFlush() {
        flushing += fresh
        fresh = []
    }

    mutating func endFlush() { flushing = [] }
}
