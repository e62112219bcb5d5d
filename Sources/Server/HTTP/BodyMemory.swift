import Storage
import Synchronization

/// What the body of one request takes of the process' memory, until it is answered.
final class BodyMemory: Sendable {
    /// Small bodies (questions, above all) are not worth the asking, and pass while memory is short.
    private static let small = 64 << 10

    private let budget: MemoryBudget
    private let held = Mutex(0)

    init(budget: MemoryBudget) { self.budget = budget }

    deinit { release() }

    /// Throws ``StorageError/overloaded(_:)`` where there is no memory for a body of that size.
    func hold(_ bytes: Int) throws {
        guard bytes > BodyMemory.small else { return }
        try held.withLock { held in
            guard bytes > held else { return }
            let more = max(bytes - held, 1 << 20)
            try budget.reserve(more, for: .requests)
            held += more
        }
    }

    func release() {
        let bytes = held.withLock { held in
            defer { held = 0 }
            return held
        }
        budget.release(bytes, of: .requests)
    }
}
