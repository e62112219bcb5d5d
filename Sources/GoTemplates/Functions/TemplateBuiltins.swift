import Telemetry

/// The functions that Go's text/template brings along.
enum TemplateBuiltin {
    private static let many = 64

    static let all: [TemplateFunction] = [
        TemplateFunction("and", 1...many, body: .and),
        TemplateFunction("or", 1...many, body: .or),
        TemplateFunction("index", 1...many, body: .index),
        TemplateFunction("not", 1...1) { arguments in .bool(!arguments[0].isTrue) },
        TemplateFunction("eq", 2...many) { arguments throws(TemplateError) in
            for other in arguments.dropFirst() where try equal(arguments[0], other) { return .bool(true) }
            return .bool(false)
        },
        TemplateFunction("ne", 2...2) { arguments throws(TemplateError) in
            .bool(!(try equal(arguments[0], arguments[1])))
        },
        TemplateFunction("lt", 2...2) { arguments throws(TemplateError) in
            .bool(try less(arguments[0], arguments[1]))
        },
        TemplateFunction("le", 2...2) { arguments throws(TemplateError) in
            let isLess = try less(arguments[0], arguments[1])
            return .bool(isLess ? true : try equal(arguments[0], arguments[1]))
        },
        TemplateFunction("gt", 2...2) { arguments throws(TemplateError) in
            // Not the mirrored `lt`: NaN is neither.
            let isLess = try less(arguments[0], arguments[1])
            return .bool(isLess ? false : !(try equal(arguments[0], arguments[1])))
        },
        TemplateFunction("ge", 2...2) { arguments throws(TemplateError) in
            .bool(!(try less(arguments[0], arguments[1])))
        },
        TemplateFunction("len", 1...1, length),
        TemplateFunction("slice", 1...4, slice),
        TemplateFunction("print", 0...many) { arguments in .string(printed(arguments)) },
        TemplateFunction("println", 0...many) { arguments in
            .string(arguments.map(\.text).joined(separator: " ") + "\n")
        },
        TemplateFunction("printf", 1...many) { arguments in
            .string(GoFormat.format(arguments[0].text, arguments.dropFirst()))
        },
        TemplateFunction("html", 0...many) { arguments in .string(escapedHTML(printed(arguments))) },
        TemplateFunction("urlquery", 0...many) { arguments in .string(URLText.encode(printed(arguments))) },
    ]

    /// Go's `Sprint`: a space only between operands of which neither is a string.
    private static func printed(_ arguments: [TemplateValue]) -> String {
        var out = ""
        for (i, argument) in arguments.enumerated() {
            if i > 0, !argument.isString, !arguments[i - 1].isString { out += " " }
            out += argument.text
        }
        return out
    }

    private static func escapedHTML(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "&": out += "&amp;"
            case "'": out += "&#39;"
            case "\"": out += "&#34;"
            case "\0": out += "\u{fffd}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    private static func length(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        switch arguments[0] {
        case .string(let text): return .int(Int64(text.utf8.count))
        case .list(let elements): return .int(Int64(elements.count))
        case .map(let entries): return .int(Int64(entries.count))
        case .labels(let labels): return .int(Int64(labels.count))
        default: throw TemplateError("error calling len: len of type \(GoFormat.kind(of: arguments[0]))")
        }
    }

    private static func equal(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateError) -> Bool {
        switch (a, b) {
        case (.int, .double), (.double, .int), (.string, .int), (.int, .string), (.string, .bool), (.bool, .string),
            (.string, .double), (.double, .string), (.bool, .int), (.int, .bool), (.bool, .double), (.double, .bool):
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

    static func index(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        var value = arguments[0]
        for key in arguments.dropFirst() {
            switch value {
            case .list(let elements):
                guard case .int(let at) = key, at >= 0, at < elements.count else {
                    throw TemplateError("error calling index: index out of range: \(key.text)")
                }
                value = elements[Int(at)]
            case .map, .labels: value = try value.member(key.text)
            case .string(let text):
                guard case .int(let at) = key, at >= 0, at < text.utf8.count else {
                    throw TemplateError("error calling index: index out of range: \(key.text)")
                }
                value = .int(Int64(Array(text.utf8)[Int(at)]))
            default: throw TemplateError("error calling index: can't index item of type \(GoFormat.kind(of: value))")
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

extension TemplateValue {
    fileprivate var isString: Bool {
        if case .string = self { return true }
        return false
    }
}
