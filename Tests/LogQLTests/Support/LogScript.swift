import Telemetry

/// Test scripts in the form of Loki's own: `load` with lines of streams, `eval instant|range|select` with what is
/// expected below.
struct LogScript {
    struct Entry: Hashable {
        var stream: LabelSet
        var line: String
        /// Nanoseconds.
        var time: Int64
        var metadata = LabelSet.empty
        var parsed = LabelSet.empty
    }

    struct Series {
        var labels: LabelSet
        /// nil where there is no point.
        var values: [Double?]
    }

    enum Evaluation: Hashable {
        case instant(Int64)
        case range(start: Int64, end: Int64, step: Int64)
        case select(start: Int64, end: Int64, forward: Bool)
    }

    enum Command {
        case clear
        case load([Entry])
        case evaluate(Case)
    }

    struct Case {
        var number: Int
        var evaluation: Evaluation
        var query: String
        var series: [Series] = []
        var entries: [Entry] = []
        var isEmpty = false
        var isOrdered = false
        /// Some text of the error; empty if any will do.
        var failure: String?
    }

    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var commands: [Command] = []

    init(_ text: String) throws {
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = LogScript.withoutComment(raw)
            let isIndented = line.first == " " || line.first == "\t"
            let body = String(line.drop { $0 == " " || $0 == "\t" })
            if body.isEmpty { continue }
            do {
                try isIndented ? add(body) : begin(body, number: index + 1)
            } catch { throw Broken(description: "line \(index + 1), \(body): \(error)") }
        }
    }

    private static func withoutComment(_ line: Substring) -> Substring {
        var quote: Character?
        var previous: Character = " "
        var end = line.endIndex
        for index in line.indices {
            let character = line[index]
            if let open = quote {
                if character == open, open == "`" || previous != "\\" { quote = nil }
                previous = previous == "\\" ? " " : character
                continue
            }
            if character == "\"" || character == "`" { quote = character }
            if character == "#", previous == " " || index == line.startIndex {
                end = index
                break
            }
            previous = character
        }
        var kept = line[..<end]
        while kept.last == " " || kept.last == "\t" { kept.removeLast() }
        return kept
    }

    private mutating func begin(_ body: String, number: Int) throws {
        var scanner = ScriptScanner(body)
        switch scanner.word() {
        case "clear": commands.append(.clear)
        case "load": commands.append(.load([]))
        case "skip": break
        case "eval":
            let evaluation: Evaluation
            switch scanner.word() {
            case "instant":
                try scanner.expect("at")
                evaluation = .instant(try scanner.time())
            case "range":
                try scanner.expect("from")
                let start = try scanner.time()
                try scanner.expect("to")
                let end = try scanner.time()
                try scanner.expect("step")
                evaluation = .range(start: start, end: end, step: try scanner.time())
            case "select":
                try scanner.expect("from")
                let start = try scanner.time()
                try scanner.expect("to")
                let end = try scanner.time()
                evaluation = .select(start: start, end: end, forward: scanner.word() == "forward")
            default: throw Broken(description: "instant, range or select expected")
            }
            commands.append(.evaluate(Case(number: number, evaluation: evaluation, query: scanner.rest)))
        case let word: throw Broken(description: "unknown command \(word)")
        }
    }

    private mutating func add(_ body: String) throws {
        var scanner = ScriptScanner(body)
        switch commands.popLast() {
        case .load(var entries)?:
            entries += try scanner.entries()
            commands.append(.load(entries))
        case .evaluate(var one)?:
            try LogScript.expect(&scanner, &one)
            commands.append(.evaluate(one))
        default: throw Broken(description: "nothing to belong to")
        }
    }

    private static func expect(_ scanner: inout ScriptScanner, _ one: inout Case) throws {
        guard scanner.peek == "{" else {
            _ = scanner.word()
            switch scanner.word() {
            case "empty": one.isEmpty = true
            case "ordered": one.isOrdered = true
            case "fail":
                let message = scanner.rest
                one.failure = message.hasPrefix("msg:") ? String(message.dropFirst(4).drop { $0 == " " }) : ""
            default: break
            }
            return
        }
        let labels = try scanner.labels()
        if scanner.peek == "\"" || scanner.peek == "`" {
            one.entries += try scanner.entries(of: labels)
            return
        }
        var values: [Double?] = []
        while !scanner.rest.isEmpty {
            let word = scanner.word()
            if word == "_" {
                values.append(nil)
            } else if let value = Double(word) {
                values.append(value)
            } else {
                throw Broken(description: "\(word) is no value")
            }
        }
        one.series.append(Series(labels: labels, values: values))
    }
}
