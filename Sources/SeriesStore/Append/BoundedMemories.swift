internal import Storage
internal import Telemetry

/// The last batch ids.
struct BatchIDMemory {
    private var known: Set<BatchID> = []
    private var ring: [BatchID] = []
    private var next = 0
    private let capacity: Int

    init(capacity: Int) { self.capacity = max(1, capacity) }

    func contains(_ id: BatchID) -> Bool { known.contains(id) }

    mutating func insert(_ id: BatchID) {
        guard known.insert(id).inserted else { return }
        if ring.count < capacity {
            ring.append(id)
        } else {
            known.remove(ring[next])
            ring[next] = id
            next = (next + 1) % capacity
        }
    }
}

/// The last exemplars of the store, in order of arrival.
struct ExemplarRing {
    private var ring: [(labels: LabelSet, exemplar: Exemplar)] = []
    private var next = 0
    private let capacity: Int
    /// An exemplar is exposed with every scrape until a new one comes: only the first time counts.
    private var newest: [LabelSet: Exemplar] = [:]

    init(capacity: Int) { self.capacity = max(1, capacity) }

    mutating func insert(_ labels: LabelSet, _ exemplar: Exemplar) {
        if let last = newest[labels], last == exemplar || last.timestamp > exemplar.timestamp { return }
        newest[labels] = exemplar
        if ring.count < capacity {
            ring.append((labels, exemplar))
        } else {
            let old = ring[next]
            if newest[old.labels] == old.exemplar { newest[old.labels] = nil }
            ring[next] = (labels, exemplar)
            next = (next + 1) % capacity
        }
    }

    var all: [(labels: LabelSet, exemplar: Exemplar)] { Array(ring[next...] + ring[..<next]) }
}

/// Sentences about what went wrong, each once, the first hundred.
struct ProblemLog {
    private(set) var sentences: [String] = []
    private var known: Set<String> = []
    private(set) var count = 0

    mutating func add(_ sentence: String) {
        count += 1
        guard known.count < 1_000, known.insert(sentence).inserted, sentences.count < 100 else { return }
        sentences.append(sentence)
    }
}
