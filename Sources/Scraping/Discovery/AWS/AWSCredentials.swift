import Telemetry

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

/// The two forms of time that AWS knows, without a calendar library.
enum AWSTime {
    /// `20150830T123600Z` of seconds since 1970.
    static func compact(_ seconds: Int64) -> String {
        let (days, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
        let second = rest < 0 ? rest + 86_400 : rest
        let date = CivilDate(daysSince1970: rest < 0 ? days - 1 : days)
        return pad(date.year, 4) + pad(date.month, 2) + pad(date.day, 2) + "T" + pad(second / 3600, 2) + pad(second / 60 % 60, 2)
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
        return CivilDate(year: year, month: month, day: day).daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
