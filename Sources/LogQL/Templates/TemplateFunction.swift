/// Functions that a template may call: Go's own, and those that Loki adds (sprig's by their names).
enum TemplateFunction: String, Sendable {
    case and, or, not, eq, ne, lt, le, gt, ge, index, len, slice, print, println, printf
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

    func call(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        let (least, most) = arity
        guard arguments.count >= least, arguments.count <= most else {
            throw TemplateError(
                "wrong number of args for \(rawValue): want "
                    + (least == most ? "\(least)" : "at least \(least)") + " got \(arguments.count)"
            )
        }
        switch self {
        case .and, .or, .not, .eq, .ne, .lt, .le, .gt, .ge, .index, .len, .slice, .print, .println, .printf, .default:
            return try callBuiltin(arguments)
        case .int, .float64, .add, .sub, .mul, .div, .mod, .addf, .subf, .mulf, .divf, .max, .min, .maxf, .minf, .ceil,
            .floor, .round, .bytes, .duration, .durationSeconds:
            return try callArithmetic(arguments)
        case .unixEpoch, .unixEpochMillis, .unixEpochNanos, .unixToTime, .toDateInZone, .toDate, .date, .now:
            return try callTime(arguments)
        case .line, .timestamp: throw TemplateError("\(rawValue) takes no arguments")
        default: return try callText(arguments)
        }
    }

    private var arity: (Int, Int) {
        switch self {
        case .now: (0, 0)
        case .not, .len, .oldLower, .oldUpper, .oldTrimSpace, .lower, .upper, .title, .trim, .urlencode, .urldecode,
            .b64enc,
            .b64dec, .fromJson, .int, .float64, .ceil, .floor, .bytes, .duration, .durationSeconds, .unixEpoch,
            .unixEpochMillis, .unixEpochNanos, .unixToTime:
            (1, 1)
        case .ne, .lt, .le, .gt, .ge, .trunc, .oldTrim, .oldTrimLeft, .oldTrimRight, .oldTrimPrefix, .oldTrimSuffix,
            .contains, .hasPrefix, .hasSuffix, .indent, .nindent, .repeat, .trimAll, .trimPrefix, .trimSuffix,
            .alignLeft,
            .alignRight, .count, .sub, .div, .mod, .toDate, .date:
            (2, 2)
        case .eq: (2, 64)
        case .subf, .divf: (2, 64)
        case .substr, .replace, .regexReplaceAll, .regexReplaceAllLiteral, .toDateInZone: (3, 3)
        case .oldReplace: (4, 4)
        case .round: (2, 3)
        case .print, .println, .line, .timestamp: (0, 64)
        case .default: (1, 2)
        default: (1, 64)
        }
    }
}
