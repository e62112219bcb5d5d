internal import Storage
internal import Telemetry

/// The values of one label for the rows of a block, as the pipeline would read them.
struct LabelColumn {
    static let absent: Int32 = -1
    /// The row's line has to be parsed.
    static let unknown: Int32 = -2

    /// By row; nil where all rows have the same: value 0, or none if there is no value.
    private(set) var codes: [Int32]?
    private var ends: [UInt32] = []
    private var bytes: [UInt8] = []

    /// No row has the label.
    init() {}

    init(_ value: some Sequence<UInt8>) { _ = add(value) }

    /// A row's own column.
    init(_ column: EventBlockColumn) {
        codes = column.codes
        if column.kind == .string {
            ends = column.ends
            bytes = column.bytes
            return
        }
        for i in 0..<column.count {
            FieldText.append(kind: column.kind(of: i), column.bytes[column.range(i)], to: &bytes)
            ends.append(UInt32(truncatingIfNeeded: bytes.count))
        }
    }

    init(codes: [Int32], ends: [UInt32], bytes: [UInt8]) {
        self.codes = codes
        self.ends = ends
        self.bytes = bytes
    }

    var count: Int { ends.count }

    func value(_ code: Int) -> ArraySlice<UInt8> { bytes[(code == 0 ? 0 : Int(ends[code - 1]))..<Int(ends[code])] }

    func code(_ row: Int) -> Int32 {
        if let codes { return codes[row] }
        return ends.isEmpty ? LabelColumn.absent : 0
    }

    mutating func add(_ value: some Sequence<UInt8>) -> Int32 {
        bytes.append(contentsOf: value)
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
        return Int32(truncatingIfNeeded: ends.count - 1)
    }

    /// Adds the values of another, whose codes are then larger by the answer.
    mutating func add(valuesOf other: LabelColumn) -> Int32 {
        let shift = Int32(truncatingIfNeeded: ends.count)
        let base = UInt32(truncatingIfNeeded: bytes.count)
        for end in other.ends { ends.append(end &+ base) }
        bytes += other.bytes
        return shift
    }

    mutating func set(_ codes: [Int32]) { self.codes = codes }

    /// What rows without a value have in another column.
    mutating func fillAbsent(from other: LabelColumn, rows: Int) {
        if other.codes == nil, other.count == 0 { return }
        let shift = add(valuesOf: other)
        var merged = codes ?? [Int32](repeating: ends.isEmpty ? LabelColumn.absent : 0, count: rows)
        for row in merged.indices where merged[row] == LabelColumn.absent {
            let code = other.code(row)
            merged[row] = code >= 0 ? code &+ shift : code
        }
        codes = merged
    }

    /// Each value anew: nil for those that are absent.
    mutating func replaceValues(_ body: (ArraySlice<UInt8>, inout [UInt8]) -> Int32?) {
        let (oldEnds, oldBytes) = (ends, bytes)
        var special = [Int32?](repeating: nil, count: oldEnds.count)
        ends.removeAll(keepingCapacity: true)
        bytes = []
        bytes.reserveCapacity(oldBytes.count)
        var start = 0
        var hasSpecial = false
        for (i, end) in oldEnds.enumerated() {
            special[i] = body(oldBytes[start..<Int(end)], &bytes)
            hasSpecial = hasSpecial || special[i] != nil
            ends.append(UInt32(truncatingIfNeeded: bytes.count))
            start = Int(end)
        }
        guard hasSpecial, let old = codes else { return }
        codes = old.map { $0 >= 0 ? special[Int($0)] ?? $0 : $0 }
    }

    var holdsBackslash: Bool { bytes.contains(0x5c) }
}
