/// `key=value key="quoted value" flag`.
struct LogfmtScanner {
    struct Failure: Error {
        var position: Int
        var message: String
    }

    private let line: ArraySlice<UInt8>
    private var i: Int
    private(set) var key: Range<Int> = 0..<0
    /// Of the last pair, with escapes resolved.
    private(set) var value: [UInt8] = []

    init(_ line: ArraySlice<UInt8>) {
        self.line = line
        i = line.startIndex
    }

    /// Reads the next pair; false at the end. After an error the scan goes on behind the broken pair.
    mutating func next() throws(Failure) -> Bool {
        while i < line.endIndex, line[i] <= 32 { i += 1 }
        guard i < line.endIndex else { return false }
        value.removeAll(keepingCapacity: true)
        let start = i
        while i < line.endIndex, line[i] > 32, line[i] != UInt8(ascii: "=") {
            if line[i] == UInt8(ascii: "\"") { throw fail("unexpected '\"'") }
            i += 1
        }
        key = start..<i
        if key.isEmpty { throw fail("unexpected '='") }
        guard i < line.endIndex, line[i] == UInt8(ascii: "=") else { return true }
        i += 1
        guard i < line.endIndex, line[i] > 32 else { return true }
        if line[i] == UInt8(ascii: "\"") { return try quoted() }
        let from = i
        while i < line.endIndex, line[i] > 32 {
            if line[i] == UInt8(ascii: "=") || line[i] == UInt8(ascii: "\"") {
                throw fail("unexpected '\(line[i] == UInt8(ascii: "=") ? "=" : "\"")'")
            }
            i += 1
        }
        value.append(contentsOf: line[from..<i])
        return true
    }

    private mutating func quoted() throws(Failure) -> Bool {
        i += 1
        let from = i
        var hasEscapes = false
        while i < line.endIndex, line[i] != UInt8(ascii: "\"") {
            if line[i] == UInt8(ascii: "\\") {
                hasEscapes = true
                i += 1
            }
            i += 1
        }
        guard i < line.endIndex else {
            i = line.endIndex
            throw Failure(position: line.count + 1, message: "unterminated quoted value")
        }
        if hasEscapes {
            JSONScanner.unescape(line[from..<i], into: &value)
        } else {
            value.append(contentsOf: line[from..<i])
        }
        i += 1
        return true
    }

    private mutating func fail(_ message: String) -> Failure {
        let position = i - line.startIndex + 1
        while i < line.endIndex, line[i] > 32 { i += 1 }
        return Failure(position: position, message: "logfmt syntax error at pos \(position) : \(message)")
    }
}
