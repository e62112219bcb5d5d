import Telemetry

/// Writes the payloads of `EventColumn` directly, in the layout that `ValueKind` describes, without an
/// `AttributeValue`
/// (whose every case is a heap box) in between.
struct ValuePayloadWriter {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Drops what was written from `start` on.
    mutating func truncate(to start: Int) { bytes.removeLast(bytes.count - start) }

    /// Starts an element of an array or a value of a map; hand what it answers to ``end(_:)``.
    mutating func begin(_ kind: ValueKind) -> Int {
        bytes.append(kind.rawValue)
        word(0, count: 4)
        return bytes.count
    }

    /// For a value whose kind is known only afterwards.
    mutating func end(_ start: Int, kind: ValueKind? = nil) {
        let length = UInt32(truncatingIfNeeded: bytes.count - start)
        for i in 0..<4 { bytes[start - 4 + i] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(i))) }
        if let kind { bytes[start - 5] = kind.rawValue }
    }

    mutating func key(_ name: StaticString) {
        word(UInt64(name.utf8CodeUnitCount), count: 4)
        name.withUTF8Buffer { buffer in unsafe bytes.append(contentsOf: buffer) }
    }

    mutating func key(_ source: [UInt8], _ range: Range<Int>) {
        let start = bytes.count
        word(0, count: 4)
        UTF8Text.append(source, range, to: &bytes)
        let length = UInt32(truncatingIfNeeded: bytes.count - start - 4)
        for i in 0..<4 { bytes[start + i] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(i))) }
    }

    mutating func int(_ value: Int64) { word(UInt64(bitPattern: value), count: 8) }
    mutating func double(_ value: UInt64) { word(value, count: 8) }
    mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }
    mutating func text(_ source: [UInt8], _ range: Range<Int>) { UTF8Text.append(source, range, to: &bytes) }
    mutating func data(_ source: [UInt8], _ range: Range<Int>) { UTF8Text.copy(source, range, to: &bytes) }

    mutating func intField(_ name: StaticString, _ value: Int64) {
        key(name)
        let start = begin(.int)
        int(value)
        end(start)
    }

    mutating func textField(_ name: StaticString, _ source: [UInt8], _ range: Range<Int>) {
        key(name)
        let start = begin(.string)
        text(source, range)
        end(start)
    }

    mutating func dataField(_ name: StaticString, _ source: [UInt8], _ range: Range<Int>) {
        key(name)
        let start = begin(.bytes)
        data(source, range)
        end(start)
    }

    private mutating func word(_ value: UInt64, count: Int) {
        for i in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * i))) }
    }
}
