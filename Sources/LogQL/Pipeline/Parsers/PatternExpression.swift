import Patterns

/// `<ip> - <_> "<method> <path>"`: literals and captures. `|>` takes the same with unnamed captures only.
struct PatternExpression: Sendable, Hashable {
    enum Purpose { case parsing, filtering }

    enum Part: Sendable, Hashable {
        case literal([UInt8])
        /// Empty for `<_>`.
        case capture(String)
    }

    let parts: [Part]

    init(_ text: String, purpose: Purpose) throws(PatternSyntaxError) {
        parts = PatternExpression.parts(of: Array(text.utf8))
        var names: [String] = []
        for (i, part) in parts.enumerated() {
            guard case .capture(let name) = part else { continue }
            if i > 0, case .capture = parts[i - 1] {
                throw PatternSyntaxError("invalid pattern: found consecutive capture: put a literal between the two")
            }
            if name.isEmpty { continue }
            if purpose == .filtering { throw PatternSyntaxError("named captures are not allowed: write <_>") }
            if names.contains(name) { throw PatternSyntaxError("duplicate capture name: \(name)") }
            names.append(name)
        }
        if purpose == .parsing, names.isEmpty { throw PatternSyntaxError("at least one capture is required") }
    }

    private static func parts(of bytes: [UInt8]) -> [Part] {
        var parts: [Part] = []
        var literal: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "<"), let close = bytes[i...].firstIndex(of: UInt8(ascii: ">")) {
                let name = bytes[(i + 1)..<close]
                if let first = name.first, Lexer.isLetter(first), name.allSatisfy(LabelName.isAllowed) {
                    if !literal.isEmpty { parts.append(.literal(literal)) }
                    literal = []
                    parts.append(.capture(name.elementsEqual([95]) ? "" : String(decoding: name, as: UTF8.self)))
                    i = close + 1
                    continue
                }
            }
            literal.append(bytes[i])
            i += 1
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        return parts
    }

    var captureNames: [String] {
        parts.compactMap { part in
            if case .capture(let name) = part, !name.isEmpty { return name }
            return nil
        }
    }

    /// Calls `body` with the number of each named capture and its place, as far as the line fits.
    func extract(_ line: ArraySlice<UInt8>, _ body: (Int, Range<Int>) -> Void) {
        if line.isEmpty { return }
        var position = line.startIndex
        var index = 0
        for (i, part) in parts.enumerated() {
            switch part {
            case .literal(let literal):
                if i == 0 {
                    guard line.starts(with: literal) else { return }
                    position += literal.count
                }
            case .capture(let name):
                var end = line.endIndex
                var next = line.endIndex
                // Where the literal behind it is missing, the capture takes the rest, and the others get nothing.
                var isLast = true
                if i + 1 < parts.count, case .literal(let literal) = parts[i + 1],
                    let found = ByteSearch.find(literal, in: line[position...])
                {
                    end = found
                    next = found + literal.count
                    isLast = false
                }
                if !name.isEmpty {
                    body(index, position..<end)
                    index += 1
                }
                if isLast { return }
                position = next
            }
        }
    }

    /// Whether the whole line fits, no capture empty.
    func fits(_ line: ArraySlice<UInt8>) -> Bool {
        if parts.isEmpty { return line.isEmpty }
        var position = line.startIndex
        var afterCapture = false
        for (i, part) in parts.enumerated() {
            guard case .literal(let literal) = part else {
                afterCapture = true
                continue
            }
            let isLast = i == parts.count - 1
            if !afterCapture {
                guard line[position...].starts(with: literal) else { return false }
                position += literal.count
                if isLast { return position == line.endIndex }
                continue
            }
            guard position < line.endIndex else { return false }
            if isLast {
                // The last literal must end the line; the capture before it takes the rest.
                return line.endIndex - literal.count > position && line.suffix(literal.count).elementsEqual(literal)
            }
            guard let found = ByteSearch.find(literal, in: line[(position + 1)...]) else { return false }
            position = found + literal.count
            afterCapture = false
        }
        return afterCapture ? position < line.endIndex : position == line.endIndex
    }
}
