enum TokenKind: Hashable {
    case end
    case identifier(String)
    case string(String)
    case number(Double)
    /// Nanoseconds.
    case duration(Int64)
    case bytes(UInt64)
    /// `[5m]`, nanoseconds.
    case range(Int64)
    /// `[10m:1m]`, nanoseconds; without a step `[10m:]`.
    case subquery(range: Int64, step: Int64?)
    /// `--strict`.
    case flag(String)
    case symbol(String)
}

struct Token {
    var kind: TokenKind
    var position: SourcePosition

    /// How Loki names the token in an error.
    var name: String {
        switch kind {
        case .end: "$end"
        case .identifier(let text): Keywords.reserved.contains(text.lowercased()) ? text.lowercased() : "IDENTIFIER"
        case .string: "STRING"
        case .number: "NUMBER"
        case .duration: "DURATION"
        case .bytes: "BYTES"
        case .range, .subquery: "RANGE"
        case .flag(let text): text
        case .symbol(let text): text
        }
    }
}

enum Keywords {
    static let reserved: Set<String> = [
        "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "or", "and", "unless", "offset",
        "unwrap",
        "json", "logfmt", "regexp", "unpack", "pattern", "line_format", "label_format", "decolorize", "drop", "keep",
        "ip",
        "sum", "avg", "min", "max", "count", "stddev", "stdvar", "topk", "bottomk", "sort", "sort_desc", "approx_topk",
        "label_replace", "vector", "rate", "rate_counter", "count_over_time", "bytes_rate", "bytes_over_time",
        "absent_over_time", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "first_over_time",
        "last_over_time", "stddev_over_time", "stdvar_over_time", "quantile_over_time", "approx_count_distinct",
        "count_distinct", "duration", "duration_seconds",
    ]
}
