internal import Storage
internal import Telemetry

/// What the parsers of a query find in the lines of one template. It is found out by the parsers themselves, which are
/// given a line with marks in its holes, so that names, nesting, repeated keys and errors are theirs and nobody else's.
struct TemplateReading {
    enum Source: Equatable {
        case absent
        case empty
        case hole(Int)
    }

    /// What values must be like, or the line is to be parsed.
    enum Check {
        /// Number, true, false or null.
        case scalar
        /// The same, or an array, which `json` leaves out.
        case scalarOrArray
        /// No byte that ends a pair of logfmt.
        case unbroken
        case withoutEquals
    }

    var isKnown = false
    /// Of each parser by itself.
    var hasError: [Bool] = []
    /// By name of the plan.
    var sources: [Source] = []
    var checks: [(hole: Int, check: Check)] = []
}

/// Reads templates for one plan.
struct TemplateParsing: Sendable {
    private let plan: ColumnPlan
    private var record = Record()
    private var pipelines: [LogPipeline] = []
    private var nameIDs: [Int] = []

    init(_ plan: ColumnPlan) throws(LogQLError) {
        self.plan = plan
        for count in 1..<plan.parsers.count + 1 {
            pipelines.append(try LogPipeline(Array(plan.parsers.prefix(count)), names: &record.names))
        }
        nameIDs = plan.names.map { record.names.id($0.text) }
    }

    mutating func read(_ template: EventTextLayout.Template) -> TemplateReading {
        var reading = TemplateReading()
        guard let checks = TemplateParsing.checks(template, plan.parsers) else { return reading }
        reading.checks = checks
        reading.sources = [TemplateReading.Source](repeating: .absent, count: plan.names.count)
        var line: [UInt8] = []
        var marks: [[UInt8]] = []
        for (i, piece) in template.pieces.enumerated() {
            line += piece
            guard i < template.holes.count else { continue }
            // A number is a scalar of JSON and a value of logfmt.
            let mark = Array("7000\(i)".utf8)
            line += mark
            marks.append(mark)
        }
        for (k, parser) in plan.parsers.enumerated() {
            record.begin(timestamp: 0, line: line[...])
            guard pipelines[k].run(&record) else { return reading }
            let reads = TemplateParsing.reads(parser, template.mode)
            // What is not for a parser is an error of `json` and nothing to `logfmt`.
            if case .json = parser, !reads {
                if record.error.isEmpty { return reading }
                reading.hasError.append(true)
            } else {
                reading.hasError.append(false)
            }
            if reads, k == 0, !record.error.isEmpty { return reading }
            // Fewer fields than holes: two have one name, or one has none, and then values decide which is seen.
            if reads, TemplateParsing.takesAll(parser), record.fields.count != marks.count { return reading }
            for (n, name) in plan.names.enumerated() where name.parsers == k + 1 {
                guard let value = record.value(nameIDs[n]) else { continue }
                if value.isEmpty {
                    reading.sources[n] = .empty
                } else if let hole = marks.firstIndex(where: { value.elementsEqual($0) }) {
                    reading.sources[n] = .hole(hole)
                } else {
                    return reading
                }
            }
        }
        reading.isKnown = true
        return reading
    }

    private static func reads(_ parser: Stage, _ mode: EventTextLayout.Mode) -> Bool {
        switch (parser, mode) {
        case (.json, .json), (.logfmt, .logfmt): true
        default: false
        }
    }

    private static func takesAll(_ parser: Stage) -> Bool {
        switch parser {
        case .json(let fields), .logfmt(_, _, let fields): fields.isEmpty
        default: false
        }
    }

    static func isQuoted(_ hole: Int, of template: EventTextLayout.Template) -> Bool {
        template.mode != .plain && template.pieces[hole].last == UInt8(ascii: "\"")
    }

    /// nil where the lines have to be parsed whatever their values are.
    private static func checks(
        _ template: EventTextLayout.Template, _ parsers: [Stage]
    ) -> [(hole: Int, check: TemplateReading.Check)]? {
        var out: [(hole: Int, check: TemplateReading.Check)] = []
        let unquoted = template.holes.indices.filter { !isQuoted($0, of: template) }
        for parser in parsers {
            switch (parser, template.mode) {
            case (.json(let fields), .json): out += unquoted.map { ($0, fields.isEmpty ? .scalarOrArray : .scalar) }
            case (.json, _):
                // Other lines are errors from their first byte on.
                guard let first = template.pieces[0].first, first > 0x20, first != UInt8(ascii: "{"),
                    first != UInt8(ascii: "[")
                else { return nil }
            case (.logfmt, .logfmt): out += unquoted.map { ($0, .unbroken) }
            case (.logfmt(let strict, let keepEmpty, _), _):
                // Without `=` there is no pair.
                guard !strict, !keepEmpty, !template.pieces.contains(where: { $0.contains(UInt8(ascii: "=")) }) else {
                    return nil
                }
                out += template.holes.indices.map { ($0, .withoutEquals) }
            default: return nil
            }
        }
        return out
    }
}

extension TemplateReading.Check {
    /// Whether all values of a hole are right, as far as is known without reading them.
    func holds(_ hole: EventTextLayout.Hole) -> Bool {
        switch self {
        case .scalar, .scalarOrArray: break
        case .unbroken, .withoutEquals: if hole.isWord { return true }
        }
        return hole.forms?.allSatisfy { holds($0[...]) } ?? false
    }

    func holds(_ value: ArraySlice<UInt8>) -> Bool {
        switch self {
        case .scalar, .scalarOrArray:
            var scanner = JSONScanner(value)
            let isArray = value.first == UInt8(ascii: "[")
            if isArray, self == .scalar { return false }
            guard let place = isArray ? scanner.value() : scanner.scalar() else { return false }
            return place == value.startIndex..<value.endIndex
        case .unbroken: return value.allSatisfy { $0 > 0x20 }
        case .withoutEquals: return !value.contains(UInt8(ascii: "="))
        }
    }
}
