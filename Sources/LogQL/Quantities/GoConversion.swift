/// What Go says of a text that does not convert: `__error_details__` carries it.
enum GoConversion {
    static func number(_ text: ArraySlice<UInt8>) -> Double? {
        guard let first = text.first, first > 32, text.last.map({ $0 > 32 }) ?? false else { return nil }
        return Double(String(decoding: text, as: UTF8.self))
    }

    static func numberFailure(_ text: ArraySlice<UInt8>) -> String {
        "strconv.ParseFloat: parsing \(quoted(text)): invalid syntax"
    }

    /// Nanoseconds of a value: unlike a query's literal it may not be in days.
    static func duration(_ text: ArraySlice<UInt8>) -> Int64? { DurationText.parse(text, calendarUnits: false) }

    static func durationFailure(_ text: ArraySlice<UInt8>) -> String {
        var rest = text
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest = rest.dropFirst() }
        while let first = rest.first {
            guard isNumeric(first) else { break }
            rest = rest.drop(while: isNumeric)
            let unit = rest.prefix { !isNumeric($0) }
            if unit.isEmpty { return "time: missing unit in duration \(quoted(text))" }
            if DurationText.parse([49] + unit, calendarUnits: false) == nil {
                return "time: unknown unit \(quoted(unit)) in duration \(quoted(text))"
            }
            rest = rest.dropFirst(unit.count)
        }
        return "time: invalid duration \(quoted(text))"
    }

    static func bytesFailure(_ text: ArraySlice<UInt8>) -> String {
        let number = text.prefix { isNumeric($0) || $0 == UInt8(ascii: ",") }
        if number.isEmpty { return "strconv.ParseFloat: parsing \"\": invalid syntax" }
        let unit = String(decoding: text.dropFirst(number.count).drop { $0 == 32 }, as: UTF8.self)
        return "unhandled size name: \(unit.lowercased())"
    }

    private static func isNumeric(_ byte: UInt8) -> Bool { (byte >= 48 && byte <= 57) || byte == UInt8(ascii: ".") }

    private static func quoted(_ text: ArraySlice<UInt8>) -> String {
        QuotedText.quote(String(decoding: text, as: UTF8.self))
    }
}
