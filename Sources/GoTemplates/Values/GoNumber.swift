/// Numbers as Go's `fmt` prints them.
package enum GoNumber {
    private static let shortestThreshold = 6

    private static func signed(_ value: Double, _ text: (Double) -> String) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        return (value.sign == .minus ? "-" : "") + text(value.magnitude)
    }

    /// `%v` and `%g`: the shortest that reads back, with an exponent below 1e-4 and from a million on: `strconv`
    /// decides by six digits where the precision is the shortest possible.
    package static func general(_ value: Double) -> String {
        signed(value) { GoDecimal(shortest: $0).general(threshold: GoNumber.shortestThreshold) }
    }

    /// `%.4g`
    package static func general(_ value: Double, digits: Int) -> String {
        let digits = min(max(digits, 1), 400)
        return signed(value) {
            var decimal = GoDecimal(exact: $0)
            decimal.round(to: digits)
            return decimal.general(threshold: digits)
        }
    }

    /// `%.2f`
    package static func fixed(_ value: Double, digits: Int) -> String {
        let digits = min(max(digits, 0), 400)
        return signed(value) {
            var decimal = GoDecimal(exact: $0)
            decimal.round(toFraction: digits)
            return decimal.plain(fraction: digits)
        }
    }

    /// `%.2e`; without digits the shortest that reads back.
    package static func scientific(_ value: Double, digits: Int?) -> String {
        signed(value) {
            guard let digits else {
                let decimal = GoDecimal(shortest: $0)
                return decimal.scientific(fraction: max(0, decimal.count - 1))
            }
            let count = min(max(digits, 0), 400)
            var decimal = GoDecimal(exact: $0)
            decimal.round(to: count + 1)
            return decimal.scientific(fraction: count)
        }
    }
}
