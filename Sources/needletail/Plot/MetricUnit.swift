import Foundation
import PromQL
import Telemetry
import Vectors

/// What the numbers of a metric count, told by its name as the conventions of Prometheus and OpenMetrics have it.
struct MetricUnit: Equatable {
    enum Base: Equatable {
        case none, bytes, seconds, ratio, percent, celsius
    }

    var base: Base
    var perSecond = false

    static let none = MetricUnit(base: .none)
    static let bytes = MetricUnit(base: .bytes)
    static let seconds = MetricUnit(base: .seconds)

    /// Of one value, with three significant digits: `1.21 MiB`, `340 ms`, `99.9%`.
    func text(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        let scale = scale(for: value.magnitude)
        return MetricUnit.digits(value / scale.divisor) + scale.suffix
    }

    /// A divisor and a suffix in which numbers up to `most` are short.
    func scale(for most: Double) -> (divisor: Double, suffix: String) {
        let rate = perSecond ? "/s" : ""
        switch base {
        case .ratio where !perSecond: return (0.01, "%")
        case .percent: return (1, "%" + rate)
        case .celsius: return (1, " °C" + rate)
        case .bytes:
            var divisor = 1.0
            for suffix in ["B", "KiB", "MiB", "GiB", "TiB"] {
                if most < divisor * 1024 { return (divisor, " " + suffix + rate) }
                divisor *= 1024
            }
            return (divisor, " PiB" + rate)
        case .seconds where !perSecond:
            let steps: [(Double, String)] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")]
            for (divisor, suffix) in steps where most >= divisor * (divisor > 1 ? 2 : 1) {
                return (divisor, " " + suffix)
            }
            return most == 0 ? (1, " s") : (1e-9, " ns")
        case .none, .ratio, .seconds:
            var divisor = 1.0
            for suffix in ["", "k", "M", "G", "T"] {
                if most < divisor * 1000 { return (divisor, (suffix.isEmpty ? "" : " " + suffix) + rate) }
                divisor *= 1000
            }
            return (1, rate)
        }
    }

    /// Three significant digits, without zeros at the end.
    static func digits(_ value: Double) -> String {
        if value == 0 { return "0" }
        if value.magnitude >= 1e6 || value.magnitude < 1e-4 { return String(format: "%.3g", value) }
        if value.magnitude >= 100 { return String(format: "%.0f", value) }
        var text = String(format: value.magnitude >= 10 ? "%.1f" : value.magnitude >= 1 ? "%.2f" : "%.4f", value)
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    // MARK: Of an expression

    /// None where the text is no PromQL or its quantity has no known unit.
    static func of(_ expression: String) -> MetricUnit {
        guard let tree = try? PromQLEngine.parse(expression) else { return .none }
        return of(tree)
    }

    /// Of an expression, or else of the names that the series of its answer have, where all agree.
    static func of(_ expression: String, _ answer: MetricAnswer.Envelope) -> MetricUnit {
        let told = of(expression)
        guard told == .none, case .series(let series) = answer.data.result, let first = series.first else { return told }
        let unit = of(name: first.metric["__name__"] ?? "")
        return series.allSatisfy { of(name: $0.metric["__name__"] ?? "") == unit } ? unit : .none
    }

    private static func of(_ expression: PromQL.Expression) -> MetricUnit {
        switch expression.node {
        case .number, .string: return .none
        case .vector(let selector), .matrix(let selector, _):
            if let name = selector.name { return of(name: name) }
            for matcher in selector.matchers where matcher.name == "__name__" && matcher.operation == .equal {
                return of(name: matcher.value)
            }
            return .none
        case .subquery(let subquery): return of(subquery.inner)
        case .parenthesized(let inner), .negated(let inner), .plus(let inner): return of(inner)
        case .aggregate(let aggregation):
            switch aggregation.operation {
            case .count, .countValues, .group, .stdvar: return .none
            default: return of(aggregation.inner)
            }
        case .call(let call): return of(call)
        case .binary(let binary): return of(binary)
        }
    }

    private static func of(_ call: FunctionCall) -> MetricUnit {
        guard let argument = call.arguments.first(where: { $0.type == .vector || $0.type == .matrix }) else {
            return call.function.name == "time" ? .seconds : .none
        }
        let inner = of(argument)
        switch call.function.name {
        case "rate", "irate", "deriv": return MetricUnit(base: inner.base, perSecond: true)
        case "histogram_fraction", "absent", "absent_over_time", "changes", "resets", "count_over_time", "sgn", "exp",
            "ln", "log2", "log10", "histogram_count", "present_over_time", "stdvar_over_time", "histogram_stdvar":
            return .none
        case "timestamp": return .seconds
        // Buckets are counted, their bounds have the unit.
        case "histogram_quantile", "histogram_avg", "histogram_sum":
            return MetricUnit(base: histogramBase(argument) ?? inner.base)
        default: return inner
        }
    }

    /// The unit of what a histogram observed, through sums and rates of its buckets.
    private static func histogramBase(_ expression: PromQL.Expression) -> Base? {
        for matchers in PromQLEngine.selectors(of: expression) {
            guard var name = matchers.first(where: { $0.name == "__name__" })?.value else { continue }
            if name.hasSuffix("_bucket") { name.removeLast(7) }
            let unit = of(name: name)
            if unit.base != .none { return unit.base }
        }
        return nil
    }

    private static func of(_ binary: BinaryExpression) -> MetricUnit {
        let left = of(binary.left)
        let right = of(binary.right)
        let leftIsNumber = binary.left.type == .scalar
        let rightIsNumber = binary.right.type == .scalar
        switch binary.operation {
        case .divide:
            if rightIsNumber { return left }
            if leftIsNumber { return .none }
            if left.perSecond == right.perSecond {
                if left.base == right.base { return MetricUnit(base: .ratio) }
                if right.base == .none { return MetricUnit(base: left.base) }
            }
            return .none
        case .multiply:
            if let factor = number(binary.left) ?? number(binary.right) {
                let unit = leftIsNumber ? right : left
                return factor == 100 && unit.base == .ratio ? MetricUnit(base: .percent) : unit
            }
            return leftIsNumber ? right : rightIsNumber ? left : .none
        case .add, .subtract:
            if leftIsNumber { return right }
            return rightIsNumber || left == right ? left : .none
        case .modulo, .power, .atan2: return .none
        default: return binary.returnBool ? .none : left
        }
    }

    private static func number(_ expression: PromQL.Expression) -> Double? {
        switch expression.node {
        case .number(let literal): literal.value
        case .parenthesized(let inner): number(inner)
        default: nil
        }
    }

    /// By the last words of a name, `_total`, `_sum`, `_max` and their like left aside.
    static func of(name: String) -> MetricUnit {
        var words = name.split(whereSeparator: { $0 == "_" || $0 == ":" || $0 == "." }).map { $0.lowercased() }
        if let last = words.last, last == "bucket" || last == "count" { return .none }
        while let last = words.last, ["total", "sum", "max", "min", "avg", "p50", "p90", "p95", "p99"].contains(last) {
            words.removeLast()
        }
        // A time of day is no length of time.
        if words.count >= 2, words[words.count - 2] == "timestamp" || words[words.count - 2] == "time",
            words.last == "seconds", words.contains("start") || words.contains("timestamp")
        {
            return .none
        }
        switch words.last {
        case "bytes": return .bytes
        case "seconds": return .seconds
        case "ratio", "utilization": return MetricUnit(base: .ratio)
        case "percent": return MetricUnit(base: .percent)
        case "celsius": return MetricUnit(base: .celsius)
        default: return .none
        }
    }
}
