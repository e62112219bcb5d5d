/// Go's `fmt.Sprintf` for the verbs that templates use.
package enum GoFormat {
    package static func format(_ pattern: String, _ arguments: ArraySlice<TemplateValue>) -> String {
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

    package static func kind(of value: TemplateValue) -> String {
        switch value {
        case .none: "<nil>"
        case .bool: "bool"
        case .int: "int"
        case .double: "float64"
        case .string: "string"
        case .list: "[]interface {}"
        case .map: "map[string]interface {}"
        case .time: "time.Time"
        case .labels, .record: "map[string]string"
        case .object: "struct"
        case .duration: "time.Duration"
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

        private func sign(_ number: Double) -> String {
            // Infinity brings its own.
            if number.sign == .minus || number == .infinity { return "" }
            return flags.contains("+") ? "+" : flags.contains(" ") ? " " : ""
        }

        private func body(_ verb: Unicode.Scalar, _ value: TemplateValue) -> String? {
            switch (verb, value) {
            case ("v", _), ("s", .string), ("s", .list), ("s", .map), ("s", .record), ("s", .time), ("s", .labels),
                ("s", .duration):
                let text = value.text
                guard let precision, verb == "s" else { return text }
                return String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
            case ("q", .string(let text)): return GoQuoting.quote(text)
            case ("t", .bool(let flag)): return flag ? "true" : "false"
            case ("d", .int(let number)), ("d", .duration(let number)):
                return (flags.contains("+") && number >= 0 ? "+" : "") + String(number)
            case ("x", .int(let number)): return String(number, radix: 16)
            case ("X", .int(let number)): return String(number, radix: 16, uppercase: true)
            case ("o", .int(let number)): return String(number, radix: 8)
            case ("b", .int(let number)): return String(number, radix: 2)
            case ("c", .int(let number)):
                return UInt32(exactly: number).flatMap(Unicode.Scalar.init).map { String($0) } ?? "\u{fffd}"
            case ("x", .string(let text)):
                return text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            case ("f", .double(let number)), ("F", .double(let number)):
                return sign(number) + GoNumber.fixed(number, digits: precision ?? 6)
            case ("g", .double(let number)), ("G", .double(let number)):
                let text = precision.map { GoNumber.general(number, digits: $0) } ?? GoNumber.general(number)
                return sign(number) + (verb == "G" ? text.uppercased() : text)
            case ("e", .double(let number)), ("E", .double(let number)):
                let text = GoNumber.scientific(number, digits: precision ?? 6)
                return sign(number) + (verb == "E" ? text.uppercased() : text)
            case ("T", _): return GoFormat.kind(of: value)
            default: return nil
            }
        }
    }
}
