import GoTemplates
import Patterns
import Telemetry
import YAMLReading

/// The functions of Prometheus' alert templates.
enum AlertFunctions {
    static let table = TemplateFunctions(
        [
            .context("query", 1...1), .context("externalURL", 0...0), .context("pathPrefix", 0...0),
            .context("now", 0...0),
            .template,
        ] + samples + texts + numbers)

    // MARK: Samples of a query

    private static let samples: [TemplateFunction] = [
        TemplateFunction("first", 1...1) { arguments throws(TemplateError) in
            guard let first = try list(arguments[0]).first else {
                throw TemplateError("error calling first: first() called on vector with no elements")
            }
            return first
        },
        TemplateFunction("label", 2...2) { arguments throws(TemplateError) in
            .string(try labels(of: arguments[1])[try string(arguments[0])] ?? "")
        },
        TemplateFunction("value", 1...1) { arguments throws(TemplateError) in try arguments[0].member("Value") },
        TemplateFunction("strvalue", 1...1) { arguments throws(TemplateError) in
            .string(try labels(of: arguments[0])["__value__"] ?? "")
        },
        TemplateFunction("sortByLabel", 2...2) { arguments throws(TemplateError) in
            let name = try string(arguments[0])
            var keyed: [(key: String, value: TemplateValue)] = []
            for sample in try list(arguments[1]) { keyed.append((try labels(of: sample)[name] ?? "", sample)) }
            return .list(keyed.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map(\.value))
        },
        TemplateFunction("args", 0...64) { arguments in
            let entries = arguments.enumerated().map {
                TemplateValue.TemplateEntry(key: "arg\($0.offset)", value: $0.element)
            }
            return .map(entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        },
    ]

    // MARK: Texts

    private static let texts: [TemplateFunction] = [
        TemplateFunction("reReplaceAll", 3...3) { arguments throws(TemplateError) in
            let pattern = try pattern(arguments[0], of: "reReplaceAll")
            let replacement = try string(arguments[1])
            let text = Array(try string(arguments[2]).utf8)
            return .string(String(decoding: pattern.replacingAll(in: text[...], with: replacement), as: UTF8.self))
        },
        TemplateFunction("match", 2...2) { arguments throws(TemplateError) in
            .bool(try pattern(arguments[0], of: "match").isFound(in: try string(arguments[1])))
        },
        text("title", AlertText.title),
        text("toUpper") { $0.uppercased() },
        text("toLower") { $0.lowercased() },
        text("graphLink") { "/graph?g0.expr=" + URLText.encode($0) + "&g0.tab=0" },
        text("tableLink") { "/graph?g0.expr=" + URLText.encode($0) + "&g0.tab=1" },
        text("stripPort") { AlertText.splitHostPort($0)?.host ?? $0 },
        text("stripDomain", AlertText.stripDomain),
        text("urlQueryEscape", URLText.encode),
        text("safeHtml") { $0 },
    ]

    private static func text(_ name: String, _ change: @escaping @Sendable (String) -> String) -> TemplateFunction {
        TemplateFunction(name, 1...1) { arguments throws(TemplateError) in .string(change(try string(arguments[0]))) }
    }

    // MARK: Numbers

    private static let numbers: [TemplateFunction] = [
        number("humanize") { .string(Humanized.decimal($0)) },
        number("humanize1024") { .string(Humanized.binary($0)) },
        number("humanizeDuration") { .string(Humanized.duration($0)) },
        number("humanizePercentage") { .string(GoNumber.general($0 * 100, digits: 4) + "%") },
        number("humanizeTimestamp") { value throws(TemplateError) in
            guard value.isFinite else { return .string(GoNumber.general(value, digits: 4)) }
            return .string(try time(value).text)
        },
        number("toTime") { value throws(TemplateError) in try time(value) },
        number("toDuration") { value throws(TemplateError) in
            let nanoseconds = value * 1e9
            guard nanoseconds.isFinite, nanoseconds.magnitude < 9.2e18 else { throw overflow(value, "toDuration") }
            return .duration(Int64(nanoseconds))
        },
        TemplateFunction("parseDuration", 1...1) { arguments throws(TemplateError) in
            let text = try string(arguments[0])
            guard let milliseconds = PrometheusDuration.parse(text) else {
                throw TemplateError(
                    "error calling parseDuration: not a valid duration string: \(GoQuoting.quote(text))")
            }
            return .double(Double(milliseconds) / 1000)
        },
    ]

    private static func number(
        _ name: String, _ change: @escaping @Sendable (Double) throws(TemplateError) -> TemplateValue
    ) -> TemplateFunction {
        TemplateFunction(name, 1...1) { arguments throws(TemplateError) in
            switch arguments[0] {
            case .double(let number): return try change(number)
            case .int(let number): return try change(Double(number))
            case .duration(let nanoseconds): return try change(Double(nanoseconds) / 1e9)
            case .string(let text):
                guard let number = Double(text) else {
                    throw TemplateError(
                        "error calling \(name): strconv.ParseFloat: parsing \(GoQuoting.quote(text)): invalid syntax")
                }
                return try change(number)
            default:
                throw TemplateError("error calling \(name): can't convert \(GoFormat.kind(of: arguments[0])) to float")
            }
        }
    }

    private static func time(_ seconds: Double) throws(TemplateError) -> TemplateValue {
        let milliseconds = (seconds * 1000).rounded(.toNearestOrAwayFromZero)
        guard milliseconds.isFinite, milliseconds.magnitude < 9.2e12 else { throw overflow(seconds, "toTime") }
        return .time(Int64(milliseconds) &* 1_000_000)
    }

    private static func overflow(_ value: Double, _ function: String) -> TemplateError {
        TemplateError(
            "error calling \(function): \(GoNumber.general(value)) cannot be represented in nanoseconds: it overflows int64"
        )
    }

    // MARK: Arguments

    static func string(_ value: TemplateValue) throws(TemplateError) -> String {
        guard case .string(let text) = value else {
            throw TemplateError("wrong type for value; expected string; got \(GoFormat.kind(of: value))")
        }
        return text
    }

    private static func list(_ value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
        guard case .list(let elements) = value else {
            throw TemplateError("wrong type for value; expected template.queryResult; got \(GoFormat.kind(of: value))")
        }
        return elements
    }

    private static func labels(of sample: TemplateValue) throws(TemplateError) -> LabelSet {
        guard case .labels(let labels) = try sample.member("Labels") else {
            throw TemplateError("wrong type for value; expected *template.sample; got \(GoFormat.kind(of: sample))")
        }
        return labels
    }

    private static func pattern(_ value: TemplateValue, of function: String) throws(TemplateError) -> Pattern {
        let text = try string(value)
        do { return try PatternCache.pattern(text) } catch {
            throw TemplateError("error calling \(function): error parsing regexp: \(error)")
        }
    }
}
