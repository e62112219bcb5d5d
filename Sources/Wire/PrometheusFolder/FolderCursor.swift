import Codecs

/// Walks a part of a file with Go's spellings of numbers: big-endian, and varints. Holds one piece of it at a time.
package struct FolderCursor: Sendable {
    private static let piece = 1 << 18

    private let file: any FolderFile
    private var window: [UInt8] = []
    private var windowStart: Int
    private var index = 0
    /// Offset in the file behind the part.
    package let end: Int

    /// From `start` up to `end` of the file.
    package init(_ file: any FolderFile, from start: Int, to end: Int) throws(PrometheusFolderError) {
        guard start >= 0, start <= end, end <= file.count else {
            throw .corrupt(
                file: file.name, offset: max(0, min(start, file.count)),
                reason: "a section from \(start) to \(end) is outside of the file's \(file.count) bytes")
        }
        self.file = file
        self.end = end
        windowStart = start
    }

    /// Bytes that were read already, and where in the file they stood (a compressed record's: where it begins).
    package init(_ bytes: [UInt8], of file: any FolderFile, at offset: Int) {
        self.file = file
        window = bytes
        windowStart = offset
        end = offset &+ bytes.count
    }

    package var offset: Int { windowStart &+ index }
    package var isAtEnd: Bool { offset >= end }
    package var remaining: Int { end &- offset }

    package func failure(_ reason: String) -> PrometheusFolderError {
        .corrupt(file: file.name, offset: offset, reason: reason)
    }

    @inline(__always)
    private mutating func need(_ count: Int) throws(PrometheusFolderError) {
        if window.count &- index < count { try refill(count) }
    }

    private mutating func refill(_ count: Int) throws(PrometheusFolderError) {
        guard count >= 0, count <= remaining else {
            throw failure("\(count) bytes expected, \(remaining) left in this part")
        }
        let start = offset
        window = try file.bytes(at: start, count: max(count, min(FolderCursor.piece, end - start)))
        windowStart = start
        index = 0
    }

    package mutating func byte() throws(PrometheusFolderError) -> UInt8 {
        try need(1)
        defer { index &+= 1 }
        return window[index]
    }

    package mutating func fixed32() throws(PrometheusFolderError) -> UInt32 {
        UInt32(truncatingIfNeeded: try big(4))
    }

    package mutating func fixed64() throws(PrometheusFolderError) -> UInt64 { try big(8) }

    package mutating func double() throws(PrometheusFolderError) -> Double { Double(bitPattern: try big(8)) }

    private mutating func big(_ count: Int) throws(PrometheusFolderError) -> UInt64 {
        try need(count)
        var value: UInt64 = 0
        for i in 0..<count { value = value &<< 8 | UInt64(window[index &+ i]) }
        index &+= count
        return value
    }

    package mutating func unsignedVarint() throws(PrometheusFolderError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 70 {
            try need(1)
            let byte = window[index]
            index &+= 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
        throw failure("a varint is longer than 10 bytes")
    }

    /// Go's signed varint is zigzag.
    package mutating func varint() throws(PrometheusFolderError) -> Int64 { ZigZag.decode(try unsignedVarint()) }

    /// A number of things that take at least `size` bytes each: checked before anything is allocated for them.
    package mutating func count(ofSize size: Int) throws(PrometheusFolderError) -> Int {
        let start = self
        let value = try unsignedVarint()
        guard value <= UInt64(max(0, remaining / max(1, size))) else {
            throw start.failure("\(value) entries do not fit the \(remaining) bytes that are left")
        }
        return Int(truncatingIfNeeded: value)
    }

    package mutating func bytes(_ count: Int) throws(PrometheusFolderError) -> ArraySlice<UInt8> {
        guard count >= 0 else { throw failure("a negative length") }
        try need(count)
        defer { index &+= count }
        return window[index..<index &+ count]
    }

    package mutating func lengthPrefixed() throws(PrometheusFolderError) -> ArraySlice<UInt8> {
        try bytes(try count(ofSize: 1))
    }

    package mutating func skip(_ count: Int) throws(PrometheusFolderError) {
        guard count >= 0, count <= remaining else { throw failure("\(count) bytes expected, \(remaining) left") }
        if count <= window.count &- index {
            index &+= count
        } else {
            windowStart = offset &+ count
            index = 0
            window = []
        }
    }

    /// CRC-32C of the bytes from `start` to `end`, read by the piece.
    package static func checksum(
        _ file: any FolderFile, from start: Int, to end: Int
    ) throws(PrometheusFolderError) -> UInt32 {
        var sum: UInt32 = 0
        var position = start
        while position < end {
            let piece = try file.bytes(at: position, count: min(FolderCursor.piece, end - position))
            sum = CRC32C.checksum(piece, continuing: sum)
            position += piece.count
        }
        return sum
    }
}

extension FolderCursor {
    /// Labels as the log spells them, in `LabelSet`'s form.
    mutating func labels(_ builder: inout LabelBuilder) throws(PrometheusFolderError) {
        builder.removeAll()
        for _ in 0..<(try count(ofSize: 2)) {
            let name = Array(try lengthPrefixed())
            builder.append(name: name, value: try lengthPrefixed())
        }
        _ = builder.finish()
    }
}
