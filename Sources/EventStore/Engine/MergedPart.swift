import Codecs
import Storage
import Telemetry

/// A part that is being merged.
struct MergedPart {
    let part: SealedPart
    let footer: PartFooter
    let table: EventTable
    /// Number of the part's group in the merged part.
    let numbers: [UInt32]
    let deletions: BlockDeletions
    let filters: BlockFilters

    init(_ part: SealedPart, table: EventTable, numbers: [UInt32], deletions: [PreparedDeletion]) throws {
        self.part = part
        self.table = table
        self.numbers = numbers
        footer = try part.footer
        self.deletions = try BlockDeletions(deletions, part: part, footer: footer)
        filters = BlockFilters(part: part, footer: footer)
    }

    /// Nothing in the block comes before this.
    func start(of entry: BlockEntry) -> PartMerger.Key {
        guard table == .logs else {
            return PartMerger.Key(high: entry.firstTrace.high, low: entry.firstTrace.low, time: .min, sequence: 0)
        }
        return PartMerger.Key(
            high: UInt64(numbers[Int(entry.groups.first)]), low: 0,
            time: entry.groups.count == 1 ? entry.firstTime : .min, sequence: 0)
    }

    /// The blocks in lists in which no block has a row that comes before one of a block before it: one list, unless
    /// blocks of a stream that overlap a little were copied as they were.
    var chains: [[Int]] {
        guard table == .logs else { return footer.blocks.isEmpty ? [] : [Array(footer.blocks.indices)] }
        var chains: [(blocks: [Int], group: UInt32, time: Int64, sequence: UInt64)] = []
        for (number, entry) in footer.blocks.enumerated() {
            let isOne = entry.groups.count == 1
            let group = entry.groups.first
            let at = chains.firstIndex { chain in
                if chain.group != group { return chain.group < group }
                guard isOne else { return false }
                return chain.time == entry.firstTime
                    ? chain.sequence < entry.firstSequence : chain.time < entry.firstTime
            }
            let last = entry.groups.last
            let time = isOne ? entry.lastTime : .max
            if let at {
                chains[at].blocks.append(number)
                (chains[at].group, chains[at].time, chains[at].sequence) = (last, time, entry.lastSequence)
            } else {
                chains.append(([number], last, time, entry.lastSequence))
            }
        }
        return chains.map(\.blocks)
    }
}

/// The substring filters of a part's blocks, taken out of its matrices.
final class BlockFilters {
    private let part: SealedPart
    private let footer: PartFooter
    private var loaded: Set<Int> = []
    private var filters: [UInt32: [(column: String, filter: GramFilter)]] = [:]

    init(part: SealedPart, footer: PartFooter) {
        self.part = part
        self.footer = footer
    }

    /// Those of one block; once.
    func take(_ block: Int) throws -> [(column: String, filter: GramFilter)] {
        let wanted = UInt32(truncatingIfNeeded: block)
        for (number, matrix) in footer.matrices.enumerated()
        where !loaded.contains(number) && matrix.blocks.contains(wanted) {
            loaded.insert(number)
            var plain: [UInt8] = []
            let bounds = try part.chunkBounds(of: matrix)
            for chunk in 0..<matrix.chunkCount { plain += try part.chunk(chunk, of: matrix, bounds) }
            for (block, filter) in zip(matrix.blocks, matrix.filters(plain: plain)) {
                filters[block, default: []].append((matrix.column, GramFilter(kind: matrix.kind, bits: filter)))
            }
        }
        return filters.removeValue(forKey: wanted) ?? []
    }

    /// Those of a block that is made anew.
    func drop(_ block: Int) { filters[UInt32(truncatingIfNeeded: block)] = nil }
}
