/// Cuts a stream into syslog messages (RFC 6587): a message that begins with its length in digits is counted, every
/// other one ends with a line feed or a NUL.
package struct SyslogFraming: Sendable {
    package enum Frame: Hashable, Sendable {
        /// In ``buffer``.
        case message(Range<Int>)
        /// So many bytes of a message that is too long were passed over.
        case tooLong(Int)
    }

    package private(set) var buffer: [UInt8] = []
    private let limit: Int
    private var start = 0
    /// Up to here no end of line was found.
    private var searched = 0
    /// Of a message that is passed over: what is left of a counted one, or bytes so far of one that ends with a line.
    private var skipping: Skipping?

    private enum Skipping {
        case counted(left: Int, size: Int)
        case line(size: Int)
    }

    /// `limit` is of bytes in one message.
    package init(limit: Int) { self.limit = limit }

    package var heldBytes: Int { buffer.count - start }

    package mutating func receive(_ bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    /// The frames' ranges are valid until this.
    package mutating func compact() {
        guard start > 0 else { return }
        buffer.removeFirst(start)
        if buffer.isEmpty, buffer.capacity > 1 << 20 { buffer = [] }
        searched = max(0, searched - start)
        start = 0
    }

    package mutating func next() -> Frame? {
        if let skipping { return resume(skipping) }
        while start < buffer.count, isBetween(buffer[start]) { start += 1 }
        searched = max(searched, start)
        guard start < buffer.count else { return nil }
        switch count() {
        case .some(.some(let (length, body))):
            if length > limit {
                start = body
                return resume(.counted(left: length, size: length))
            }
            guard buffer.count - body >= length else { return nil }
            start = body + length
            return .message(body..<start)
        // Perhaps a count, of which more has to come.
        case .some(.none): return nil
        case .none: return line()
        }
    }

    /// The stream is over: what is left is a message without its end.
    package mutating func finish() -> Frame? {
        if let frame = next() { return frame }
        guard start < buffer.count, skipping == nil else { return nil }
        defer { start = buffer.count }
        return .message(start..<buffer.count)
    }

    private func isBetween(_ byte: UInt8) -> Bool { byte == 0x0a || byte == 0x0d || byte == 0 }

    /// `MSGLEN SP` before `<`: nil where there is none, an empty one where that cannot be said yet.
    private func count() -> (length: Int, body: Int)?? {
        var index = start
        var length = 0
        while index < buffer.count, buffer[index] &- 0x30 < 10 {
            guard index - start < 9 else { return .none }
            length = length * 10 + Int(buffer[index] &- 0x30)
            index += 1
        }
        guard index > start, buffer[start] != UInt8(ascii: "0") else { return .none }
        guard index < buffer.count else { return .some(nil) }
        guard buffer[index] == 0x20 else { return .none }
        guard index + 1 < buffer.count else { return .some(nil) }
        // A line of text may begin with a number too; a message of syslog begins with its priority.
        guard buffer[index + 1] == UInt8(ascii: "<") else { return .none }
        return .some((length, index + 1))
    }

    private mutating func line() -> Frame? {
        while searched < buffer.count, buffer[searched] != 0x0a, buffer[searched] != 0 { searched += 1 }
        guard searched < buffer.count else {
            guard buffer.count - start > limit else { return nil }
            skipping = .line(size: buffer.count - start)
            start = buffer.count
            return nil
        }
        var end = searched
        let size = end - start
        defer {
            start = searched + 1
            searched = start
        }
        if size > limit { return .tooLong(size) }
        if end > start, buffer[end - 1] == 0x0d { end -= 1 }
        return .message(start..<end)
    }

    private mutating func resume(_ what: Skipping) -> Frame? {
        switch what {
        case .counted(let left, let size):
            let step = min(left, buffer.count - start)
            start += step
            searched = max(searched, start)
            skipping = step < left ? .counted(left: left - step, size: size) : nil
            return step < left ? nil : .tooLong(size)
        case .line(let size):
            var end = start
            while end < buffer.count, buffer[end] != 0x0a, buffer[end] != 0 { end += 1 }
            let sum = size &+ (end - start)
            let isOver = end < buffer.count
            start = isOver ? end + 1 : end
            searched = max(searched, start)
            skipping = isOver ? nil : .line(size: sum)
            return isOver ? .tooLong(sum) : nil
        }
    }
}
