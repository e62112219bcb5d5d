/// Keys to sign with.
struct AWSCredentials: Sendable, Hashable, CustomStringConvertible {
    var accessKey: String
    var secretKey: String
    var sessionToken: String?
    /// Seconds since 1970; nil for keys that do not end.
    var expiration: Int64?

    /// Without the secrets: it may end in a log.
    var description: String { "AWS key \(accessKey.prefix(4))…" }

    /// The JSON that containers, instance metadata and credential processes have in common.
    static func read(_ tree: JSONTree) -> AWSCredentials? {
        guard let access = tree["AccessKeyId"].string, !access.isEmpty,
            let secret = tree["SecretAccessKey"].string, !secret.isEmpty
        else { return nil }
        return AWSCredentials(
            accessKey: access, secretKey: secret, sessionToken: tree["Token"].string ?? tree["SessionToken"].string,
            expiration: tree["Expiration"].string.flatMap(AWSTime.parse))
    }
}

/// The two forms of time that AWS knows, without a calendar library: days since 1970 by Howard Hinnant's algorithm.
enum AWSTime {
    /// `20150830T123600Z` of seconds since 1970.
    static func compact(_ seconds: Int64) -> String {
        let (days, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
        let second = rest < 0 ? rest + 86_400 : rest
        let (year, month, day) = civil(rest < 0 ? days - 1 : days)
        return pad(year, 4) + pad(month, 2) + pad(day, 2) + "T" + pad(second / 3600, 2) + pad(second / 60 % 60, 2)
            + pad(second % 60, 2) + "Z"
    }

    /// `2015-08-30T12:36:00Z`, with or without a fraction; nil for what is none.
    static func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[4] == 0x2d, bytes[7] == 0x2d,
            bytes[10] == UInt8(ascii: "T"), bytes[13] == 0x3a, bytes[16] == 0x3a
        else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), (1...12).contains(month), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        return days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
