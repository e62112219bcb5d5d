import Telemetry

/// Go's reference-time layouts (`2006-01-02T15:04:05Z07:00`), over UTC.
package enum GoTime {
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// Longest first among those that share a beginning.
    private static let tokens = [
        "January", "Jan", "Monday", "Mon", "MST", "2006", "-07:00:00", "-07:00", "-0700", "-07", "Z07:00", "Z0700",
        "01", "02",
        "03", "04", "05", "06", "002", "15", "PM", "pm", "_2", "1", "2", "3", "4", "5",
    ]

    private static func padded(_ value: Int64, _ width: Int, _ fill: String = "0") -> String {
        let text = String(value)
        return String(repeating: fill, count: max(0, width - text.utf8.count)) + text
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }

    package static func format(_ nanoseconds: Int64, layout: String) -> String {
        let seconds = floorDivide(nanoseconds, 1_000_000_000)
        let fraction = nanoseconds &- seconds &* 1_000_000_000
        let day = floorDivide(seconds, 86_400)
        let clock = seconds - day * 86_400
        let date = CivilDate(daysSince1970: day)
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60)
        let hour12 = hour % 12 == 0 ? 12 : hour % 12
        var out = ""
        var rest = Substring(layout)
        while !rest.isEmpty {
            if let digits = fractionDigits(rest) {
                out += fractionText(fraction, rest.prefix(digits + 1))
                rest = rest.dropFirst(digits + 1)
                continue
            }
            guard let token = tokens.first(where: rest.hasPrefix) else {
                out.append(rest.removeFirst())
                continue
            }
            rest = rest.dropFirst(token.count)
            switch token {
            case "January": out += months[Int(date.month - 1)]
            case "Jan": out += months[Int(date.month - 1)].prefix(3)
            case "Monday": out += weekdays[Int(((day % 7) + 11) % 7)]
            case "Mon": out += weekdays[Int(((day % 7) + 11) % 7)].prefix(3)
            case "MST": out += "UTC"
            case "2006": out += padded(date.year, 4)
            case "06": out += padded(date.year % 100, 2)
            case "01": out += padded(date.month, 2)
            case "1": out += padded(date.month, 1)
            case "02": out += padded(date.day, 2)
            case "_2": out += padded(date.day, 2, " ")
            case "2": out += padded(date.day, 1)
            case "002": out += padded(day - CivilDate(year: date.year, month: 1, day: 1).daysSince1970 + 1, 3)
            case "15": out += padded(hour, 2)
            case "03": out += padded(hour12, 2)
            case "3": out += padded(hour12, 1)
            case "04": out += padded(minute, 2)
            case "4": out += padded(minute, 1)
            case "05": out += padded(second, 2)
            case "5": out += padded(second, 1)
            case "PM": out += hour < 12 ? "AM" : "PM"
            case "pm": out += hour < 12 ? "am" : "pm"
            case "Z07:00", "Z0700": out += "Z"
            case "-07:00:00": out += "+00:00:00"
            case "-07:00": out += "+00:00"
            case "-0700": out += "+0000"
            default: out += "+00"
            }
        }
        return out
    }

    /// `.000` or `.999` (also after a comma): how many digits follow.
    private static func fractionDigits(_ text: Substring) -> Int? {
        guard let first = text.utf8.first, first == UInt8(ascii: ".") || first == UInt8(ascii: ",") else { return nil }
        let after = text.utf8.dropFirst()
        guard let digit = after.first, digit == UInt8(ascii: "0") || digit == UInt8(ascii: "9") else { return nil }
        let run = after.prefix { $0 == digit }.count
        if let next = after.dropFirst(run).first, next >= 48, next <= 57 { return nil }
        return min(run, 9)
    }

    private static func fractionText(_ fraction: Int64, _ pattern: Substring) -> String {
        let count = pattern.utf8.count - 1
        var digits = String(padded(fraction, 9).prefix(count))
        if pattern.utf8.last == UInt8(ascii: "9") {
            while digits.hasSuffix("0") { digits.removeLast() }
            if digits.isEmpty { return "" }
        }
        return String(pattern.prefix(1)) + digits
    }

    /// Nanoseconds; nil where `text` does not fit the layout. A text without zone is UTC, moved by `zoneOffset`
    /// seconds.
    package static func parse(_ text: String, layout: String, zoneOffset: Int64 = 0) -> Int64? {
        var input = Array(text.utf8)[...]
        var rest = Substring(layout)
        var date = CivilDate(year: 1, month: 1, day: 1)
        var (hour, minute, second, fraction): (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
        var offset = zoneOffset
        var afternoon: Bool?
        while !rest.isEmpty {
            if let digits = fractionDigits(rest) {
                rest = rest.dropFirst(digits + 1)
                fraction = takeFraction(&input)
                continue
            }
            guard let token = tokens.first(where: rest.hasPrefix) else {
                guard let byte = input.popFirst(), byte == rest.utf8.first else { return nil }
                rest = Substring(String(decoding: rest.utf8.dropFirst(), as: UTF8.self))
                continue
            }
            rest = rest.dropFirst(token.count)
            switch token {
            case "January", "Jan":
                guard let month = takeName(&input, months, short: token == "Jan") else { return nil }
                date.month = Int64(month + 1)
            case "Monday", "Mon": guard takeName(&input, weekdays, short: token == "Mon") != nil else { return nil }
            case "MST": input = input.drop { $0 >= 65 && $0 <= 90 }
            case "PM", "pm":
                guard input.count >= 2, let first = input.popFirst(), input.popFirst() != nil else { return nil }
                afternoon = (first | 32) == UInt8(ascii: "p")
            case "Z07:00", "Z0700", "-07:00:00", "-07:00", "-0700", "-07":
                guard let seconds = takeZone(&input) else { return nil }
                offset = seconds
            default:
                let width = token == "2006" ? 4 : token == "002" ? 3 : 2
                if token == "_2" { input = input.drop { $0 == 32 } }
                let exact = token.utf8.count >= 2 && token != "_2" && token != "15"
                guard let value = takeNumber(&input, width: width, exact: exact) else { return nil }
                switch token {
                case "2006": date.year = value
                case "06": date.year = value >= 69 ? 1900 + value : 2000 + value
                case "01", "1": date.month = value
                case "02", "2", "_2": date.day = value
                case "002":
                    date.month = 1
                    date.day = value
                case "15", "03", "3": hour = value
                case "04", "4": minute = value
                default:
                    second = value
                    if fractionDigits(rest) == nil, input.first == UInt8(ascii: ".") { fraction = takeFraction(&input) }
                }
            }
        }
        guard input.isEmpty, (1...12).contains(date.month), (1...366).contains(date.day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        if let afternoon { hour = hour % 12 + (afternoon ? 12 : 0) }
        let total = date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second - offset
        let (nanoseconds, overflow) = total.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? nil : nanoseconds &+ fraction
    }

    private static func takeNumber(_ input: inout ArraySlice<UInt8>, width: Int, exact: Bool) -> Int64? {
        let digits = input.prefix(width).prefix { $0 >= 48 && $0 <= 57 }
        guard !digits.isEmpty, !exact || digits.count == width else { return nil }
        input = input.dropFirst(digits.count)
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    private static func takeFraction(_ input: inout ArraySlice<UInt8>) -> Int64 {
        guard let first = input.first, first == UInt8(ascii: ".") || first == UInt8(ascii: ",") else { return 0 }
        let digits = input.dropFirst().prefix { $0 >= 48 && $0 <= 57 }
        input = input.dropFirst(1 + digits.count)
        let nine = String(decoding: digits.prefix(9), as: UTF8.self)
        return Int64(nine + String(repeating: "0", count: 9 - nine.utf8.count)) ?? 0
    }

    private static func takeName(_ input: inout ArraySlice<UInt8>, _ names: [String], short: Bool) -> Int? {
        for (i, name) in names.enumerated() {
            let wanted = short ? String(name.prefix(3)) : name
            if input.count >= wanted.utf8.count,
                zip(input, wanted.utf8).allSatisfy({ ($0 | 32) == ($1 | 32) })
            {
                input = input.dropFirst(wanted.utf8.count)
                return i
            }
        }
        return nil
    }

    private static func takeZone(_ input: inout ArraySlice<UInt8>) -> Int64? {
        guard let sign = input.popFirst() else { return nil }
        if sign == UInt8(ascii: "Z") { return 0 }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let hours = takeNumber(&input, width: 2, exact: true)
        else { return nil }
        if input.first == UInt8(ascii: ":") { input = input.dropFirst() }
        let minutes = takeNumber(&input, width: 2, exact: true) ?? 0
        return (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
    }
}

extension GoTime {
    /// What a failed parse gives: Go's zero time does not fit into nanoseconds, so its nearest is taken.
    package static let zero: Int64 = .min
}
