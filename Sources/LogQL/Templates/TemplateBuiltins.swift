internal import Vectors

extension TemplateFunction {
    func callBuiltin(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        switch self {
        case .not: return .bool(!arguments[0].isTrue)
        case .eq:
            for other in arguments.dropFirst() where try TemplateFunction.equal(arguments[0], other) {
                return .bool(true)
            }
            return .bool(false)
        case .ne: return .bool(!(try TemplateFunction.equal(arguments[0], arguments[1])))
        case .lt: return .bool(try TemplateFunction.less(arguments[0], arguments[1]))
        case .le:
            let isLess = try TemplateFunction.less(arguments[0], arguments[1])
            return .bool(isLess ? true : try TemplateFunction.equal(arguments[0], arguments[1]))
        case .gt: return .bool(try TemplateFunction.less(arguments[1], arguments[0]))
        case .ge: return .bool(!(try TemplateFunction.less(arguments[0], arguments[1])))
        case .len:
            switch arguments[0] {
            case .string(let text): return .int(Int64(text.utf8.count))
            case .list(let elements): return .int(Int64(elements.count))
            case .map(let entries): return .int(Int64(entries.count))
            default: throw TemplateError("error calling len: len of type that has none")
            }
        case .index: return try TemplateFunction.index(arguments)
        case .slice: return try TemplateFunction.slice(arguments)
        case .print: return .string(arguments.map(\.text).joined(separator: " "))
        case .println: return .string(arguments.map(\.text).joined(separator: " ") + "\n")
        case .default:
            if arguments.count == 2, arguments[1].isTrue { return arguments[1] }
            return arguments[0]
        default: return .string(GoFormat.format(arguments[0].text, arguments.dropFirst()))
        }
    }

    private static func equal(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateError) -> Bool {
        switch (a, b) {
        case (.int, .double), (.double, .int), (.string, .int), (.int, .string), (.string, .bool), (.bool, .string),
            (.string, .double), (.double, .string), (.bool, .int), (.int, .bool):
            throw TemplateError("error calling eq: incompatible types for comparison")
        default: return a == b
        }
    }

    private static func less(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateError) -> Bool {
        switch (a, b) {
        case (.int(let x), .int(let y)): return x < y
        case (.double(let x), .double(let y)): return x < y
        case (.string(let x), .string(let y)): return x.utf8.lexicographicallyPrecedes(y.utf8)
        case (.time(let x), .time(let y)): return x < y
        default: throw TemplateError("error calling lt: incompatible types for comparison")
        }
    }

    private static func index(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        var value = arguments[0]
        for key in arguments.dropFirst() {
            switch value {
            case .list(let elements):
                guard case .int(let at) = key, at >= 0, at < elements.count else {
                    throw TemplateError("error calling index: index out of range: \(key.text)")
                }
                value = elements[Int(at)]
            case .map: value = value.member(key.text)
            case .string(let text):
                guard case .int(let at) = key, at >= 0, at < text.utf8.count else {
                    throw TemplateError("error calling index: index out of range: \(key.text)")
                }
                value = .int(Int64(Array(text.utf8)[Int(at)]))
            default: throw TemplateError("error calling index: can't index item")
            }
        }
        return value
    }

    private static func slice(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        let bounds = arguments.dropFirst().map(\.integer)
        let count: Int
        switch arguments[0] {
        case .string(let text): count = text.utf8.count
        case .list(let elements): count = elements.count
        default: throw TemplateError("error calling slice: can't slice item")
        }
        let low = bounds.first ?? 0
        let high = bounds.count > 1 ? bounds[1] : Int64(count)
        guard low >= 0, low <= high, high <= Int64(count) else {
            throw TemplateError("error calling slice: index out of range: \(high)")
        }
        if case .string(let text) = arguments[0] {
            return .string(String(decoding: Array(text.utf8)[Int(low)..<Int(high)], as: UTF8.self))
        }
        guard case .list(let elements) = arguments[0] else { return .none }
        return .list(Array(elements[Int(low)..<Int(high)]))
    }
}

/// Go's `fmt.Sprintf` for the verbs that log templates use.
enum GoFormat {
    static func format(_ pattern: String, _ arguments: ArraySlice<TemplateValue>) -> String {
        var out = ""
        var rest = Array(pattern.unicodeScalars)[...]
        var next = arguments.startIndex
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                out.unicodeScalars.append(scalar)
                continue
            }
            var spec = Specification()
            while let flag = rest.first, "-+# 0".unicodeScalars.contains(flag) {
                spec.flags.insert(flag)
                rest.removeFirst()
            }
            spec.width = number(&rest)
            if rest.first == "." {
                rest.removeFirst()
                spec.precision = number(&rest) ?? 0
            }
            guard let verb = rest.popFirst() else {
                out += "%!(NOVERB)"
                break
            }
            if verb == "%" {
                out += "%"
                continue
            }
            guard next < arguments.endIndex else {
                out += "%!\(verb)(MISSING)"
                continue
            }
            out += spec.text(verb, arguments[next])
            next += 1
        }
        if next < arguments.endIndex {
            out += "%!(EXTRA " + arguments[next...].map { "\(kind(of: $0))=\($0.text)" }.joined(separator: ", ") + ")"
        }
        return out
    }

    private static func number(_ rest: inout ArraySlice<Unicode.Scalar>) -> Int? {
        var value: Int?
        while let digit = rest.first, digit.value >= 48, digit.value <= 57 {
            value = min(10_000, (value ?? 0) * 10 + Int(digit.value - 48))
            rest.removeFirst()
        }
        return value
    }

    static func kind(of value: TemplateValue) -> String {
        switch value {
        case .none: "<nil>"
        case .bool: "bool"
        case .int: "int"
        case .double: "float64"
        case .string: "string"
        case .list: "[]interface {}"
        case .map: "map[string]interface {}"
        case .time: "time.Time"
        case .record: "map[string]string"
        }
    }

    private struct Specification {
        var flags: Set<Unicode.Scalar> = []
        var width: Int?
        var precision: Int?

        func text(_ verb: Unicode.Scalar, _ value: TemplateValue) -> String {
            guard let body = body(verb, value) else {
                return "%!\(verb)(\(GoFormat.kind(of: value))=\(value.text))"
            }
            let missing = (width ?? 0) - body.unicodeScalars.count
            guard missing > 0 else { return body }
            if flags.contains("-") { return body + String(repeating: " ", count: missing) }
            if flags.contains("0"), verb != "s", verb != "q", verb != "v" {
                let sign = body.hasPrefix("-") || body.hasPrefix("+") ? String(body.prefix(1)) : ""
                return sign + String(repeating: "0", count: missing) + body.dropFirst(sign.count)
            }
            return String(repeating: flags.contains("0") ? "0" : " ", count: missing) + body
        }

        private func body(_ verb: Unicode.Scalar, _ value: TemplateValue) -> String? {
            switch (verb, value) {
            case ("v", _), ("s", .string), ("s", .list), ("s", .map), ("s", .record), ("s", .time):
                let text = value.text
                guard let precision, verb == "s" else { return text }
                return String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
            case ("q", .string(let text)): return QuotedText.quote(text)
            case ("t", .bool(let flag)): return flag ? "true" : "false"
            case ("d", .int(let number)): return (flags.contains("+") && number >= 0 ? "+" : "") + String(number)
            case ("x", .int(let number)): return String(number, radix: 16)
            case ("X", .int(let number)): return String(number, radix: 16, uppercase: true)
            case ("o", .int(let number)): return String(number, radix: 8)
            case ("b", .int(let number)): return String(number, radix: 2)
            case ("c", .int(let number)):
                return UInt32(exactly: number).flatMap(Unicode.Scalar.init).map { String($0) } ?? "\u{fffd}"
            case ("x", .string(let text)):
                return text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            case ("f", .double(let number)), ("F", .double(let number)):
                return (flags.contains("+") && number >= 0 ? "+" : "")
                    + FixedPoint.format(number, digits: precision ?? 6)
            case ("g", .double(let number)): return formatGeneral(number)
            case ("e", .double(let number)): return formatExponent(number)
            case ("T", _): return GoFormat.kind(of: value)
            default: return nil
            }
        }
    }
}

/// Exact decimal rounding of a binary fraction, half to even on the true value, as C and Go print `%.nf`.
enum FixedPoint {
    static func format(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        let digits = min(max(digits, 0), 400)
        // The decimal expansion: mantissa * 2^exponent, in base 10^1 digits, whole part and fraction apart.
        var whole: [UInt8] = [0]
        var fraction: [UInt8] = []
        let magnitude = value.magnitude
        if magnitude > 0 {
            var mantissa = magnitude.significandBitPattern
            var exponent = Int(magnitude.exponentBitPattern) - 1075
            if magnitude.exponentBitPattern == 0 { exponent += 1 } else { mantissa |= 1 << 52 }
            if exponent >= 0 {
                whole = decimalDigits(mantissa)
                for _ in 0..<exponent { double(&whole) }
            } else if exponent <= -64 {
                fraction = halve(decimalDigits(mantissa), times: -exponent, whole: &whole)
            } else {
                whole = decimalDigits(mantissa >> UInt64(-exponent))
                var rest = mantissa & ((1 << UInt64(-exponent)) - 1)
                let mask: UInt64 = (1 << UInt64(-exponent)) - 1
                while rest != 0 {
                    let (high, low) = rest.multipliedFullWidth(by: 10)
                    // The product needs at most four more bits than the mask has.
                    let digit = (high << UInt64(64 + exponent)) | (low >> UInt64(-exponent))
                    fraction.append(UInt8(truncatingIfNeeded: digit))
                    rest = low & mask
                }
            }
        }
        round(&whole, &fraction, digits)
        let sign = value.sign == .minus ? "-" : ""
        let head = sign + String(decoding: whole.map { $0 + 48 }, as: UTF8.self)
        return digits == 0 ? head : head + "." + String(decoding: fraction.map { $0 + 48 }, as: UTF8.self)
    }

    private static func decimalDigits(_ value: UInt64) -> [UInt8] { String(value).utf8.map { $0 - 48 } }

    private static func double(_ digits: inout [UInt8]) {
        var carry: UInt8 = 0
        for i in digits.indices.reversed() {
            let next = digits[i] * 2 + carry
            digits[i] = next % 10
            carry = next / 10
        }
        if carry > 0 { digits.insert(carry, at: 0) }
    }

    /// Digits behind the point of `digits / 2^times`; the whole part goes to `whole`.
    private static func halve(_ digits: [UInt8], times: Int, whole: inout [UInt8]) -> [UInt8] {
        var all = digits
        let point = digits.count
        for _ in 0..<times {
            var carry: UInt8 = 0
            for i in all.indices {
                let next = all[i] + carry * 10
                all[i] = next / 2
                carry = next % 2
            }
            if carry > 0 { all.append(5) }
        }
        let head = all[..<point].drop { $0 == 0 }
        whole = head.isEmpty ? [0] : Array(head)
        return Array(all[point...])
    }

    private static func round(_ whole: inout [UInt8], _ fraction: inout [UInt8], _ digits: Int) {
        guard fraction.count > digits else {
            fraction += [UInt8](repeating: 0, count: digits - fraction.count)
            return
        }
        let rest = fraction[digits...]
        let last = digits > 0 ? fraction[digits - 1] : whole[whole.count - 1]
        let isHalf = rest.first == 5 && rest.dropFirst().allSatisfy { $0 == 0 }
        let up = isHalf ? last % 2 == 1 : (rest.first ?? 0) >= 5
        fraction.removeLast(fraction.count - digits)
        guard up else { return }
        for i in fraction.indices.reversed() {
            fraction[i] += 1
            if fraction[i] < 10 { return }
            fraction[i] = 0
        }
        for i in whole.indices.reversed() {
            whole[i] += 1
            if whole[i] < 10 { return }
            whole[i] = 0
        }
        whole.insert(1, at: 0)
    }
}
