internal import Vectors

struct Token: Sendable {
    enum Kind: Hashable, Sendable {
        case end
        case error(String)
        case identifier
        /// A name with colons.
        case metricIdentifier
        case keyword(Keyword)
        case string(String)
        case number(Double)
        /// Seconds.
        case duration(Double)
        case leftParenthesis, rightParenthesis, leftBrace, rightBrace, leftBracket, rightBracket
        case comma, colon, at
        /// `=`, inside braces.
        case equals
        case matchesRegex, matchesNotRegex
        case op(BinaryOperator)
    }

    var kind: Kind
    var range: SourceRange
    var text: Substring

    var `operator`: BinaryOperator? {
        switch kind {
        case .op(let op): op
        case .keyword(.and): .and
        case .keyword(.or): .or
        case .keyword(.unless): .unless
        case .keyword(.atan2): .atan2
        default: nil
        }
    }

    /// How Prometheus names it in "unexpected …".
    var description: String {
        switch kind {
        case .end: return "end of input"
        case .error(let message): return message
        case .identifier: return "identifier \(quoteGo(String(text)))"
        case .metricIdentifier: return "metric identifier \(quoteGo(String(text)))"
        case .string: return "string \(shortened)"
        case .number: return "number \(shortened)"
        case .duration: return "duration \(shortened)"
        case .op(let op): return "<op:\(op.rawValue)>"
        case .at: return "<op:@>"
        case .keyword(let keyword):
            if operatorKeywords.contains(keyword) { return "<op:\(keyword.rawValue)>" }
            if AggregationOperator(rawValue: keyword.rawValue) != nil { return "<aggr:\(keyword.rawValue)>" }
            return "<\(keyword.rawValue)>"
        default: return quoteGo(String(text))
        }
    }

    private var operatorKeywords: Set<Keyword> { [.and, .or, .unless, .atan2] }

    private var shortened: String {
        text.count > 10 ? quoteGo(String(text.prefix(10))) + "..." : quoteGo(String(text))
    }
}

/// Words that mean something where the grammar expects them; elsewhere most of them are names.
enum Keyword: String, Hashable, Sendable, CaseIterable {
    case sum, avg, min, max, count, group, stddev, stdvar, topk, bottomk, quantile, limitk
    case countValues = "count_values"
    case limitRatio = "limit_ratio"
    case offset, by, without, on, ignoring, bool, and, or, unless, atan2, anchored, smoothed, fill
    case groupLeft = "group_left"
    case groupRight = "group_right"
    case fillLeft = "fill_left"
    case fillRight = "fill_right"
    case start, end, step, range

    static let byName: [String: Keyword] = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

    /// Words that cannot be metric names outside braces.
    var isReserved: Bool {
        switch self {
        case .bool, .on, .ignoring, .groupLeft, .groupRight: true
        default: false
        }
    }
}
