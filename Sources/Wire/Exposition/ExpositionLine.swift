import Telemetry

/// A cursor over one line of an exposition.
struct ExpositionLine {
    let strict: Bool
    private var start = 0
    private var index = 0
    private var end = 0
    private var number = 0

    init(strict: Bool) { self.strict = strict }

    mutating func begin(_ range: Range<Int>) {
        number += 1
        start = range.lowerBound
        index = range.lowerBound
        end = range.upperBound
    }

    func failure(_ reason: String) -> WireError {
        .exposition(reason, line: max(number, 1), column: index - start + 1)
    }

    func peek(_ bytes: [UInt8]) -> UInt8? { index < end ? bytes[index] : nil }
    mutating func advance() { index = min(index + 1, end) }
    /// To a place inside the line.
    mutating func move(to place: Int) { index = max(start, min(place, end)) }
    var restRange: Range<Int> { index..<end }
    func rest(_ bytes: [UInt8]) -> ArraySlice<UInt8> { bytes[index..<end] }

    func trimmedRest(_ bytes: [UInt8]) -> Range<Int> {
        var last = end
        while last > index, ExpositionLine.isSpace(bytes[last - 1]) { last -= 1 }
        return index..<last
    }

    mutating func dropCarriageReturn(_ bytes: [UInt8]) {
        if end > index, bytes[end - 1] == 0x0d { end -= 1 }
    }

    mutating func skipSpace(_ bytes: [UInt8]) {
        while index < end, ExpositionLine.isSpace(bytes[index]) { index += 1 }
    }

    /// What stands between two parts: exactly one space where strict, else any white space. False where there is
    /// none.
    mutating func skipSeparator(_ bytes: [UInt8]) -> Bool {
        let before = index
        if strict {
            if index < end, bytes[index] == 0x20 { index += 1 }
        } else {
            skipSpace(bytes)
        }
        return index > before
    }

    func endsWithSpace(_ bytes: [UInt8]) -> Bool { end > start && ExpositionLine.isSpace(bytes[end - 1]) }

    /// Whether a part ended just before: by white space that was skipped already, or by a brace (`a{b="c"}1` is
    /// accepted
    /// when scraping).
    func isAfterBreak(_ bytes: [UInt8]) -> Bool {
        index > start && (ExpositionLine.isSpace(bytes[index - 1]) || bytes[index - 1] == UInt8(ascii: "}"))
    }

    mutating func wordRange(_ bytes: [UInt8]) -> Range<Int> {
        let first = index
        while index < end, !ExpositionLine.isSpace(bytes[index]) { index += 1 }
        return first..<index
    }

    mutating func word(_ bytes: [UInt8]) -> ArraySlice<UInt8> { bytes[wordRange(bytes)] }

    mutating func number(_ bytes: [UInt8], _ what: String) throws(WireError) -> Double {
        let before = self
        let range = wordRange(bytes)
        guard !range.isEmpty else { throw before.failure("\(what) is missing") }
        guard let value = FloatParser.parse(bytes, range) else {
            throw before.failure("\(what) is not a number: \"\(UTF8Text.string(bytes, range.prefixRange(40)))\"")
        }
        return value
    }

    /// A metric's name and labels into the builder, sorted. `spaced`: white space may stand before the brace.
    mutating func series(
        _ bytes: [UInt8], kind: MetricMetadata.Kind, spaced: Bool, _ builder: inout LabelBuilder
    ) throws(WireError) {
        builder.removeAll()
        var hasName = false
        if peek(bytes) == UInt8(ascii: "\"") { throw failure("a metric name in quotes must stand in braces") }
        if peek(bytes) != UInt8(ascii: "{"), let name = try metricName(bytes) {
            builder.append("__name__", name)
            hasName = true
        }
        if !strict, spaced { skipSpace(bytes) }
        if peek(bytes) == UInt8(ascii: "{") {
            let named = try labels(bytes, allowName: !hasName, kind: kind, into: &builder)
            hasName = hasName || named
        }
        guard hasName else { throw failure("a metric name is missing") }
        guard builder.finish() else { throw failure("a label name stands twice") }
    }

    /// A bare or quoted metric name; nil where neither begins here.
    mutating func metricName(_ bytes: [UInt8]) throws(WireError) -> String? {
        guard let first = peek(bytes) else { return nil }
        if first == UInt8(ascii: "\"") {
            var out: [UInt8] = []
            try quoted(bytes, into: &out)
            guard !out.isEmpty else { throw failure("a metric name is empty") }
            return String(decoding: out, as: UTF8.self)
        }
        let begin = index
        while index < end, LabelNames.isNameByte(bytes[index]) || bytes[index] == UInt8(ascii: ":") {
            if index == begin, bytes[index] &- 0x30 < 10 { throw failure("a metric name must not begin with a digit") }
            index += 1
        }
        guard index > begin else { throw failure("a metric name cannot begin with this character") }
        return UTF8Text.string(bytes, begin..<index)
    }

    /// `{a="b",…}`, whose first part may be a quoted metric name where `allowName`. True where there was one.
    mutating func labels(
        _ bytes: [UInt8], allowName: Bool, kind: MetricMetadata.Kind, into builder: inout LabelBuilder
    ) throws(WireError) -> Bool {
        advance()
        var named = false
        var isFirst = true
        // A name and, behind it, its value.
        var text: [UInt8] = []
        text.reserveCapacity(64)
        while true {
            skipInner(bytes)
            if peek(bytes) == UInt8(ascii: "}"), isFirst {
                advance()
                return named
            }
            text.removeAll(keepingCapacity: true)
            try labelName(bytes, into: &text)
            let name = 0..<text.count
            skipInner(bytes)
            if peek(bytes) == UInt8(ascii: "=") {
                advance()
                skipInner(bytes)
                try quoted(bytes, into: &text)
                if ExpositionLine.isMetricName(text, name) {
                    throw failure("the label __name__ may not be written out")
                }
                respell(&text, name, kind)
                builder.append(text, name: name, value: name.upperBound..<text.count)
            } else if allowName, !named, nameWasQuoted {
                builder.append(name: "__name__".utf8, value: String(decoding: text, as: UTF8.self).utf8)
                named = true
            } else {
                throw failure("= is missing after a label name")
            }
            isFirst = false
            skipInner(bytes)
            if peek(bytes) == UInt8(ascii: "}") {
                advance()
                return named
            }
            guard peek(bytes) == UInt8(ascii: ",") else { throw failure("a comma or } is missing") }
            advance()
            skipInner(bytes)
            if !strict, peek(bytes) == UInt8(ascii: "}") {
                advance()
                return named
            }
        }
    }

    private static func isMetricName(_ text: [UInt8], _ name: Range<Int>) -> Bool {
        name.count == 8 && text[name.lowerBound] == UInt8(ascii: "_") && text[name].elementsEqual("__name__".utf8)
    }

    private var nameWasQuoted = false

    /// Into an empty array.
    private mutating func labelName(_ bytes: [UInt8], into name: inout [UInt8]) throws(WireError) {
        nameWasQuoted = peek(bytes) == UInt8(ascii: "\"")
        if nameWasQuoted {
            try quoted(bytes, into: &name)
        } else {
            if let first = peek(bytes), first &- 0x30 < 10 { throw failure("a label name must not begin with a digit") }
            let begin = index
            while index < end, LabelNames.isNameByte(bytes[index]) { index &+= 1 }
            UTF8Text.copy(bytes, begin..<index, to: &name)
        }
        if name.isEmpty { throw failure("a label name is missing") }
    }

    /// `le="1"` and `le="1.0"` are one bucket. The value stands behind the name.
    private func respell(_ text: inout [UInt8], _ name: Range<Int>, _ kind: MetricMetadata.Kind) {
        let isBound =
            switch kind {
            case .histogram, .gaugehistogram: name.count == 2 && text[name].elementsEqual("le".utf8)
            case .summary: name.count == 8 && text[name].elementsEqual("quantile".utf8)
            default: false
            }
        // Strict checking needs the spelling as it came.
        guard isBound, !strict, let number = FloatParser.parse(text, name.upperBound..<text.count) else { return }
        text.removeLast(text.count - name.upperBound)
        FloatText.append(number, .label, to: &text)
    }

    private mutating func skipInner(_ bytes: [UInt8]) {
        if !strict { skipSpace(bytes) }
    }

    /// Text in double quotes; unknown escapes stay as they are.
    private mutating func quoted(_ bytes: [UInt8], into out: inout [UInt8]) throws(WireError) {
        guard peek(bytes) == UInt8(ascii: "\"") else { throw failure("a quote is missing") }
        advance()
        while index < end {
            let begin = index
            while index < end, bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\\") { index &+= 1 }
            UTF8Text.copy(bytes, begin..<index, to: &out)
            guard let byte = peek(bytes) else { break }
            advance()
            if byte == UInt8(ascii: "\"") { return }
            if let escaped = peek(bytes) {
                advance()
                ExpositionLine.unescape(escaped, quotes: true, to: &out)
            } else {
                out.append(byte)
            }
        }
        throw failure("a quoted text is not closed")
    }

    func unescapedRest(_ bytes: [UInt8], quotes: Bool) -> String {
        var out: [UInt8] = []
        var position = index
        while position < end {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\\"), position < end {
                ExpositionLine.unescape(bytes[position], quotes: quotes, to: &out)
                position += 1
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func unescape(_ byte: UInt8, quotes: Bool, to out: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "\\"): out.append(byte)
        case UInt8(ascii: "\"") where quotes: out.append(byte)
        default: out.append(contentsOf: [UInt8(ascii: "\\"), byte])
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}

extension Range<Int> {
    fileprivate func prefixRange(_ length: Int) -> Range<Int> {
        lowerBound..<Swift.min(upperBound, lowerBound + length)
    }
}
