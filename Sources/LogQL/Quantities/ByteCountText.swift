/// Sizes as people write them: `42B`, `1.5KB`, `20 MiB`.
enum ByteCountText {
    private static let scales: [String: Double] = [
        "": 1, "b": 1, "kb": 1e3, "k": 1e3, "mb": 1e6, "m": 1e6, "gb": 1e9, "g": 1e9, "tb": 1e12, "t": 1e12, "pb": 1e15,
        "p": 1e15, "eb": 1e18, "e": 1e18, "kib": 1024, "ki": 1024, "mib": 1_048_576, "mi": 1_048_576,
        "gib": 1_073_741_824, "gi": 1_073_741_824, "tib": 1_099_511_627_776, "ti": 1_099_511_627_776,
        "pib": 1_125_899_906_842_624, "pi": 1_125_899_906_842_624, "eib": 1_152_921_504_606_846_976,
        "ei": 1_152_921_504_606_846_976,
    ]

    /// Bytes; nil where the text is no size. `unitNeeded` refuses bare numbers, which a query means as numbers.
    static func parse(_ text: some Collection<UInt8>, unitNeeded: Bool = false) -> UInt64? {
        let bytes = Array(text)
        let number = bytes.prefix { ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ",") }
        let digits = number.filter { $0 != UInt8(ascii: ",") }
        guard !digits.isEmpty, let value = Double(String(decoding: digits, as: UTF8.self)) else { return nil }
        let unit = String(decoding: bytes.dropFirst(number.count).drop { $0 == 32 }, as: UTF8.self).lowercased()
        if unitNeeded, unit.isEmpty { return nil }
        guard let scale = scales[unit] else { return nil }
        let total = value * scale
        return total >= 1.8446744073709552e19 ? nil : UInt64(total)
    }

    /// `1.5kB` as Loki prints sizes in a query.
    static func format(_ bytes: UInt64) -> String {
        if bytes < 10 { return "\(bytes)B" }
        let names = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        var scale: UInt64 = 1
        var index = 0
        while index < names.count - 1, bytes / scale >= 1000 {
            scale = scale &* 1000
            index += 1
        }
        if bytes % scale == 0 { return "\(bytes / scale)\(names[index])" }
        return "\(bytes)B"
    }
}
