/// Go's durations, `1h2m3.5s`, `100us`, and Prometheus' `1d`.
enum GoDuration {
    private static let units: [(String, Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12), ("d", 8.64e13),
        ("w", 6.048e14),
    ]

    static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let suffix = rest.prefix { !($0.isASCII && $0.isNumber || $0 == ".") }
            rest = rest.dropFirst(suffix.count)
            guard let number = Double(digits), let unit = units.first(where: { $0.0 == suffix }) else { return nil }
            total += number * unit.1
        }
        // Half of what 64 bits count, so that a held time less a duration cannot overflow.
        guard total.isFinite, total < 4.6e18 else { return nil }
        return Int64(total)
    }
}
