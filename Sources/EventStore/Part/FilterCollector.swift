/// Filters of blocks that are being written, until a matrix of them is full.
struct FilterCollector {
    private struct Kind: Hashable {
        var column: String
        var grams: GramKind
        var bytes: Int
    }

    private struct Waiting {
        var blocks: [UInt32] = []
        var filters: [[UInt8]] = []
    }

    private var waiting: [Kind: Waiting] = [:]
    private var held = 0
    /// Many columns with few blocks each are written early rather than held.
    private static let heldLimit = 12 << 20

    /// Answers matrices that have to be written now; their offsets are not set.
    mutating func add(_ filter: GramFilter, column: String, block: Int) -> [(matrix: FilterMatrix, body: [UInt8])] {
        let kind = Kind(column: column, grams: filter.kind, bytes: filter.bits.count)
        waiting[kind, default: Waiting()].blocks.append(UInt32(truncatingIfNeeded: block))
        waiting[kind, default: Waiting()].filters.append(filter.bits)
        held += kind.bytes
        if held > FilterCollector.heldLimit { return takeAll() }
        guard let full = waiting[kind], full.blocks.count >= FilterMatrix.maximumBlocks else { return [] }
        waiting[kind] = nil
        held -= full.filters.count * kind.bytes
        return [matrix(kind, full)]
    }

    mutating func takeAll() -> [(matrix: FilterMatrix, body: [UInt8])] {
        defer {
            waiting = [:]
            held = 0
        }
        return waiting.keys.sorted {
            ($0.column, $0.grams.rawValue, $0.bytes) < ($1.column, $1.grams.rawValue, $1.bytes)
        }.compactMap { kind in
            waiting[kind].map { matrix(kind, $0) }
        }
    }

    private func matrix(_ kind: Kind, _ waiting: Waiting) -> (matrix: FilterMatrix, body: [UInt8]) {
        let body = FilterMatrix.encode(waiting.filters, kind: kind.grams, filterBytes: kind.bytes)
        return (
            FilterMatrix(
                column: kind.column, kind: kind.grams, filterBytes: kind.bytes, blocks: waiting.blocks, offset: 0,
                length: body.count), body
        )
    }
}
