import GoTemplates

extension LineFunction {
    func callArithmetic(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        switch self {
        case .int: return .int(arguments[0].integer)
        case .float64: return .double(arguments[0].number)
        case .add: return .int(arguments.reduce(0) { $0 &+ $1.integer })
        case .sub: return .int(arguments[0].integer &- arguments[1].integer)
        case .mul: return .int(arguments.reduce(1) { $0 &* $1.integer })
        case .div, .mod:
            let divisor = arguments[1].integer
            guard divisor != 0 else { throw TemplateError("error calling \(rawValue): integer divide by zero") }
            let (quotient, overflow) = arguments[0].integer.dividedReportingOverflow(by: divisor)
            if self == .div { return .int(quotient) }
            return .int(overflow ? 0 : arguments[0].integer % divisor)
        case .addf: return .double(arguments.reduce(0) { $0 + $1.number })
        case .mulf: return .double(arguments.dropFirst().reduce(arguments[0].number) { $0 * $1.number })
        case .subf: return .double(arguments.dropFirst().reduce(arguments[0].number) { $0 - $1.number })
        case .divf: return .double(arguments.dropFirst().reduce(arguments[0].number) { $0 / $1.number })
        case .max: return .int(arguments.map(\.integer).max() ?? 0)
        case .min: return .int(arguments.map(\.integer).min() ?? 0)
        case .maxf: return .double(arguments.dropFirst().reduce(arguments[0].number) { Swift.max($0, $1.number) })
        case .minf: return .double(arguments.dropFirst().reduce(arguments[0].number) { Swift.min($0, $1.number) })
        case .ceil: return .double(arguments[0].number.rounded(.up))
        case .floor: return .double(arguments[0].number.rounded(.down))
        case .round: return .double(LineFunction.rounded(arguments))
        case .bytes:
            guard let size = ByteCountText.parse(arguments[0].text.utf8) else {
                throw TemplateError("error calling bytes: unhandled size name: \(arguments[0].text)")
            }
            return .double(Double(size))
        default:
            guard let duration = DurationText.parse(arguments[0].text.utf8, calendarUnits: false) else {
                throw TemplateError(
                    "error calling \(rawValue): time: invalid duration \(QuotedText.quote(arguments[0].text))")
            }
            return .double(Double(duration) / 1e9)
        }
    }

    /// Sprig's: the third argument is the fraction from which it rounds up.
    private static func rounded(_ arguments: [TemplateValue]) -> Double {
        let roundOn = arguments.count > 2 ? arguments[2].number : 0.5
        var scale = 1.0
        for _ in 0..<Swift.min(Swift.max(arguments[1].integer, 0), 300) { scale *= 10 }
        let shifted = arguments[0].number * scale
        let fraction = shifted - shifted.rounded(.towardZero)
        return (fraction >= roundOn ? shifted.rounded(.up) : shifted.rounded(.down)) / scale
    }

    func callTime(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        switch self {
        case .now: return .time(WallClock.now)
        case .date: return .string(GoTime.format(try LineFunction.time(arguments[1]), layout: arguments[0].text))
        case .unixEpoch, .unixEpochMillis, .unixEpochNanos:
            let scale: Int64 = self == .unixEpoch ? 1_000_000_000 : self == .unixEpochMillis ? 1_000_000 : 1
            return .string(String(try LineFunction.time(arguments[0]) / scale))
        case .toDate: return .time(GoTime.parse(arguments[1].text, layout: arguments[0].text) ?? GoTime.zero)
        case .toDateInZone:
            guard let offset = LineFunction.zoneOffset(arguments[1].text) else {
                throw TemplateError(
                    "unknown time zone \(arguments[1].text): only UTC and fixed offsets such as +02:00 are known here")
            }
            return .time(GoTime.parse(arguments[2].text, layout: arguments[0].text, zoneOffset: offset) ?? GoTime.zero)
        default:
            let text = arguments[0].text
            let scales: [Int: Int64] = [5: 86_400_000_000_000, 10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1]
            guard let number = Int64(text), let scale = scales[text.utf8.count] else {
                throw TemplateError("unable to parse time '\(text)': want 5, 10, 13, 16 or 19 digits")
            }
            return .time(number &* scale)
        }
    }

    private static func time(_ value: TemplateValue) throws(TemplateError) -> Int64 {
        switch value {
        case .time(let nanoseconds): return nanoseconds
        case .int(let seconds): return seconds &* 1_000_000_000
        default: throw TemplateError("wrong type for value; expected time.Time; got \(GoFormat.kind(of: value))")
        }
    }

    private static func zoneOffset(_ name: String) -> Int64? {
        if ["UTC", "GMT", "Z", "", "Local"].contains(name) { return 0 }
        let bytes = Array(name.utf8.filter { $0 != UInt8(ascii: ":") })
        guard bytes.count == 5, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"),
            let hours = Int64(String(decoding: bytes[1...2], as: UTF8.self)),
            let minutes = Int64(String(decoding: bytes[3...4], as: UTF8.self))
        else { return nil }
        return (bytes[0] == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
    }
}
