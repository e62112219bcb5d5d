import Storage

/// The ids of the last batches, and of those that are being appended.
struct RecentBatches {
    private var known: Set<BatchID> = []
    private var order: [BatchID] = []
    private var oldest = 0
    private var underWay: [BatchID: [CheckedContinuation<Void, Never>]] = [:]

    static let limit = 10_000

    enum Claim {
        case mine
        case stored
        case underWay
    }

    mutating func claim(_ id: BatchID) -> Claim {
        if known.contains(id) { return .stored }
        if underWay[id] != nil { return .underWay }
        underWay[id] = []
        return .mine
    }

    /// False where it has ended meanwhile.
    mutating func wait(for id: BatchID, _ continuation: CheckedContinuation<Void, Never>) -> Bool {
        guard underWay[id] != nil else { return false }
        underWay[id]?.append(continuation)
        return true
    }

    /// Answers who waited.
    mutating func end(_ id: BatchID, stored: Bool) -> [CheckedContinuation<Void, Never>] {
        if stored { remember(id) }
        return underWay.removeValue(forKey: id) ?? []
    }

    mutating func remember(_ id: BatchID) {
        guard known.insert(id).inserted else { return }
        if order.count < RecentBatches.limit {
            order.append(id)
        } else {
            known.remove(order[oldest])
            order[oldest] = id
            oldest = (oldest + 1) % RecentBatches.limit
        }
    }
}
