/// What the values of a column have in common.
struct ValueFacts {
    var classes: UInt8 = 0
    var shortest = Int.max
    var longest = 0
    var isConstant = true
    /// Decimal digits, perhaps after a minus sign, that an integer can be written back to.
    private(set) var isInteger = false
    /// No leading zeros and no `-0`; else all have the same width and no sign.
    private(set) var isCanonical = true

    init(_ text: Span<UInt8>, _ values: [TextSlice]) {
        let classTable = ByteClass.table
        let table = classTable.span
        var signs = 0
        var first = TextSlice(0, 0)
        if let value = values.first { first = value }
        let all = values.span
        for index in all.indices {
            TextBytes.expect(text, all, index &+ TextBytes.ahead)
            let value = all[index]
            shortest = min(shortest, value.count)
            longest = max(longest, value.count)
            if value.count > 0, value.count <= 8,
                let digits = TextBytes.digits(text, value.lower, count: value.count)
            {
                classes |= ByteClass.digit
                if isConstant, value != first {
                    isConstant =
                        value.length == first.length
                        && TextBytes.isEqual(text, value.lower, first.lower, count: value.count)
                }
                // The first digit lies above those that are not there.
                let leading = digits >> UInt64(64 &- 8 &* value.count) & 0xff
                if leading == 0, value.count > 1 { isCanonical = false }
                continue
            }
            var seen: UInt8 = 0
            var at = value.lower
            while value.upper &- at >= 8, let some = HexadecimalDigits.classes(text, at) {
                seen |= some
                at &+= 8
            }
            while at < value.upper {
                seen |= unsafe table[unchecked: Int(text[unchecked: at])]
                at &+= 1
            }
            var isSigned = false
            if seen == ByteClass.digit | ByteClass.delimiter, text[value.lower] == 0x2d, value.count > 1 {
                at = value.lower &+ 1
                while at < value.upper, text[at] &- 0x30 < 10 { at &+= 1 }
                isSigned = at == value.upper
                if isSigned { signs &+= 1 }
            }
            classes |= isSigned ? ByteClass.digit : seen
            if isConstant, value != first {
                isConstant =
                    value.length == first.length
                    && TextBytes.isEqual(text, value.lower, first.lower, count: value.count)
            }
            if isCanonical, value.count > 0 {
                let digit = isSigned ? text[value.lower &+ 1] : text[value.lower]
                if digit == 0x30, value.count > 1 { isCanonical = false }
            }
        }
        if values.isEmpty { shortest = 0 }
        isInteger =
            classes == ByteClass.digit && shortest > 0 && longest <= TextFormat.maximumDigits
            && (isCanonical || signs == 0 && shortest == longest)
        if signs > 0 { classes |= ByteClass.delimiter }
    }

    var isHexadecimal: Bool {
        let letters = classes & ~ByteClass.digit
        return shortest == longest && longest >= 4
            && (letters == ByteClass.lowerHexadecimal || letters == ByteClass.upperHexadecimal || letters == 0)
    }
}
