package import Telemetry
package import Vectors

/// A parsed query.
package indirect enum Expression: Hashable, Sendable {
    case log(LogExpression)
    case metric(MetricExpression)
}

/// A selector and what its lines go through.
package struct LogExpression: Hashable, Sendable {
    package var matchers: [Matcher]
    package var stages: [Stage]
    /// Stages of ours that look at all the lines found, not at one after the other. They come last.
    package var results: [ResultStage]

    package init(matchers: [Matcher], stages: [Stage] = [], results: [ResultStage] = []) {
        self.matchers = matchers
        self.stages = stages
        self.results = results
    }
}

/// An extension: Loki has none of these.
package enum ResultStage: Hashable, Sendable {
    /// Of the lines with equal values of these labels, the first.
    case distinct([String])
    case sort([SortKey])
    /// The most frequent combinations of values, a line each.
    case top(Int, by: [String])
    /// Of every label the most frequent values, a line each.
    case facets(Int)
    /// With so many lines of the same stream before and after each line found.
    case streamContext(before: Int, after: Int)
}

package struct SortKey: Hashable, Sendable {
    package var name: String
    package var isDescending: Bool
}

/// `[range:step]` behind an expression of numbers.
package struct Subquery: Hashable, Sendable {
    /// Nanoseconds, positive.
    package var range: Int64
    /// nil is a minute.
    package var step: Int64?
    package var offset: Int64
}

package enum Stage: Hashable, Sendable {
    case lineFilter(LineFilter)
    case labelFilter(LabelFilter)
    case json([FieldExtraction])
    case logfmt(strict: Bool, keepEmpty: Bool, [FieldExtraction])
    case regexp(String)
    case pattern(String)
    case unpack
    case lineFormat(String)
    case labelFormat([LabelFormat])
    case decolorize
    case drop([LabelSelection])
    case keep([LabelSelection])
}

package struct LineFilter: Hashable, Sendable {
    package enum Operator: String, Hashable, Sendable {
        case contains = "|="
        case lacks = "!="
        case matches = "|~"
        case fails = "!~"
        case fitsPattern = "|>"
        case misfitsPattern = "!>"

        var isNegative: Bool { self == .lacks || self == .fails || self == .misfitsPattern }
    }

    package enum Operand: Hashable, Sendable {
        case text(String)
        case ip(String)
    }

    package var operation: Operator
    /// Alternatives; of a negative filter none may fit.
    package var operands: [Operand]
}

package enum Comparison: String, Hashable, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="

    func holds<T: Comparable>(_ a: T, _ b: T) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }
}

package indirect enum LabelFilter: Hashable, Sendable {
    case and(LabelFilter, LabelFilter)
    case or(LabelFilter, LabelFilter)
    case text(Matcher)
    case number(name: String, Comparison, Double)
    /// Nanoseconds.
    case duration(name: String, Comparison, Int64)
    case bytes(name: String, Comparison, UInt64)
    case ip(name: String, equal: Bool, String)
}

/// `name="expression"` of `json` and `logfmt`.
package struct FieldExtraction: Hashable, Sendable {
    package var name: String
    package var expression: String
}

package struct LabelFormat: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        case label(String)
        case template(String)
    }
    package var name: String
    package var source: Source
}

/// A name, or a name with a condition on its value, of `drop` and `keep`.
package struct LabelSelection: Hashable, Sendable {
    package var name: String
    package var matcher: Matcher?
}

package struct Unwrap: Hashable, Sendable {
    package enum Conversion: String, Hashable, Sendable {
        case number = ""
        case bytes
        case duration
        case durationSeconds = "duration_seconds"
    }
    package var label: String
    package var conversion: Conversion
    /// Label filters behind the unwrap.
    package var filters: [LabelFilter]
}

package struct LogRange: Hashable, Sendable {
    package var logs: LogExpression
    package var unwrap: Unwrap?
    /// Nanoseconds, positive.
    package var range: Int64
    package var offset: Int64
    /// Of `approx_count_distinct` and `count_distinct`.
    package var counted: String? = nil
}

package enum RangeOperator: String, Hashable, Sendable, CaseIterable {
    case rate
    case rateCounter = "rate_counter"
    case count = "count_over_time"
    case bytesRate = "bytes_rate"
    case bytes = "bytes_over_time"
    case absent = "absent_over_time"
    case sum = "sum_over_time"
    case average = "avg_over_time"
    case minimum = "min_over_time"
    case maximum = "max_over_time"
    case first = "first_over_time"
    case last = "last_over_time"
    case deviation = "stddev_over_time"
    case variance = "stdvar_over_time"
    case quantile = "quantile_over_time"
    /// Loki's estimates with HyperLogLog; here the answer is exact.
    case approximateCountDistinct = "approx_count_distinct"
    /// The same by the name that says so: an extension.
    case countDistinct = "count_distinct"
}

package enum VectorOperator: String, Hashable, Sendable, CaseIterable {
    case sum, avg, min, max, count, stddev, stdvar, topk, bottomk, sort
    case sortDescending = "sort_desc"
    case approximateTopk = "approx_topk"

    var takesParameter: Bool { self == .topk || self == .bottomk || self == .approximateTopk }
}

package indirect enum MetricExpression: Hashable, Sendable {
    case literal(Double)
    case vector(Double)
    /// `grouping` is nil where nothing is written; `by ()` is not nil.
    case range(RangeOperator, parameter: Double?, LogRange, grouping: Grouping?)
    /// An extension, as in PromQL: a range aggregation over the values of an expression.
    case subquery(RangeOperator, parameter: Double?, MetricExpression, Subquery)
    case aggregate(VectorOperator, parameter: Int?, MetricExpression, grouping: Grouping?)
    case binary(BinaryOperator, MetricExpression, MetricExpression, VectorMatching, returnsBool: Bool)
    case labelReplace(MetricExpression, destination: String, replacement: String, source: String, pattern: String)
}
