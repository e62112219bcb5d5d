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
