import Telemetry

/// One record of named values as most shippers send them, flattened: a value inside a map has its path as its name,
/// joined with points. Kept for the next record, so that none allocates.
package struct FlatRecord: Sendable {
    package struct Field: Sendable {
        package var name: Range<Int>
        package var value: Range<Int>
        package var kind: ValueKind
    }

    /// Enough for the longest line that is kept and all its metadata; what is longer is only counted.
    package static let longest = 8 << 20

    /// Names and values, in the layout of `ValueKind`.
    package internal(set) var bytes: [UInt8] = []
    package private(set) var fields: [Field] = []
    /// Set where the record was longer than ``longest`` or had more fields than a record can have.
    package private(set) var isOverLimit = false
    private var path: [UInt8] = []
    private let mostFields: Int

    package init(mostFields: Int = 4096) { self.mostFields = mostFields }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.capacity < 1 << 20)
        fields.removeAll(keepingCapacity: true)
        path.removeAll(keepingCapacity: true)
        isOverLimit = false
    }

    // MARK: Maps

    /// Names that follow are inside of `key`; hand what it answers to ``leave(_:)``.
    mutating func enter(_ key: ArraySlice<UInt8>) -> Int {
        let mark = path.count
        // A path that is longer than any name may be is not needed in full.
        if path.count < 4096 {
            path.append(contentsOf: key.prefix(4096))
            path.append(UInt8(ascii: "."))
        }
        return mark
    }

    mutating func leave(_ mark: Int) { path.removeLast(path.count - mark) }

    // MARK: Values

    /// Starts a value: append its payload to ``bytes``, then call ``end(_:_:)`` with what this answered.
    mutating func begin(_ key: ArraySlice<UInt8>) -> Range<Int> {
        let start = bytes.count
        bytes.append(contentsOf: path)
        bytes.append(contentsOf: key.prefix(4096))
        return start..<bytes.count
    }

    mutating func end(_ name: Range<Int>, _ kind: ValueKind) {
        guard bytes.count <= FlatRecord.longest, fields.count < mostFields else {
            isOverLimit = true
            bytes.removeLast(bytes.count - name.lowerBound)
            return
        }
        fields.append(Field(name: name, value: name.upperBound..<bytes.count, kind: kind))
    }

    /// Forgets a value that was begun.
    mutating func cancel(_ name: Range<Int>) { bytes.removeLast(bytes.count - name.lowerBound) }

    mutating func text(_ key: ArraySlice<UInt8>, _ source: [UInt8], _ range: Range<Int>) {
        let name = begin(key)
        guard range.count <= FlatRecord.longest else {
            cancel(name)
            isOverLimit = true
            return
        }
        UTF8Text.append(source, range, to: &bytes)
        end(name, .string)
    }

    package mutating func text(_ key: StaticString, _ source: [UInt8], _ range: Range<Int>) {
        let name = begin(key)
        UTF8Text.append(source, range, to: &bytes)
        end(name, .string)
    }

    package mutating func text(_ key: StaticString, _ value: String) {
        let name = begin(key)
        bytes.append(contentsOf: value.utf8)
        end(name, .string)
    }

    package mutating func text(_ key: String, _ value: String) {
        let name = begin(Array(key.utf8)[...])
        bytes.append(contentsOf: value.utf8)
        end(name, .string)
    }

    package mutating func int(_ key: StaticString, _ value: Int64) {
        let name = begin(key)
        append(word: UInt64(bitPattern: value))
        end(name, .int)
    }

    mutating func int(_ key: ArraySlice<UInt8>, _ value: Int64) {
        let name = begin(key)
        append(word: UInt64(bitPattern: value))
        end(name, .int)
    }

    mutating func double(_ key: ArraySlice<UInt8>, _ value: Double) {
        let name = begin(key)
        append(word: value.bitPattern)
        end(name, .double)
    }

    mutating func bool(_ key: ArraySlice<UInt8>, _ value: Bool) {
        let name = begin(key)
        bytes.append(value ? 1 : 0)
        end(name, .bool)
    }

    private mutating func begin(_ key: StaticString) -> Range<Int> {
        let start = bytes.count
        key.withUTF8Buffer { buffer in unsafe bytes.append(contentsOf: buffer) }
        return start..<bytes.count
    }

    private mutating func append(word: UInt64) {
        for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * i))) }
    }

    // MARK: Reading

    /// Of an int or a double.
    func word(_ field: Field) -> UInt64 {
        var value: UInt64 = 0
        for (i, index) in field.value.prefix(8).enumerated() { value |= UInt64(bytes[index]) << UInt64(8 * i) }
        return value
    }

    /// The value as text: what a line or a label is made of.
    func appendText(_ field: Field, to out: inout [UInt8]) {
        if field.kind == .string {
            UTF8Text.copy(bytes, field.value, to: &out)
        } else {
            AttributeValue(kind: field.kind, bytes: bytes[field.value]).appendText(to: &out)
        }
    }
}
