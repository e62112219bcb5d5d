import Glibc

/// Cuts bytes that come in pieces into lines, and knows where in the file each ends.
///
/// A line longer than the limit keeps its beginning and gets a mark; the rest of it is counted and not kept.
package struct LineSplitter: Sendable {
    package let longest: Int
    private var pending: [UInt8] = []
    /// Bytes of the unfinished line that are not kept.
    private var left = 0
    /// Lines that were cut.
    package private(set) var cutLines = 0

    package init(longest: Int) { self.longest = max(16, longest) }

    /// Bytes of the line whose end has not come.
    package var unfinishedBytes: Int { pending.count + left }

    /// Calls `body` for each line, without its line end (LF or CRLF), and the offset just after it.
    package mutating func feed(
        _ chunk: [UInt8], at offset: Int, _ body: (_ line: ArraySlice<UInt8>, _ end: Int) -> Void
    ) {
        var start = 0
        while start < chunk.count {
            guard let newline = LineSplitter.newline(in: chunk, from: start) else {
                keep(chunk[start...])
                return
            }
            if pending.isEmpty, left == 0, newline - start <= longest {
                body(LineSplitter.trimmed(chunk[start..<newline]), offset + newline + 1)
            } else {
                keep(chunk[start..<newline])
                finish(end: offset + newline + 1, body)
            }
            start = newline + 1
        }
    }

    /// The line that has no end: the file will not grow any more.
    package mutating func finish(end: Int, _ body: (_ line: ArraySlice<UInt8>, _ end: Int) -> Void) {
        var line = pending
        // A carriage return that was cut off is not the line's any more.
        let wasCut = left > 0
        if wasCut {
            cutLines += 1
            line = LineSplitter.marked(line, total: pending.count + left)
        }
        pending.removeAll(keepingCapacity: pending.capacity <= 1 << 16)
        left = 0
        body(wasCut ? line[...] : LineSplitter.trimmed(line[...]), end)
    }

    package mutating func reset() {
        pending = []
        left = 0
    }

    static func marked(_ kept: [UInt8], total: Int) -> [UInt8] {
        var end = kept.count
        // Not in the midst of a character.
        var back = 0
        while end > 0, back < 3, kept[end - 1] & 0xc0 == 0x80 {
            end -= 1
            back += 1
        }
        if end > 0, kept[end - 1] >= 0xc0 { end -= 1 } else { end = kept.count }
        return Array(kept[..<end]) + Array("…[cut: \(total) bytes]".utf8)
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        let room = max(0, longest - pending.count)
        pending.append(contentsOf: bytes.prefix(room))
        left += bytes.count - min(room, bytes.count)
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.last == 0x0d ? line.dropLast() : line
    }

    private static func newline(in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, start < buffer.count,
                let hit = memchr(base + start, 0x0a, buffer.count - start)
            else { return nil }
            return UnsafeRawPointer(hit) - base
        }
    }
}
