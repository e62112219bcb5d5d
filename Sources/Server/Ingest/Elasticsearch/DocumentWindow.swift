import Synchronization

/// Documents that came lately with an id of their own: `create` of one that is there is a conflict, not a second copy.
///
/// Two generations of hashes; a collision of two different documents among the last half million has a chance of 10^-8.
final class DocumentWindow: Sendable {
    private static let generation = 1 << 18

    private struct Generations {
        var young: [UInt64: UInt64] = [:]
        var old: [UInt64: UInt64] = [:]
    }

    private let generations = Mutex(Generations())

    /// The hash of the document that was stored under this identity.
    func document(_ identity: UInt64) -> UInt64? {
        generations.withLock { $0.young[identity] ?? $0.old[identity] }
    }

    /// To be called when they are durable.
    func remember(_ documents: [(identity: UInt64, document: UInt64)]) {
        generations.withLock { generations in
            for one in documents { generations.young[one.identity] = one.document }
            if generations.young.count >= DocumentWindow.generation {
                generations.old = generations.young
                generations.young = [:]
            }
        }
    }
}
