internal import Telemetry

/// A script in promqltest's format, as Prometheus tests itself with.
struct TestScript {
    struct Expectation {
        enum Kind: String {
            case fail, warn, info, ordered
            case noWarn = "no_warn"
            case noInfo = "no_info"
            case string, range
        }
        var kind: Kind
        /// The message, exactly.
        var message: String?
        var pattern: String?
        var string: String?
        /// Of `range vector from … to … step …`.
        var times: (start: Int64, end: Int64, step: Int64)?
    }

    struct Evaluation {
        var line: Int
        var query: String
        var start: Int64
        var end: Int64
        /// Nil for an instant query.
        var step: Int64?
        var expectations: [Expectation] = []
        var series: [SeriesNotation] = []
        var scalar: Double?
    }

    enum Command {
        case clear
        case load(step: Int64, customBuckets: Bool, [SeriesNotation])
        case evaluate(Evaluation)
    }

    struct Problem: Error, CustomStringConvertible {
        var line: Int
        var message: String
        var description: String { "line \(line): \(message)" }
    }

    private(set) var commands: [Command] = []
    private let lines: [String]
    private var at = 0

    init(_ text: String) throws {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let trimmed = TestScript.trim(line)
            return trimmed.hasPrefix("#") ? "" : trimmed
        }
        while at < lines.count {
            let line = lines[at]
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard let first = words.first?.lowercased() else {
                at += 1
                continue
            }
            if first == "clear" {
                commands.append(.clear)
                at += 1
            } else if first.hasPrefix("load") {
                try load(words.map(String.init), customBuckets: first == "load_with_nhcb")
            } else if first.hasPrefix("eval") {
                try evaluation(line, first)
            } else {
                throw Problem(line: at + 1, message: "unknown command \(first)")
            }
        }
    }

    private static func trim(_ line: Substring) -> String {
        var out = line
        while let last = out.last, last.isWhitespace { out.removeLast() }
        return String(out.drop { $0.isWhitespace })
    }

    private mutating func load(_ words: [String], customBuckets: Bool) throws {
        guard words.count == 2, let step = NumberSyntax.milliseconds(words[1]), step > 0 else {
            throw Problem(line: at + 1, message: "load needs a step")
        }
        at += 1
        let first = at + 1
        var series: [SeriesNotation] = []
        while at < lines.count, !lines[at].isEmpty {
            do { series.append(try SeriesNotation(lines[at])) } catch {
                throw Problem(line: at + 1, message: "\(error)")
            }
            at += 1
        }
        for (i, one) in series.enumerated() where one.isStartTimestamps {
            guard i + 1 < series.count, !series[i + 1].isStartTimestamps, series[i + 1].labels == one.labels,
                series[i + 1].items.count == one.offsets.count
            else {
                throw Problem(
                    line: first + i,
                    message: "start timestamps must stand before the same series, with as many samples")
            }
        }
        commands.append(.load(step: step, customBuckets: customBuckets, series))
    }

    private mutating func evaluation(_ line: String, _ command: String) throws {
        var rest = Substring(line).drop { !$0.isWhitespace }
        func word() -> String {
            rest = rest.drop { $0.isWhitespace }
            let word = rest.prefix { !$0.isWhitespace }
            rest = rest.dropFirst(word.count)
            return String(word)
        }
        func time(_ keyword: String) throws -> Int64 {
            guard word() == keyword, let value = NumberSyntax.milliseconds(signed: word()) else {
                throw Problem(line: at + 1, message: "expected \(keyword) and a time")
            }
            return value
        }
        var evaluation: Evaluation
        switch word() {
        case "instant":
            let moment = try time("at")
            evaluation = Evaluation(line: at + 1, query: "", start: moment, end: moment)
        case "range":
            let (start, end) = (try time("from"), try time("to"))
            evaluation = Evaluation(line: at + 1, query: "", start: start, end: end, step: try time("step"))
        default: throw Problem(line: at + 1, message: "expected instant or range")
        }
        evaluation.query = TestScript.trim(rest)
        switch command.split(separator: "_").last {
        case "fail": evaluation.expectations.append(Expectation(kind: .fail))
        case "warn": evaluation.expectations.append(Expectation(kind: .warn))
        case "info": evaluation.expectations.append(Expectation(kind: .info))
        case "ordered": evaluation.expectations.append(Expectation(kind: .ordered))
        default: break
        }
        at += 1
        while at < lines.count, !lines[at].isEmpty {
            let line = lines[at]
            do {
                if command == "eval_fail", TestScript.sharpen(&evaluation.expectations[0], line) {
                    at += 1
                    continue
                }
                if let expectation = try TestScript.expectation(line) {
                    evaluation.expectations.append(expectation)
                } else if let number = TestNumber.parse(line) {
                    evaluation.scalar = number
                    at += 1
                    break
                } else {
                    evaluation.series.append(try SeriesNotation(line))
                }
            } catch { throw Problem(line: at + 1, message: "\(error)") }
            at += 1
        }
        commands.append(.evaluate(evaluation))
    }

    /// Below `eval_fail`, as scripts were written before `expect fail msg:`, the message or an expression that it must
    /// match.
    private static func sharpen(_ failure: inout Expectation, _ line: String) -> Bool {
        let word = line.prefix { !$0.isWhitespace }
        let rest = trim(line.dropFirst(word.count))
        switch word {
        case "expected_fail_message": failure.message = rest
        case "expected_fail_regexp": failure.pattern = rest
        default: return false
        }
        return true
    }

    private static func expectation(_ line: String) throws -> Expectation? {
        var words = line.split(maxSplits: 2, whereSeparator: \.isWhitespace)
        guard words.first == "expect", words.count >= 2 else { return nil }
        guard let kind = Expectation.Kind(rawValue: String(words[1])) else {
            throw SeriesNotation.Problem(description: "unknown expectation \(words[1])")
        }
        var expectation = Expectation(kind: kind)
        guard words.count == 3 else { return expectation }
        let rest = trim(words.removeLast())
        if rest.hasPrefix("msg:") {
            expectation.message = trim(rest.dropFirst(4))
        } else if rest.hasPrefix("regex:") {
            expectation.pattern = trim(rest.dropFirst(6))
        } else if kind == .string {
            expectation.string = StringSyntax.unquote(rest)
        } else if kind == .range {
            let parts = rest.split(whereSeparator: \.isWhitespace).map(String.init)
            guard parts.count == 7, let start = NumberSyntax.milliseconds(parts[2]),
                let end = NumberSyntax.milliseconds(parts[4]), let step = NumberSyntax.milliseconds(parts[6])
            else { throw SeriesNotation.Problem(description: "expected: range vector from A to B step S") }
            expectation.times = (start, end, step)
        }
        return expectation
    }
}

extension NumberSyntax {
    static func milliseconds(signed text: String) -> Int64? {
        text.hasPrefix("-") ? milliseconds(String(text.dropFirst())).map { 0 &- $0 } : milliseconds(text)
    }
}
