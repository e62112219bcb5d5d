import Codecs
import Telemetry

/// The identity of a group: its bytes, because `==` of strings takes different spellings of one character for equal and
/// a NaN is not equal to itself.
struct GroupKey: Hashable, Comparable {
    let labels: [UInt8]
    let shared: [UInt8]

    init(_ group: EventGroup) {
        labels = group.labels.bytes
        var bytes: [UInt8] = []
        if !group.shared.isEmpty { AttributeValue.map(group.shared).encode(to: &bytes) }
        shared = bytes
    }

    init(labels: [UInt8], shared: [UInt8]) {
        self.labels = labels
        self.shared = shared
    }

    init(_ reader: inout ByteReader) throws(CodecError) {
        labels = Array(try reader.readLengthPrefixed())
        shared = Array(try reader.readLengthPrefixed())
    }

    func write(to writer: inout ByteWriter) {
        writer.writeLengthPrefixed(labels)
        writer.writeLengthPrefixed(shared)
    }

    /// nil where the labels are not canonical.
    var group: EventGroup? {
        guard let set = LabelSet(checking: labels) else { return nil }
        guard !shared.isEmpty else { return EventGroup(labels: set) }
        guard case .map(let attributes) = AttributeValue(kind: .map, bytes: shared[...]) else { return nil }
        return EventGroup(labels: set, shared: attributes)
    }

    /// The order of groups in a part of the `logs` table.
    static func < (a: GroupKey, b: GroupKey) -> Bool {
        if a.labels != b.labels { return LabelSet(canonical: a.labels) < LabelSet(canonical: b.labels) }
        return a.shared.lexicographicallyPrecedes(b.shared)
    }
}

/// Groups by number.
struct GroupTable {
    private(set) var groups: [EventGroup] = []
    private(set) var keys: [GroupKey] = []
    private var numbers: [GroupKey: UInt32] = [:]

    init() {}

    var count: Int { groups.count }

    mutating func number(of group: EventGroup) -> UInt32 { number(of: GroupKey(group), group) }

    mutating func number(of key: GroupKey, _ group: EventGroup) -> UInt32 {
        if let known = numbers[key] { return known }
        let number = UInt32(truncatingIfNeeded: groups.count)
        groups.append(group)
        keys.append(key)
        numbers[key] = number
        return number
    }

    /// Bytes that the table costs in memory, roughly.
    var footprint: Int { keys.reduce(0) { $0 + 3 * ($1.labels.count + $1.shared.count) + 200 } }
}

/// The first 16 bytes of a trace id as numbers, padded with zeros: what spans are sorted by.
struct TraceKey: Hashable, Comparable {
    var high: UInt64
    var low: UInt64

    static let zero = TraceKey(high: 0, low: 0)

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(_ bytes: some Collection<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        for (i, byte) in bytes.prefix(16).enumerated() {
            if i < 8 {
                words.0 |= UInt64(byte) << UInt64(56 - 8 * i)
            } else {
                words.1 |= UInt64(byte) << UInt64(120 - 8 * i)
            }
        }
        self.init(high: words.0, low: words.1)
    }

    static func < (a: TraceKey, b: TraceKey) -> Bool { a.high == b.high ? a.low < b.low : a.high < b.high }
}
