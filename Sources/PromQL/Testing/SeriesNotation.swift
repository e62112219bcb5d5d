internal import Telemetry
internal import Vectors

/// `metric{a="b"} 0+10x5 _ stale {{schema:0 count:1}}`: one line of a script.
struct SeriesNotation {
    enum Item {
        case nothing
        case float(Double)
        /// `hintWritten`: the reset hint is to be compared.
        case histogram(NativeHistogram, hintWritten: Bool)
    }

    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    var labels: LabelSet
    var items: [Item]
    /// The line says when the counting of the next line's samples began: `offsets`, and no items.
    var isStartTimestamps = false
    /// Milliseconds from each sample's own time; nil where nothing is said.
    var offsets: [Int64?] = []

    init(_ line: String) throws {
        let bytes = Array(line.utf8)
        var end = 0
        var quote: UInt8 = 0
        var depth = 0
        scan: while end < bytes.count {
            let byte = bytes[end]
            if quote != 0 {
                if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "`") {
                    end += 1
                } else if byte == quote {
                    quote = 0
                }
            } else {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): quote = byte
                case UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: "}"): depth -= 1
                case 0x20, 0x09:
                    // A blank inside `metric {…}` belongs to the metric, `{{` begins a histogram.
                    let rest = bytes[end...].drop { isSpace($0) }
                    let opens = rest.first == UInt8(ascii: "{") && rest.dropFirst().first != UInt8(ascii: "{")
                    if depth == 0, !opens || bytes[..<end].contains(UInt8(ascii: "{")) { break scan }
                default: break
                }
            }
            end += 1
        }
        var metric = String(decoding: bytes[..<min(end, bytes.count)], as: UTF8.self)
        if metric.hasSuffix("@st") {
            metric = String(metric.dropLast(3))
            isStartTimestamps = true
        }
        labels = try SeriesNotation.labels(metric)
        items = []
        let rest = bytes[min(end, bytes.count)...]
        if isStartTimestamps {
            for word in rest.split(whereSeparator: isSpace) {
                offsets += try SeriesNotation.startOffsets(String(decoding: word, as: UTF8.self))
            }
            return
        }
        var reader = ItemReader(bytes: Array(rest))
        items = try reader.read()
    }

    /// `_`, `_x3`, `-1m`, `-1mx3` (four times the same), `-30s-1mx2` (each a minute before the one in front of it).
    private static func startOffsets(_ word: String) throws -> [Int64?] {
        var rest = Substring(word)
        var count: Int?
        if let mark = rest.lastIndex(of: "x") {
            guard let times = Int(rest[rest.index(after: mark)...]), times >= 0, times < 1_000_000 else {
                throw Problem(description: "bad repetition in the start timestamp \(word)")
            }
            count = times
            rest = rest[..<mark]
        }
        if rest == "_" { return [Int64?](repeating: nil, count: max(1, count ?? 1)) }
        var parts: [Int64] = []
        while !rest.isEmpty {
            let negative = rest.hasPrefix("-")
            if negative || rest.hasPrefix("+") { rest = rest.dropFirst() }
            let literal = rest.prefix { $0 != "+" && $0 != "-" }
            guard let value = NumberSyntax.milliseconds(String(literal)) else {
                throw Problem(description: "bad start timestamp \(word)")
            }
            parts.append(negative ? 0 &- value : value)
            rest = rest.dropFirst(literal.count)
        }
        guard let first = parts.first, parts.count <= 2 else {
            throw Problem(description: "bad start timestamp \(word)")
        }
        let step = parts.count == 2 ? parts[1] : 0
        return (0...(count ?? 0)).map { first &+ Int64($0) &* step }
    }

    static func labels(_ metric: String) throws -> LabelSet {
        var parser = Parser(metric, options: .everything)
        guard case .vector(let selector) = try parser.whole().node else {
            throw Problem(description: "no metric: \(metric)")
        }
        return LabelSet(selector.allMatchers.map { Label($0.name, $0.value) })
    }
}

private struct ItemReader {
    let bytes: [UInt8]
    var at = 0
    private static let maximumItems = 10_000_000

    init(bytes: [UInt8]) { self.bytes = bytes }

    private func problem(_ text: String) -> SeriesNotation.Problem {
        SeriesNotation.Problem(
            description: "\(text) at byte \(at + 1) of the values: \(String(decoding: bytes, as: UTF8.self))")
    }

    mutating func read() throws -> [SeriesNotation.Item] {
        var items: [SeriesNotation.Item] = []
        while true {
            while at < bytes.count, isSpace(bytes[at]) { at += 1 }
            guard at < bytes.count else { return items }
            try readOne(&items)
            if items.count > ItemReader.maximumItems { throw problem("too many values") }
        }
    }

    private mutating func readOne(_ items: inout [SeriesNotation.Item]) throws {
        if accept("_") {
            for _ in 0..<max(1, try times() ?? 1) { items.append(.nothing) }
        } else if accept("stale") {
            for _ in 0...(try times() ?? 0) { items.append(.float(SpecialValue.staleMarker)) }
        } else if starts("{{") {
            try readHistograms(&items)
        } else {
            let first = try number()
            var increment = 0.0
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
                increment = try number()
            }
            guard let count = try times() else {
                items.append(.float(first))
                return
            }
            for i in 0...count {
                items.append(.float(i == 0 || increment == 0 ? first : first + Double(i) * increment))
            }
        }
    }

    private mutating func readHistograms(_ items: inout [SeriesNotation.Item]) throws {
        let (first, hint) = try histogram()
        var sign = 0.0
        if starts("+{{") { sign = 1 } else if starts("-{{") { sign = -1 }
        guard sign != 0 else {
            for _ in 0...(try times() ?? 0) { items.append(.histogram(first, hintWritten: hint)) }
            return
        }
        at += 1
        let (increment, incrementHint) = try histogram()
        guard let count = try times() else { throw problem("expected x and a count") }
        var current = first
        items.append(.histogram(current, hintWritten: hint))
        for _ in 0..<count {
            current = sign > 0 ? current.adding(increment).histogram : current.subtracting(increment).histogram
            items.append(.histogram(current, hintWritten: incrementHint))
        }
    }

    private func starts(_ text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

    private mutating func accept(_ text: String) -> Bool {
        guard starts(text) else { return false }
        at += text.utf8.count
        return true
    }

    /// `x5`, if it is there.
    private mutating func times() throws -> Int? {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "x") else { return nil }
        let start = at + 1
        at = start
        while at < bytes.count, isDigit(bytes[at]) { at += 1 }
        guard let count = Int(String(decoding: bytes[start..<at], as: UTF8.self)), count < ItemReader.maximumItems
        else {
            throw problem("bad repetition")
        }
        return count
    }

    private mutating func number() throws -> Double {
        let start = at
        if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
        while at < bytes.count {
            let byte = bytes[at]
            if isSpace(byte) || byte == UInt8(ascii: "x") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
                break
            }
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"), bytes[at - 1] | 0x20 != UInt8(ascii: "e") {
                break
            }
            at += 1
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard let value = TestNumber.parse(text) else { throw problem("bad number \(text)") }
        return value
    }

    private mutating func word() -> String {
        let start = at
        while at < bytes.count, isLetter(bytes[at]) { at += 1 }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func list() throws -> [Double] {
        guard accept("[") else { throw problem("expected [") }
        var out: [Double] = []
        while true {
            while at < bytes.count, isSpace(bytes[at]) { at += 1 }
            if accept("]") { return out }
            guard at < bytes.count else { throw problem("list not closed") }
            out.append(try number())
        }
    }

    private mutating func histogram() throws -> (NativeHistogram, Bool) {
        at += 2
        var histogram = NativeHistogram()
        var hintWritten = false
        var offsets: [Int32] = [0, 0]
        while true {
            while at < bytes.count, isSpace(bytes[at]) { at += 1 }
            if accept("}}") { break }
            let key = word()
            guard accept(":") else { throw problem("expected a histogram's key and value") }
            switch key {
            case "schema": histogram.schema = try integer()
            case "sum": histogram.sum = try number()
            case "count": histogram.count = try number()
            case "z_bucket": histogram.zeroCount = try number()
            case "z_bucket_w": histogram.zeroThreshold = try number()
            case "offset": offsets[0] = try integer()
            case "n_offset": offsets[1] = try integer()
            case "buckets": histogram.positiveBuckets = try list()
            case "n_buckets": histogram.negativeBuckets = try list()
            case "custom_values": histogram.customValues = try list()
            case "counter_reset_hint":
                hintWritten = true
                switch word() {
                case "unknown": histogram.resetHint = .unknown
                case "reset": histogram.resetHint = .reset
                case "not_reset": histogram.resetHint = .notReset
                case "gauge": histogram.resetHint = .gauge
                default: throw problem("unknown counter_reset_hint")
                }
            default: throw problem("unknown key \(key) of a histogram")
            }
        }
        if !histogram.positiveBuckets.isEmpty {
            histogram.positiveSpans = [.init(offset: offsets[0], length: UInt32(histogram.positiveBuckets.count))]
        }
        if !histogram.negativeBuckets.isEmpty {
            histogram.negativeSpans = [.init(offset: offsets[1], length: UInt32(histogram.negativeBuckets.count))]
        }
        return (histogram, hintWritten)
    }

    private mutating func integer() throws -> Int32 {
        guard let value = Int32(exactly: try number()) else { throw problem("expected a whole number") }
        return value
    }
}

enum TestNumber {
    /// Decimals, `Inf`, `NaN` with signs, in any case.
    static func parse(_ text: String) -> Double? {
        var rest = Substring(text)
        var sign = 1.0
        if rest.hasPrefix("+") || rest.hasPrefix("-") {
            if rest.hasPrefix("-") { sign = -1 }
            rest = rest.dropFirst()
        }
        switch rest.lowercased() {
        case "inf", "infinity": return sign * .infinity
        case "nan": return .nan
        default: return NumberSyntax.number(String(rest)).map { sign * $0 }
        }
    }
}
