internal import Telemetry

/// The order of series in a part: that of label sets (label by label, name before value, bytewise) with `le` left out,
/// then by the number in `le`.
///
/// So the buckets of one classic histogram stand side by side, where each is written as the difference to the one
/// before. It is no order that anybody sees; only that all parts have the same one matters.
struct PartOrder: Comparable {
    let labels: LabelSet
    /// Where the label `le` is in the canonical bytes, both its fields; empty at the end where there is none.
    let cut: Range<Int>
    /// Where its value is.
    private let boundText: Range<Int>

    init(_ labels: LabelSet) {
        self.labels = labels
        let count = labels.bytes.count
        var found = count..<count
        var value = count..<count
        unsafe labels.bytes.withUnsafeBytes { bytes in
            var cursor = 0
            while cursor < count {
                let start = cursor
                let name = unsafe PartOrder.field(bytes, &cursor)
                let text = unsafe PartOrder.field(bytes, &cursor)
                if name.count == 2, unsafe bytes[name.lowerBound] == 0x6c, unsafe bytes[name.lowerBound + 1] == 0x65 {
                    found = start..<cursor
                    value = text
                    return
                }
            }
        }
        cut = found
        boundText = value
    }

    /// The number in `le`; what is none counts as the largest.
    private var bound: Double {
        guard hasBound else { return 0 }
        let text = String(decoding: labels.bytes[boundText], as: UTF8.self)
        let number = text == "+Inf" ? Double.infinity : Double(text) ?? .nan
        return number.isNaN ? .infinity : number
    }

    var hasBound: Bool { !cut.isEmpty }

    /// Whether the two differ in nothing but `le`.
    func isSibling(of other: PartOrder) -> Bool {
        hasBound && other.hasBound && labels.bytes.count - cut.count == other.labels.bytes.count - other.cut.count
            && labels.bytes[..<cut.lowerBound] == other.labels.bytes[..<other.cut.lowerBound]
            && labels.bytes[cut.upperBound...] == other.labels.bytes[other.cut.upperBound...]
    }

    static func == (a: PartOrder, b: PartOrder) -> Bool { a.labels == b.labels }

    static func < (a: PartOrder, b: PartOrder) -> Bool {
        let order = compare(a, b)
        if order != 0 { return order < 0 }
        let (first, second) = (a.bound, b.bound)
        if first != second { return first < second }
        return a.labels.bytes.lexicographicallyPrecedes(b.labels.bytes)
    }

    static func precedes(_ a: LabelSet, _ b: LabelSet) -> Bool { PartOrder(a) < PartOrder(b) }

    /// Below 0, 0 or above 0 for the labels outside of the cuts.
    private static func compare(_ a: PartOrder, _ b: PartOrder) -> Int {
        unsafe a.labels.bytes.withUnsafeBytes { first in
            unsafe b.labels.bytes.withUnsafeBytes { second in
                var i = a.cut.lowerBound == 0 ? a.cut.upperBound : 0
                var j = b.cut.lowerBound == 0 ? b.cut.upperBound : 0
                while i < first.count, j < second.count {
                    // Of a name and of a value, in turn: their order is that of the label sets.
                    let one = unsafe field(first, &i)
                    let other = unsafe field(second, &j)
                    let order = unsafe memcmp(first, one, second, other)
                    if order != 0 { return order }
                    if i == a.cut.lowerBound { i = a.cut.upperBound }
                    if j == b.cut.lowerBound { j = b.cut.upperBound }
                }
                return i < first.count ? 1 : j < second.count ? -1 : 0
            }
        }
    }

    @unsafe @inline(__always)
    private static func field(_ bytes: UnsafeRawBufferPointer, _ cursor: inout Int) -> Range<Int> {
        var length = 0
        var shift = 0
        while cursor < bytes.count, shift < 35 {
            let byte = unsafe bytes[cursor]
            cursor &+= 1
            length |= Int(byte & 0x7f) << shift
            if byte < 0x80 { break }
            shift &+= 7
        }
        let start = cursor
        cursor = min(bytes.count, start &+ length)
        return start..<cursor
    }

    @unsafe @inline(__always)
    private static func memcmp(
        _ a: UnsafeRawBufferPointer, _ first: Range<Int>, _ b: UnsafeRawBufferPointer, _ second: Range<Int>
    ) -> Int {
        for offset in 0..<min(first.count, second.count) {
            let x = unsafe a[first.lowerBound &+ offset]
            let y = unsafe b[second.lowerBound &+ offset]
            if x != y { return x < y ? -1 : 1 }
        }
        return first.count - second.count
    }
}
