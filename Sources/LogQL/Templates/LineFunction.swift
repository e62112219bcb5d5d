import GoTemplates

/// Functions that Loki adds to Go's own (sprig's by their names).
enum LineFunction: String, Sendable, CaseIterable {
    case line = "__line__"
    case timestamp = "__timestamp__"
    case oldLower = "ToLower"
    case oldUpper = "ToUpper"
    case oldReplace = "Replace"
    case oldTrim = "Trim"
    case oldTrimLeft = "TrimLeft"
    case oldTrimRight = "TrimRight"
    case oldTrimPrefix = "TrimPrefix"
    case oldTrimSuffix = "TrimSuffix"
    case oldTrimSpace = "TrimSpace"
    case lower, upper, title, trunc, substr, contains, hasPrefix, hasSuffix, indent, nindent, replace, `repeat`, trim,
        trimAll
    case trimPrefix, trimSuffix, alignLeft, alignRight, regexReplaceAll, regexReplaceAllLiteral, count
    case urlencode, urldecode, b64enc, b64dec, fromJson, `default`
    case int, float64, add, sub, mul, div, mod, addf, subf, mulf, divf, max, min, maxf, minf, ceil, floor, round
    case bytes, duration
    case durationSeconds = "duration_seconds"
    case unixEpoch, unixEpochMillis, unixEpochNanos, unixToTime, toDateInZone, toDate, date, now

    /// What templates of a log query know.
    static let table = TemplateFunctions(allCases.map(\.function))

    private var function: TemplateFunction {
        switch self {
        case .line, .timestamp: return .context(rawValue, 0...0)
        default:
            let (least, most) = arity
            return TemplateFunction(rawValue, least...most) { arguments throws(TemplateError) in try call(arguments) }
        }
    }

    private func call(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        switch self {
        case .default:
            if arguments.count == 2, arguments[1].isTrue { return arguments[1] }
            return arguments[0]
        case .int, .float64, .add, .sub, .mul, .div, .mod, .addf, .subf, .mulf, .divf, .max, .min, .maxf, .minf, .ceil,
            .floor, .round, .bytes, .duration, .durationSeconds:
            return try callArithmetic(arguments)
        case .unixEpoch, .unixEpochMillis, .unixEpochNanos, .unixToTime, .toDateInZone, .toDate, .date, .now:
            return try callTime(arguments)
        default: return try callText(arguments)
        }
    }

    private var arity: (Int, Int) {
        switch self {
        case .now: (0, 0)
        case .oldLower, .oldUpper, .oldTrimSpace, .lower, .upper, .title, .trim, .urlencode, .urldecode,
            .b64enc,
            .b64dec, .fromJson, .int, .float64, .ceil, .floor, .bytes, .duration, .durationSeconds, .unixEpoch,
            .unixEpochMillis, .unixEpochNanos, .unixToTime:
            (1, 1)
        case .trunc, .oldTrim, .oldTrimLeft, .oldTrimRight, .oldTrimPrefix, .oldTrimSuffix,
            .contains, .hasPrefix, .hasSuffix, .indent, .nindent, .repeat, .trimAll, .trimPrefix, .trimSuffix,
            .alignLeft,
            .alignRight, .count, .sub, .div, .mod, .toDate, .date:
            (2, 2)
        case .subf, .divf: (2, 64)
        case .substr, .replace, .regexReplaceAll, .regexReplaceAllLiteral, .toDateInZone: (3, 3)
        case .oldReplace: (4, 4)
        case .round: (2, 3)
        case .default: (1, 2)
        default: (1, 64)
        }
    }
}
