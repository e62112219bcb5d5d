/// What stands between the braces.
struct TemplateActionParser {
    private let bytes: ArraySlice<UInt8>
    private let functions: TemplateFunctions
    private var variables: [String]
    private var i: Int
    private var depth = 0

    /// `variables` are the names in scope; what the pipeline declares is added.
    static func pipeline(
        _ action: ArraySlice<UInt8>, functions: TemplateFunctions, variables: inout [String]
    ) throws(TemplateError) -> TemplatePipeline {
        var parser = TemplateActionParser(action, functions: functions, variables: variables)
        let pipeline = try parser.pipeline()
        parser.skipSpace()
        guard parser.i == action.endIndex else { throw TemplateError("unexpected \(parser.restText)") }
        variables = parser.variables
        return pipeline
    }

    /// `"name"` of `define`, `template` and `block`, and what follows.
    static func name(
        _ action: ArraySlice<UInt8>, functions: TemplateFunctions
    ) throws(TemplateError) -> (String, ArraySlice<UInt8>) {
        var parser = TemplateActionParser(action, functions: functions, variables: [])
        parser.skipSpace()
        guard let quote = parser.current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "`"),
            case .string(let name) = try parser.string(quote)
        else { throw TemplateError("unexpected \(parser.restText): the template's name must be a string constant") }
        parser.skipSpace()
        return (name, action[parser.i...])
    }

    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20 >= 97 && byte | 0x20 <= 122) || byte == 95 }

    /// `$k, $v := `, `$v := ` of `range`, and what follows.
    static func rangeVariables(
        _ action: ArraySlice<UInt8>, functions: TemplateFunctions
    ) -> (String?, String?, ArraySlice<UInt8>) {
        var parser = TemplateActionParser(action, functions: functions, variables: [])
        parser.skipSpace()
        guard let first = parser.variableName() else { return (nil, nil, action) }
        parser.skipSpace()
        var second: String?
        if parser.take(UInt8(ascii: ",")) {
            parser.skipSpace()
            second = parser.variableName()
            parser.skipSpace()
        }
        guard parser.take(UInt8(ascii: ":")), parser.take(UInt8(ascii: "=")) else { return (nil, nil, action) }
        let rest = action[parser.i...]
        return second == nil ? (nil, first, rest) : (first, second, rest)
    }

    private init(_ bytes: ArraySlice<UInt8>, functions: TemplateFunctions, variables: [String]) {
        self.bytes = bytes
        self.functions = functions
        self.variables = variables
        i = bytes.startIndex
    }

    private var current: UInt8? { i < bytes.endIndex ? bytes[i] : nil }
    private var restText: String { GoQuoting.quote(String(decoding: bytes[i...].prefix(20), as: UTF8.self)) }

    private mutating func skipSpace() {
        while let byte = current, byte == 32 || byte == 9 || byte == 10 || byte == 13 { i += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        i += 1
        return true
    }

    private mutating func word() -> String {
        let start = i
        while let byte = current, TemplateActionParser.isLetter(byte) || (byte >= 48 && byte <= 57) || byte >= 0x80 {
            i += 1
        }
        return String(decoding: bytes[start..<i], as: UTF8.self)
    }

    private mutating func variableName() -> String? {
        guard take(UInt8(ascii: "$")) else { return nil }
        return word()
    }

    private func checkVariable(_ name: String) throws(TemplateError) {
        guard name.isEmpty || variables.contains(name) else { throw TemplateError("undefined variable \"$\(name)\"") }
    }

    private mutating func pipeline() throws(TemplateError) -> TemplatePipeline {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 30 else { throw TemplateError("the template is nested too deeply") }
        var pipeline = TemplatePipeline()
        skipSpace()
        let start = i
        if let name = variableName() {
            skipSpace()
            let declares = take(UInt8(ascii: ":"))
            if take(UInt8(ascii: "=")) {
                if !declares { try checkVariable(name) }
                pipeline.variable = name
                pipeline.declares = declares
                if declares { variables.append(name) }
            } else {
                i = start
            }
        }
        repeat {
            let command = try command()
            guard !command.isEmpty else { throw TemplateError("missing value for command") }
            pipeline.commands.append(command)
        } while take(UInt8(ascii: "|"))
        return pipeline
    }

    private mutating func command() throws(TemplateError) -> [TemplateOperand] {
        var operands: [TemplateOperand] = []
        while true {
            skipSpace()
            guard let byte = current, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") else { return operands }
            operands.append(try operand(byte))
        }
    }

    private mutating func operand(_ byte: UInt8) throws(TemplateError) -> TemplateOperand {
        switch byte {
        case UInt8(ascii: "("):
            i += 1
            let inner = try pipeline()
            guard take(UInt8(ascii: ")")) else { throw TemplateError("unclosed left paren") }
            return .nested(inner, fields())
        case UInt8(ascii: "."):
            if i + 1 < bytes.endIndex, bytes[i + 1] >= 48, bytes[i + 1] <= 57 { return .literal(try number()) }
            let names = fields()
            if names.isEmpty { i += 1 }
            return .field(names)
        case UInt8(ascii: "$"):
            let name = variableName() ?? ""
            try checkVariable(name)
            return .variable(name, fields())
        case UInt8(ascii: "\""), UInt8(ascii: "`"), UInt8(ascii: "'"): return .literal(try string(byte))
        default: break
        }
        if (byte >= 48 && byte <= 57) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") {
            return .literal(try number())
        }
        let name = word()
        switch name {
        case "": throw TemplateError("unexpected \(restText)")
        case "true": return .literal(.bool(true))
        case "false": return .literal(.bool(false))
        case "nil": return .literal(.none)
        default:
            guard let function = functions[name] else {
                throw TemplateError("function \(GoQuoting.quote(name)) not defined")
            }
            return .function(function)
        }
    }

    private mutating func fields() -> [String] {
        var names: [String] = []
        while current == UInt8(ascii: "."), i + 1 < bytes.endIndex,
            TemplateActionParser.isLetter(bytes[i + 1]) || bytes[i + 1] >= 0x80
        {
            i += 1
            names.append(word())
        }
        return names
    }

    private mutating func number() throws(TemplateError) -> TemplateValue {
        let start = i
        i += 1
        while let byte = current,
            TemplateActionParser.isLetter(byte) || (byte >= 48 && byte <= 57) || byte == UInt8(ascii: ".")
        {
            i += 1
        }
        let text = String(decoding: bytes[start..<i], as: UTF8.self)
        if let whole = Int64(text) { return .int(whole) }
        if text.hasPrefix("0x"), let whole = Int64(text.dropFirst(2), radix: 16) { return .int(whole) }
        if let value = Double(text), value.isFinite { return .double(value) }
        throw TemplateError("bad number syntax: \(GoQuoting.quote(text))")
    }

    private mutating func string(_ quote: UInt8) throws(TemplateError) -> TemplateValue {
        i += 1
        let start = i
        while let byte = current, byte != quote {
            i = min(bytes.endIndex, i + (byte == UInt8(ascii: "\\") && quote != UInt8(ascii: "`") ? 2 : 1))
        }
        guard current == quote else { throw TemplateError("unterminated quoted string") }
        let inner = bytes[start..<i]
        i += 1
        if quote == UInt8(ascii: "`") { return .string(String(decoding: inner, as: UTF8.self)) }
        guard let text = GoQuoting.unescape(inner) else { throw TemplateError("bad escape in quoted string") }
        if quote == UInt8(ascii: "'") { return .int(Int64(text.unicodeScalars.first?.value ?? 0)) }
        return .string(text)
    }
}
