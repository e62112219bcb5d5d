import Storage
import Telemetry

/// The rows of a block that pass, in the order of the scan.
final class BlockCursor {
    let block: ScanBlock
    /// While the block's columns are held.
    var copier: BlockCopier?
    /// The rows that pass.
    let mask: RowMask
    private let rows: [UInt32]
    private let times: [Int64]
    private let sequences: [UInt64]
    private var position = 0
    private let context: QueryContext
    private let charged: Int

    init(_ block: ScanBlock, _ mask: RowMask, newestFirst: Bool, context: QueryContext) throws {
        self.block = block
        self.mask = mask
        self.context = context
        // Row, time and sequence of each; nothing else of a block stays while its rows wait for their turn.
        charged = mask.population * 20 + mask.count / 8
        let allTimes = try block.times
        let allSequences = try block.sequences
        var order = mask.rows
        let inOrder = { (a: UInt32, b: UInt32) -> Bool in
            let (x, y) = (allTimes[Int(a)], allTimes[Int(b)])
            return x == y ? allSequences[Int(a)] < allSequences[Int(b)] : x < y
        }
        var sorted = true
        if order.count > 1 {
            for i in 1..<order.count where !inOrder(order[i - 1], order[i]) {
                sorted = false
                break
            }
        }
        if !sorted { order.sort(by: inOrder) }
        if newestFirst { order.reverse() }
        rows = order
        times = order.map { allTimes[Int($0)] }
        sequences = order.map { allSequences[Int($0)] }
        try context.charge(memory: charged)
    }

    deinit { context.release(memory: charged) }

    var isExhausted: Bool { position >= rows.count }
    var time: Int64 { times[position] }
    var sequence: UInt64 { sequences[position] }
    var row: UInt32 { rows[position] }
    func advance() { position += 1 }
}

/// Cursors by their next row.
struct CursorHeap {
    private var cursors: [BlockCursor] = []
    var isEmpty: Bool { cursors.isEmpty }
    private let newestFirst: Bool

    init(newestFirst: Bool) { self.newestFirst = newestFirst }

    /// Whether a row at `time` would have to come before the heap's next one, or with it.
    func isReached(_ time: Int64) -> Bool {
        guard let top = cursors.first else { return true }
        return newestFirst ? time >= top.time : time <= top.time
    }

    mutating func push(_ cursor: BlockCursor) {
        guard !cursor.isExhausted else { return }
        cursors.append(cursor)
        var child = cursors.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(cursors[child], cursors[parent]) else { break }
            cursors.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (BlockCursor, UInt32)? {
        guard let top = cursors.first else { return nil }
        let row = top.row
        top.advance()
        if top.isExhausted {
            let last = cursors.removeLast()
            if cursors.isEmpty { return (top, row) }
            cursors[0] = last
        }
        sink()
        return (top, row)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            let left = parent * 2 + 1
            guard left < cursors.count else { return }
            let right = left + 1
            let child = right < cursors.count && precedes(cursors[right], cursors[left]) ? right : left
            guard precedes(cursors[child], cursors[parent]) else { return }
            cursors.swapAt(child, parent)
            parent = child
        }
    }

    private func precedes(_ a: BlockCursor, _ b: BlockCursor) -> Bool {
        if a.time != b.time { return newestFirst ? a.time > b.time : a.time < b.time }
        return newestFirst ? a.sequence > b.sequence : a.sequence < b.sequence
    }
}
