import Telemetry

/// How a time is written in a log line.
package enum TimeFormat: Sendable, Hashable {
    case rfc3339
    /// A number since 1970, in units of so many nanoseconds; fractions are read.
    case unix(unit: Int64)
    /// Pieces of a pattern with `%Y`, `%m` and so on, in a zone that is so many seconds east of UTC.
    case pattern([Piece], zone: Int64)

    package enum Piece: Sendable, Hashable {
        case literal(UInt8)
        /// One or more blanks.
        case space
        case year, shortYear, month, monthName, day, hour, hour12, halfDay, minute, second, fraction, zone, dayName
        case unixSeconds
    }

    /// The name of a format, or a pattern. Throws a sentence.
    package init(_ text: String, zone: Int64 = 0) throws(AgentError) {
        switch text.lowercased() {
        case "rfc3339", "rfc3339nano", "iso8601": self = .rfc3339
        case "unix": self = .unix(unit: 1_000_000_000)
        case "unixms", "unix_ms": self = .unix(unit: 1_000_000)
        case "unixus", "unix_us": self = .unix(unit: 1_000)
        case "unixns", "unix_ns": self = .unix(unit: 1)
        default: self = .pattern(try TimeFormat.pieces(text), zone: zone)
        }
    }

    private static func pieces(_ text: String) throws(AgentError) -> [Piece] {
        let known: [UInt8: [Piece]] = [
            0x59: [.year], 0x79: [.shortYear], 0x6d: [.month], 0x62: [.monthName], 0x42: [.monthName], 0x68: [.monthName],
            0x64: [.day], 0x65: [.day], 0x48: [.hour], 0x6b: [.hour], 0x49: [.hour12], 0x70: [.halfDay], 0x4d: [.minute],
            0x53: [.second], 0x66: [.fraction], 0x4c: [.fraction], 0x4e: [.fraction], 0x7a: [.zone], 0x5a: [.zone],
            0x61: [.dayName], 0x41: [.dayName], 0x73: [.unixSeconds], 0x25: [.literal(0x25)],
            0x54: [.hour, .literal(0x3a), .minute, .literal(0x3a), .second],
            0x46: [.year, .literal(0x2d), .month, .literal(0x2d), .day],
        ]
        var out: [Piece] = []
        var bytes = Array(text.utf8)[...]
        guard bytes.contains(0x25) else {
            throw AgentError(
                "\"\(text)\" is no format of times: write rfc3339, unix, unix_ms, unix_us, unix_ns or a pattern like \"%Y-%m-%d %H:%M:%S\""
            )
        }
        while let byte = bytes.popFirst() {
            if byte == 0x20 {
                if out.last != .space { out.append(.space) }
            } else if byte != 0x25 {
                out.append(.literal(byte))
            } else {
                guard let letter = bytes.popFirst(), let pieces = known[letter] else {
                    throw AgentError("\"\(text)\" has a % that is followed by no known letter")
                }
                out += pieces
            }
        }
        return out
    }

    /// Nanoseconds since 1970; nil where the text is not of this form. `now` gives the year where the form has none.
    package func parse(_ text: ArraySlice<UInt8>, now: Int64) -> Int64? {
        switch self {
        case .rfc3339: return RFC3339.parse(String(decoding: text, as: UTF8.self))
        case .unix(let unit): return TimeFormat.number(text, unit: unit)
        case .pattern(let pieces, let zone):
            var clock = BrokenTime(zone: zone)
            var rest = text
            for piece in pieces where !clock.read(piece, &rest) { return nil }
            return clock.nanoseconds(now: now)
        }
    }

    private static func number(_ text: ArraySlice<UInt8>, unit: Int64) -> Int64? {
        var whole: Int64 = 0
        var index = text.startIndex
        var digits = 0
        while index < text.endIndex, text[index] >= 0x30, text[index] <= 0x39, digits < 19 {
            whole = whole &* 10 &+ Int64(text[index] &- 0x30)
            index += 1
            digits += 1
        }
        guard digits > 0, digits < 19 || whole > 0 else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        var fraction: Int64 = 0
        if index < text.endIndex, text[index] == 0x2e {
            index += 1
            var scale = unit
            while index < text.endIndex, text[index] >= 0x30, text[index] <= 0x39 {
                scale /= 10
                fraction += Int64(text[index] - 0x30) * scale
                index += 1
            }
        }
        guard index == text.endIndex else { return nil }
        let (sum, carry) = product.addingReportingOverflow(fraction)
        return carry ? nil : sum
    }
}

/// A time in its parts, while a text is read.
struct BrokenTime {
    private var year: Int64?
    private var month: Int64 = 1
    private var day: Int64 = 1
    private var hour: Int64 = 0
    private var isAfternoon: Bool?
    private var minute: Int64 = 0
    private var second: Int64 = 0
    private var fraction: Int64 = 0
    private var seconds: Int64?
    private var zone: Int64

    init(zone: Int64) { self.zone = zone }

    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        .map { Array($0.utf8) }

    /// False where the text is something else.
    mutating func read(_ piece: TimeFormat.Piece, _ rest: inout ArraySlice<UInt8>) -> Bool {
        switch piece {
        case .literal(let byte): return rest.popFirst() == byte
        case .space:
            guard rest.first == 0x20 else { return false }
            rest = rest.drop { $0 == 0x20 }
        case .year: return BrokenTime.number(&rest, 4...4, 1_678...2_261) { year = $0 }
        case .shortYear: return BrokenTime.number(&rest, 2...2, 0...99) { year = $0 < 69 ? 2_000 + $0 : 1_900 + $0 }
        case .month: return BrokenTime.number(&rest, 1...2, 1...12) { month = $0 }
        case .day:
            rest = rest.drop { $0 == 0x20 }
            return BrokenTime.number(&rest, 1...2, 1...31) { day = $0 }
        case .hour: return BrokenTime.number(&rest, 1...2, 0...23) { hour = $0 }
        case .hour12: return BrokenTime.number(&rest, 1...2, 1...12) { hour = $0 % 12 }
        case .minute: return BrokenTime.number(&rest, 1...2, 0...59) { minute = $0 }
        case .second: return BrokenTime.number(&rest, 1...2, 0...60) { second = $0 }
        case .unixSeconds: return BrokenTime.number(&rest, 1...11, 0...9_223_372_036) { seconds = $0 }
        case .halfDay:
            guard rest.count >= 2 else { return false }
            isAfternoon = rest[rest.startIndex] | 0x20 == 0x70
            rest = rest.dropFirst(2)
        case .monthName: return readMonthName(&rest)
        case .dayName:
            guard let first = rest.first, first | 0x20 >= 0x61, first | 0x20 <= 0x7a else { return false }
            rest = rest.drop { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a }
        case .fraction: return readFraction(&rest)
        case .zone: return readZone(&rest)
        }
        return true
    }

    private static func number(
        _ rest: inout ArraySlice<UInt8>, _ digits: ClosedRange<Int>, _ range: ClosedRange<Int64>, _ set: (Int64) -> Void
    ) -> Bool {
        var value: Int64 = 0
        var count = 0
        while count < digits.upperBound, let byte = rest.first, byte >= 0x30, byte <= 0x39 {
            value = value * 10 + Int64(byte - 0x30)
            rest.removeFirst()
            count += 1
        }
        guard count >= digits.lowerBound, range.contains(value) else { return false }
        set(value)
        return true
    }

    private mutating func readMonthName(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let head = rest.prefix(3).map { $0 | 0x20 }
        guard let index = BrokenTime.months.firstIndex(of: head) else { return false }
        month = Int64(index) + 1
        rest = rest.drop { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a }
        return true
    }

    private mutating func readFraction(_ rest: inout ArraySlice<UInt8>) -> Bool {
        var scale: Int64 = 100_000_000
        var digits = 0
        fraction = 0
        while let byte = rest.first, byte >= 0x30, byte <= 0x39 {
            fraction += Int64(byte - 0x30) * scale
            scale /= 10
            digits += 1
            rest.removeFirst()
        }
        return digits > 0
    }

    private mutating func readZone(_ rest: inout ArraySlice<UInt8>) -> Bool {
        if rest.first == 0x5a || rest.first == 0x7a {
            rest.removeFirst()
            zone = 0
            return true
        }
        for name: StaticString in ["UTC", "GMT"] where rest.begins(name) {
            rest = rest.dropFirst(3)
            zone = 0
            return true
        }
        guard let sign = rest.first, sign == 0x2b || sign == 0x2d else { return false }
        rest.removeFirst()
        var hours: Int64 = 0
        var minutes: Int64 = 0
        guard BrokenTime.number(&rest, 2...2, 0...23, { hours = $0 }) else { return false }
        if rest.first == 0x3a { rest.removeFirst() }
        if !BrokenTime.number(&rest, 2...2, 0...59, { minutes = $0 }) { minutes = 0 }
        zone = (hours * 3_600 + minutes * 60) * (sign == 0x2d ? -1 : 1)
        return true
    }

    func nanoseconds(now: Int64) -> Int64? {
        if let seconds { return seconds * 1_000_000_000 + fraction }
        let clock = (isAfternoon == true ? hour % 12 + 12 : hour) * 3_600 + minute * 60 + second - zone
        if let year { return scaled(BrokenTime.days(year, month, day) * 86_400 + clock) }
        // No year, as in syslog: the one that puts the time nearest to now, and not a day ahead of it.
        let today = now / 1_000_000_000
        let present = BrokenTime.year(ofDay: today / 86_400)
        var best = BrokenTime.days(present, month, day) * 86_400 + clock
        if best > today + 86_400 { best = BrokenTime.days(present - 1, month, day) * 86_400 + clock }
        return scaled(best)
    }

    private func scaled(_ seconds: Int64) -> Int64? {
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = nanoseconds.addingReportingOverflow(fraction)
        return overflow || carry ? nil : sum
    }

    static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        CivilDate(year: year, month: month, day: day).daysSince1970
    }

    static func year(ofDay day: Int64) -> Int64 {
        var year = 1970 + day / 366
        while days(year + 1, 1, 1) <= day { year += 1 }
        return year
    }
}
