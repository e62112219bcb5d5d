import Telemetry

/// A stream's labels as text: `{a="b", c="d"}`, LogQL's matchers with `=` only.
package enum LokiLabels {
    package struct Problem: Error, Hashable, Sendable {
        package var message: String
    }

    package static func parse(_ bytes: [UInt8], _ range: Range<Int>) -> Result<[Label], Problem> {
        do throws(Problem) {
            var parser = Parser(bytes: bytes, range: range)
            return .success(try parser.labels())
        } catch {
            return .failure(error)
        }
    }

    package static func parse(_ text: String) -> Result<[Label], Problem> {
        let bytes = Array(text.utf8)
        return parse(bytes, 0..<bytes.count)
    }

    private struct Parser {
        let bytes: [UInt8]
        let range: Range<Int>
        var index: Int

        init(bytes: [UInt8], range: Range<Int>) {
            self.bytes = bytes
            self.range = range
            index = range.lowerBound
        }

        func problem(_ reason: String) -> Problem {
            let shown = UTF8Text.string(bytes, range.lowerBound..<min(range.upperBound, range.lowerBound + 200))
            return Problem(message: "error parsing labels \(shown): \(reason) at byte \(index - range.lowerBound)")
        }

        mutating func labels() throws(Problem) -> [Label] {
            var out: [Label] = []
            guard take(UInt8(ascii: "{")) else { throw problem("{ is missing") }
            while !take(UInt8(ascii: "}")) {
                if !out.isEmpty {
                    guard take(UInt8(ascii: ",")) else { throw problem("a comma or } is missing") }
                    if take(UInt8(ascii: "}")) { break }
                }
                let name = try self.name()
                guard take(UInt8(ascii: "=")) else { throw problem("= is missing") }
                out.append(Label(name, try value()))
            }
            skipSpace()
            guard index == range.upperBound else { throw problem("there is more after }") }
            return out
        }

        private mutating func name() throws(Problem) -> String {
            skipSpace()
            let start = index
            while index < range.upperBound, LabelNames.isNameByte(bytes[index]) { index += 1 }
            guard start < index else { throw problem("a label name is missing") }
            return UTF8Text.string(bytes, start..<index)
        }

        private mutating func value() throws(Problem) -> String {
            skipSpace()
            guard index < range.upperBound, bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "`")
            else {
                throw problem("a quoted value is missing")
            }
            let quote = bytes[index]
            index += 1
            var out: [UInt8] = []
            while true {
                guard index < range.upperBound else { throw problem("a value is not closed") }
                let byte = bytes[index]
                index += 1
                if byte == quote { break }
                if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                    try escape(into: &out)
                } else {
                    out.append(byte)
                }
            }
            return String(decoding: out, as: UTF8.self)
        }

        /// Go's escapes.
        private mutating func escape(into out: inout [UInt8]) throws(Problem) {
            guard index < range.upperBound else { throw problem("a value is not closed") }
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "a"): out.append(0x07)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0c)
            case UInt8(ascii: "n"): out.append(0x0a)
            case UInt8(ascii: "r"): out.append(0x0d)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "v"): out.append(0x0b)
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): out.append(byte)
            case UInt8(ascii: "x"): out.append(UInt8(truncatingIfNeeded: try digits(2, base: 16)))
            case UInt8(ascii: "u"): try appendScalar(try digits(4, base: 16), to: &out)
            case UInt8(ascii: "U"): try appendScalar(try digits(8, base: 16), to: &out)
            case 0x30...0x37:
                index -= 1
                out.append(UInt8(truncatingIfNeeded: try digits(3, base: 8)))
            default: throw problem("this escape does not exist")
            }
        }

        private mutating func digits(_ count: Int, base: UInt32) throws(Problem) -> UInt32 {
            var value: UInt32 = 0
            for _ in 0..<count {
                guard index < range.upperBound, let digit = HexText.digit(bytes[index]), UInt32(digit) < base else {
                    throw problem("an escape is not complete")
                }
                value = value &* base &+ UInt32(digit)
                index += 1
            }
            return value
        }

        private func appendScalar(_ code: UInt32, to out: inout [UInt8]) throws(Problem) {
            guard let scalar = Unicode.Scalar(code) else { throw problem("an escape names no character") }
            out.append(contentsOf: String(Character(scalar)).utf8)
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            skipSpace()
            guard index < range.upperBound, bytes[index] == byte else { return false }
            index += 1
            return true
        }

        private mutating func skipSpace() {
            while index < range.upperBound, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[index]) { index += 1 }
        }
    }
}
