/// One value's head, or the whole value where it has no parts. Ranges are of the bytes that are read.
package enum MessagePackToken: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    /// Beyond `Int64`.
    case unsigned(UInt64)
    case double(Double)
    case string(Range<Int>)
    case binary(Range<Int>)
    /// So many values follow.
    case array(Int)
    /// So many pairs follow.
    case map(Int)
    case extended(Int8, Range<Int>)
}

/// Reads MessagePack value by value. A count or a length that cannot be there is refused before anything is made of it.
package struct MessagePackReader: Sendable {
    package let bytes: [UInt8]
    package private(set) var offset: Int
    package let end: Int

    package init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    package init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }

    package var isAtEnd: Bool { offset >= end }

    package func failure(_ reason: String) -> WireError { .messagePack(reason, offset: offset) }

    package mutating func next() throws(WireError) -> MessagePackToken {
        guard offset < end else { throw failure("a value is missing") }
        let head = bytes[offset]
        offset += 1
        switch head {
        case 0x00...0x7f: return .int(Int64(head))
        case 0x80...0x8f: return try map(Int(head & 0x0f))
        case 0x90...0x9f: return try array(Int(head & 0x0f))
        case 0xa0...0xbf: return .string(try take(Int(head & 0x1f)))
        case 0xc0: return .null
        case 0xc2: return .bool(false)
        case 0xc3: return .bool(true)
        case 0xc4...0xc6: return .binary(try take(try size(1 << Int(head - 0xc4))))
        case 0xc7...0xc9: return try extended(try size(1 << Int(head - 0xc7)))
        case 0xca: return .double(Double(Float(bitPattern: UInt32(truncatingIfNeeded: try unsigned(4)))))
        case 0xcb: return .double(Double(bitPattern: try unsigned(8)))
        case 0xcc...0xcf:
            let number = try unsigned(1 << Int(head - 0xcc))
            return number <= UInt64(Int64.max) ? .int(Int64(number)) : .unsigned(number)
        case 0xd0...0xd3: return .int(try signed(1 << Int(head - 0xd0)))
        case 0xd4...0xd8: return try extended(1 << Int(head - 0xd4))
        case 0xd9...0xdb: return .string(try take(try size(1 << Int(head - 0xd9))))
        case 0xdc...0xdd: return try array(try size(2 << Int(head - 0xdc)))
        case 0xde...0xdf: return try map(try size(2 << Int(head - 0xde)))
        case 0xe0...0xff: return .int(Int64(Int8(bitPattern: head)))
        default:
            offset -= 1
            throw failure("byte 0xc1 begins no value")
        }
    }

    /// What the next value is, without reading it.
    package func peek() throws(WireError) -> MessagePackToken {
        var ahead = self
        return try ahead.next()
    }

    /// Passes over one whole value, however deep: by counting, not by recursion.
    package mutating func skip() throws(WireError) {
        var pending = 1
        while pending > 0 {
            pending -= 1
            switch try next() {
            case .array(let count): pending += count
            case .map(let count): pending += count * 2
            default: break
            }
        }
    }

    private func array(_ count: Int) throws(WireError) -> MessagePackToken {
        guard count <= end - offset else {
            throw failure("an array says it has \(count) values, and the bytes end before")
        }
        return .array(count)
    }

    private func map(_ count: Int) throws(WireError) -> MessagePackToken {
        guard count <= (end - offset) / 2 else {
            throw failure("a map says it has \(count) pairs, and the bytes end before")
        }
        return .map(count)
    }

    private mutating func extended(_ count: Int) throws(WireError) -> MessagePackToken {
        let type = Int8(truncatingIfNeeded: try unsigned(1))
        return .extended(type, try take(count))
    }

    private mutating func take(_ count: Int) throws(WireError) -> Range<Int> {
        guard count <= end - offset else { throw failure("a value of \(count) bytes is cut off") }
        defer { offset += count }
        return offset..<offset + count
    }

    private mutating func size(_ width: Int) throws(WireError) -> Int { Int(truncatingIfNeeded: try unsigned(width)) }

    private mutating func unsigned(_ width: Int) throws(WireError) -> UInt64 {
        let range = try take(width)
        var value: UInt64 = 0
        for index in range { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    private mutating func signed(_ width: Int) throws(WireError) -> Int64 {
        let value = try unsigned(width)
        let shift = 64 - 8 * UInt64(width)
        return Int64(bitPattern: value << shift) >> Int64(shift)
    }
}

/// Finds where a value ends in bytes that arrive piece by piece; nothing is looked at twice.
package struct MessagePackScanner: Sendable {
    package enum Finding: Hashable, Sendable {
        /// The value ends here.
        case end(Int)
        case needsMore
    }

    private let limit: Int
    /// Where the value began, and how far it has been followed.
    private var start = -1
    private var offset = 0
    private var pending = 1

    /// `limit` is of bytes in one value.
    package init(limit: Int) { self.limit = limit }

    /// `bytes` may have grown at their end since the last call; `from` is where the value begins.
    package mutating func scan(_ bytes: [UInt8], from: Int) throws(WireError) -> Finding {
        if start < 0 {
            start = from
            offset = from
            pending = 1
        }
        while pending > 0 {
            guard offset < bytes.count else { return try checked(.needsMore) }
            guard let step = try step(bytes) else { return try checked(.needsMore) }
            pending += step.values - 1
            offset += step.bytes
            guard offset - start <= limit, pending <= limit else {
                throw .messagePack("a message of more than \(limit) bytes is not taken", offset: offset - start)
            }
        }
        guard offset <= bytes.count else { return .needsMore }
        start = -1
        return .end(offset)
    }

    /// The bytes before `count` were removed.
    package mutating func didRemove(_ count: Int) {
        guard start >= 0 else { return }
        start -= count
        offset -= count
    }

    private func checked(_ finding: Finding) throws(WireError) -> Finding { finding }

    /// Of the value at `offset`: bytes of head and payload, values inside. Nil where its head has not arrived.
    private func step(_ bytes: [UInt8]) throws(WireError) -> (bytes: Int, values: Int)? {
        let head = bytes[offset]
        func number(_ width: Int) -> Int? {
            guard offset + width < bytes.count else { return nil }
            var value = 0
            for index in 1...width { value = value << 8 | Int(bytes[offset + index]) }
            return value
        }
        func sized(_ width: Int, _ extra: Int = 0) -> (Int, Int)? { number(width).map { (1 + width + extra + $0, 0) } }
        switch head {
        case 0x00...0x7f, 0xc0, 0xc2, 0xc3, 0xe0...0xff: return (1, 0)
        case 0x80...0x8f: return (1, 2 * Int(head & 0x0f))
        case 0x90...0x9f: return (1, Int(head & 0x0f))
        case 0xa0...0xbf: return (1 + Int(head & 0x1f), 0)
        case 0xc4...0xc6: return sized(1 << Int(head - 0xc4))
        case 0xc7...0xc9: return sized(1 << Int(head - 0xc7), 1)
        case 0xca: return (5, 0)
        case 0xcb: return (9, 0)
        case 0xcc...0xcf: return (1 + 1 << Int(head - 0xcc), 0)
        case 0xd0...0xd3: return (1 + 1 << Int(head - 0xd0), 0)
        case 0xd4...0xd8: return (2 + 1 << Int(head - 0xd4), 0)
        case 0xd9...0xdb: return sized(1 << Int(head - 0xd9))
        case 0xdc, 0xdd:
            let width = 2 << Int(head - 0xdc)
            return number(width).map { (1 + width, $0) }
        case 0xde, 0xdf:
            let width = 2 << Int(head - 0xde)
            return number(width).map { (1 + width, 2 * $0) }
        default: throw .messagePack("byte 0xc1 begins no value", offset: offset - start)
        }
    }
}
