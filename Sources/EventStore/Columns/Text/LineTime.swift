/// Times as lines spell them: `2026-11-21T20:15:42.123`, with a space for the T, with a comma or up to nine digits of
/// fraction, and `21/Nov/2026:20:15:42` of access logs. Zones are left to the text around.
struct LineTime: Equatable {
    enum Style: UInt8 {
        case iso = 0
        case accessLog = 1
    }

    var style: Style
    /// Between date and time.
    var separator: UInt8
    /// Before the fraction; 0 where there is none.
    var point: UInt8
    var digits: Int

    /// Where a time ends that begins with the digits `first..<next`, nil where there is none.
    static func end(_ text: Span<UInt8>, _ first: Int, _ next: Int, _ end: Int) -> Int? {
        guard next < end else { return nil }
        if next &- first == 4, text[next] == 0x2d, end &- first >= 19 {
            guard digits(text, first &+ 5, 2), text[first &+ 7] == 0x2d, digits(text, first &+ 8, 2),
                text[first &+ 10] == 0x54 || text[first &+ 10] == 0x20, clock(text, first &+ 11)
            else { return nil }
            var last = first &+ 19
            if last &+ 1 < end, text[last] == 0x2e || text[last] == 0x2c, digits(text, last &+ 1, 1) {
                last &+= 1
                while last < end, last < first &+ 29, text[last] &- 0x30 < 10 { last &+= 1 }
            }
            return last
        }
        if next &- first == 2, text[next] == 0x2f, end &- first >= 20 {
            guard text[first &+ 6] == 0x2f, digits(text, first &+ 7, 4), text[first &+ 11] == 0x3a,
                clock(text, first &+ 12)
            else { return nil }
            return first &+ 20
        }
        return nil
    }

    private static func digits(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        for i in start..<start &+ count where text[i] &- 0x30 > 9 { return false }
        return true
    }

    private static func clock(_ text: Span<UInt8>, _ start: Int) -> Bool {
        digits(text, start, 2) && text[start &+ 2] == 0x3a && digits(text, start &+ 3, 2) && text[start &+ 5] == 0x3a
            && digits(text, start &+ 6, 2)
    }

    /// The form of a value, nil where it is no time.
    init?(_ text: Span<UInt8>, _ value: TextSlice) {
        var next = value.lower
        while next < value.upper, text[next] &- 0x30 < 10 { next &+= 1 }
        guard LineTime.end(text, value.lower, next, value.upper) == value.upper else { return nil }
        if text[value.lower &+ 2] == 0x2f {
            self.init(style: .accessLog, separator: 0x3a, point: 0, digits: 0)
        } else {
            let fraction = value.count > 19 ? value.count &- 20 : 0
            self.init(
                style: .iso, separator: text[value.lower &+ 10], point: fraction > 0 ? text[value.lower &+ 19] : 0,
                digits: fraction)
        }
    }

    init(style: Style, separator: UInt8, point: UInt8, digits: Int) {
        self.style = style
        self.separator = separator
        self.point = point
        self.digits = digits
    }

    /// Nanoseconds in one unit of the last digit.
    var unit: Int64 {
        var unit: Int64 = 1_000_000_000
        for _ in 0..<digits { unit /= 10 }
        return unit
    }

    var length: Int { style == .accessLog ? 20 : digits > 0 ? 20 + digits : 19 }

    private static let months: [UInt8] = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)
    static var monthNames: [[UInt8]] { (0..<12).map { Array(months[$0 * 3..<$0 * 3 + 3]) } }

    /// In units since 1970; nil where the value has another form or writing the number would give other bytes.
    func parse(_ text: Span<UInt8>, _ value: TextSlice) -> Int64? {
        guard value.count == length, LineTime(text, value) == self else { return nil }
        return parse(text, value.lower)
    }

    /// The hour before, which is mostly that of the next value.
    struct Hour {
        /// Of a value that begins with the same thirteen bytes.
        fileprivate var value: TextSlice?
        fileprivate var units: Int64 = 0
    }

    func parse(_ text: Span<UInt8>, _ value: TextSlice, _ hour: inout Hour) -> Int64? {
        guard style == .iso, value.count == length else { return parse(text, value) }
        if let known = hour.value, TextBytes.isEqual(text, value.lower, known.lower, count: 14),
            let rest = minutes(text, value.lower)
        {
            let (sum, overflow) = hour.units.addingReportingOverflow(rest)
            return overflow ? nil : sum
        }
        guard let units = parse(text, value) else { return nil }
        if let rest = minutes(text, value.lower) {
            hour.value = value
            hour.units = units &- rest
        }
        return units
    }

    /// What stands behind the hour, in units.
    private func minutes(_ text: Span<UInt8>, _ at: Int) -> Int64? {
        guard let minute = TextBytes.digits(text, at &+ 14, count: 2),
            let second = TextBytes.digits(text, at &+ 17, count: 2), text[at &+ 16] == 0x3a
        else { return nil }
        let (minutes, seconds) = (TextBytes.number(minute), TextBytes.number(second))
        guard minutes < 60, seconds < 60 else { return nil }
        let whole = (minutes &* 60 &+ seconds) &* (1_000_000_000 / unit)
        if digits == 0 { return whole }
        guard text[at &+ 19] == point,
            let fraction = TextBytes.digits(text, at &+ 20, count: min(digits, 8))
        else { return nil }
        if digits <= 8 { return whole &+ TextBytes.number(fraction) }
        let last = text[at &+ 28] &- 0x30
        return last < 10 ? whole &+ TextBytes.number(fraction) &* 10 &+ Int64(last) : nil
    }

    private func parse(_ text: Span<UInt8>, _ at: Int) -> Int64? {
        func number(_ start: Int, _ count: Int) -> Int64 {
            var number: Int64 = 0
            for i in at &+ start..<at &+ start &+ count { number = number &* 10 &+ Int64(text[i] &- 0x30) }
            return number
        }
        let year: Int64
        let month: Int64
        let day: Int64
        let clock: Int64
        switch style {
        case .iso: (year, month, day, clock) = (number(0, 4), number(5, 2), number(8, 2), 11)
        case .accessLog:
            var found: Int64 = 0
            for name in 0..<12
            where (0..<3).allSatisfy({ LineTime.months[name &* 3 &+ $0] == text[at &+ 3 &+ $0] }) {
                found = Int64(name) &+ 1
            }
            (year, month, day, clock) = (number(7, 4), found, number(0, 2), 12)
        }
        let (hour, minute, second) = (number(Int(clock), 2), number(Int(clock) &+ 3, 2), number(Int(clock) &+ 6, 2))
        guard (1...12).contains(month), day >= 1, day <= LineTime.days(in: month, of: year), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let days = LineTime.days(year, month, day)
        let seconds = days &* 86_400 &+ hour &* 3_600 &+ minute &* 60 &+ second
        if digits == 0 { return seconds }
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000 / unit)
        return overflow ? nil : whole &+ number(20, digits)
    }

    /// Appends what ``parse(_:_:)`` read. Numbers out of range (of damaged files) give some other time, not a trap.
    func write(_ units: Int64, to out: inout [UInt8]) {
        var day = DateText()
        write(units, to: &out, &day)
    }

    /// The date of the value before, which is mostly that of the next.
    struct DateText {
        fileprivate var day: Int64?
        fileprivate var text: [UInt8] = []
    }

    func write(_ units: Int64, to out: inout [UInt8], _ date: inout DateText) {
        let perSecond = 1_000_000_000 / unit
        var seconds = units / perSecond
        var fraction = units % perSecond
        if fraction < 0 {
            fraction &+= perSecond
            seconds &-= 1
        }
        var days = seconds / 86_400
        var rest = seconds % 86_400
        if rest < 0 {
            rest &+= 86_400
            days &-= 1
        }
        if date.day != days {
            date.day = days
            date.text = dateText(days)
        }
        out.append(contentsOf: date.text)
        LineTime.put(rest / 3_600, 2, &out)
        out.append(0x3a)
        LineTime.put(rest / 60 % 60, 2, &out)
        out.append(0x3a)
        LineTime.put(rest % 60, 2, &out)
        if digits > 0 {
            out.append(point)
            LineTime.put(fraction, digits, &out)
        }
    }

    /// With the byte behind it.
    private func dateText(_ days: Int64) -> [UInt8] {
        var out: [UInt8] = []
        let (year, month, day) = LineTime.date(days)
        switch style {
        case .iso:
            LineTime.put(year, 4, &out)
            out.append(0x2d)
            LineTime.put(month, 2, &out)
            out.append(0x2d)
            LineTime.put(day, 2, &out)
        case .accessLog:
            LineTime.put(day, 2, &out)
            out.append(0x2f)
            let name = Int(truncatingIfNeeded: month &- 1) &* 3
            for i in 0..<3 { out.append(LineTime.months[name &+ i]) }
            out.append(0x2f)
            LineTime.put(year, 4, &out)
        }
        out.append(separator)
        return out
    }

    private static func put(_ number: Int64, _ width: Int, _ out: inout [UInt8]) {
        let start = out.count
        var rest = number
        for _ in 0..<width { out.append(0x30) }
        for i in 1...width {
            out[start &+ width &- i] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970 of the proleptic Gregorian calendar (Hinnant's algorithm).
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year &- 1 : year
        let era = (shifted >= 0 ? shifted : shifted &- 399) / 400
        let yearOfEra = shifted &- era &* 400
        let dayOfYear = (153 &* (month &+ (month > 2 ? -3 : 9)) &+ 2) / 5 &+ day &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        return era &* 146_097 &+ dayOfEra &- 719_468
    }

    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days &+ 719_468
        let era = (shifted >= 0 ? shifted : shifted &- 146_096) / 146_097
        let dayOfEra = shifted &- era &* 146_097
        let yearOfEra = (dayOfEra &- dayOfEra / 1_460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let shiftedMonth = (5 &* dayOfYear &+ 2) / 153
        let day = dayOfYear &- (153 &* shiftedMonth &+ 2) / 5 &+ 1
        let month = shiftedMonth < 10 ? shiftedMonth &+ 3 : shiftedMonth &- 9
        let year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
        return (year, month, day)
    }
}
