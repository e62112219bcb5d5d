/// Parses Go's text/template syntax: actions, trimming, comments, if / with / range, pipelines, variables.
struct TemplateParser {
    private static let maximumDepth = 50

    private enum Piece {
        case text(ArraySlice<UInt8>)
        case action(ArraySlice<UInt8>)
    }

    private var pieces: [Piece] = []
    private var cursor = 0
    private var depth = 0
    private let source: [UInt8]
    private let functions: TemplateFunctions
    /// Names in scope, innermost last.
    private var variables: [String]
    private(set) var definitions: [String: [TemplateNode]] = [:]

    init(_ text: String, functions: TemplateFunctions, variables: [String]) {
        source = Array(text.utf8)
        self.functions = functions
        self.variables = variables
    }

    mutating func parse() throws(TemplateError) -> [TemplateNode] {
        try split()
        let (nodes, ending) = try block(insideLoop: false, isTop: true)
        if let ending { throw TemplateError("unexpected {{\(ending.keyword)}}") }
        return nodes
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }

    /// Text and actions; `{{-` and `-}}` take the space beside them along.
    private mutating func split() throws(TemplateError) {
        var i = 0
        var textStart = 0
        while i + 1 < source.count {
            guard source[i] == 123, source[i + 1] == 123 else {
                i += 1
                continue
            }
            var text = source[textStart..<i]
            var begin = i + 2
            if begin + 1 < source.count, source[begin] == UInt8(ascii: "-"), TemplateParser.isSpace(source[begin + 1]) {
                begin += 1
                while let last = text.last, TemplateParser.isSpace(last) { text.removeLast() }
            }
            if !text.isEmpty { pieces.append(.text(text)) }
            guard let end = actionEnd(from: begin) else { throw TemplateError("unclosed action") }
            var inner = source[begin..<end]
            i = end + 2
            if inner.count >= 2, inner.last == UInt8(ascii: "-"), TemplateParser.isSpace(inner[inner.endIndex - 2]) {
                inner.removeLast()
                while i < source.count, TemplateParser.isSpace(source[i]) { i += 1 }
            }
            textStart = i
            while let first = inner.first, TemplateParser.isSpace(first) { inner.removeFirst() }
            while let last = inner.last, TemplateParser.isSpace(last) { inner.removeLast() }
            if inner.starts(with: "/*".utf8) {
                guard inner.count >= 4, inner.suffix(2).elementsEqual("*/".utf8) else {
                    throw TemplateError("unclosed comment")
                }
                continue
            }
            pieces.append(.action(inner))
        }
        if textStart < source.count { pieces.append(.text(source[textStart...])) }
    }

    private func actionEnd(from begin: Int) -> Int? {
        var i = begin
        while i + 1 < source.count {
            let byte = source[i]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`") {
                i += 1
                while i < source.count, source[i] != byte {
                    i += byte == UInt8(ascii: "\"") && source[i] == UInt8(ascii: "\\") ? 2 : 1
                }
                i += 1
                continue
            }
            if byte == 125, source[i + 1] == 125 { return i }
            i += 1
        }
        return nil
    }

    private struct Ending {
        var keyword: String
        var rest: ArraySlice<UInt8>
    }

    private mutating func block(
        insideLoop: Bool, isTop: Bool = false
    ) throws(TemplateError) -> ([TemplateNode], Ending?) {
        depth += 1
        let scope = variables.count
        defer {
            depth -= 1
            variables.removeLast(variables.count - scope)
        }
        guard depth <= TemplateParser.maximumDepth else { throw TemplateError("the template is nested too deeply") }
        var nodes: [TemplateNode] = []
        while cursor < pieces.count {
            let piece = pieces[cursor]
            cursor += 1
            guard case .action(let action) = piece else {
                if case .text(let text) = piece { nodes.append(.text(Array(text))) }
                continue
            }
            let (word, rest) = TemplateParser.keyword(action)
            switch word {
            case "end" where !rest.isEmpty: throw TemplateError("unexpected text after {{end}}")
            case "end", "else": return (nodes, Ending(keyword: word, rest: rest))
            case "if", "with", "range": nodes.append(try control(word, rest, insideLoop: insideLoop))
            case "break" where rest.isEmpty, "continue" where rest.isEmpty:
                guard insideLoop else { throw TemplateError("{{\(word)}} outside {{range}}") }
                nodes.append(.leaveLoop(again: word == "continue"))
            case "define":
                guard isTop else { throw TemplateError("unexpected {{define}}") }
                try define(rest)
            case "template", "block": nodes.append(try invocation(word, rest))
            default: nodes.append(try output(action))
            }
        }
        return (nodes, nil)
    }

    /// A word that is not the beginning of a longer name, and what follows it.
    private static func keyword(_ action: ArraySlice<UInt8>) -> (String, ArraySlice<UInt8>) {
        let word = action.prefix { TemplateActionParser.isLetter($0) || ($0 >= 48 && $0 <= 57) || $0 >= 0x80 }
        return (String(decoding: word, as: UTF8.self), action.dropFirst(word.count))
    }

    private mutating func define(_ rest: ArraySlice<UInt8>) throws(TemplateError) {
        let (name, more) = try TemplateActionParser.name(rest, functions: functions)
        guard more.isEmpty else { throw TemplateError("unexpected text after {{define}}") }
        try body(of: name)
    }

    /// Templates do not see the variables of those that invoke them.
    private mutating func body(of name: String) throws(TemplateError) {
        let outside = variables
        variables = []
        defer { variables = outside }
        let (nodes, ending) = try block(insideLoop: false)
        guard ending?.keyword == "end" else { throw TemplateError("unexpected EOF: {{define}} has no {{end}}") }
        definitions[name] = nodes
    }

    private mutating func invocation(
        _ word: String, _ rest: ArraySlice<UInt8>
    ) throws(TemplateError) -> TemplateNode {
        let (name, more) = try TemplateActionParser.name(rest, functions: functions)
        var argument: TemplatePipeline?
        if !more.isEmpty || word == "block" {
            argument = try TemplateActionParser.pipeline(more, functions: functions, variables: &variables)
        }
        if word == "block" { try body(of: name) }
        return .invoke(name, argument)
    }

    private mutating func output(_ action: ArraySlice<UInt8>) throws(TemplateError) -> TemplateNode {
        let pipeline = try TemplateActionParser.pipeline(action, functions: functions, variables: &variables)
        if pipeline.variable == nil, pipeline.commands.count == 1, pipeline.commands[0].count == 1,
            case .field(let names) = pipeline.commands[0][0], names.count == 1
        {
            return .label(names[0])
        }
        return .output(pipeline)
    }

    private mutating func control(
        _ word: String, _ rest: ArraySlice<UInt8>, insideLoop: Bool
    ) throws(TemplateError) -> TemplateNode {
        var condition = rest
        var key: String?
        var value: String?
        let scope = variables.count
        defer { variables.removeLast(variables.count - scope) }
        if word == "range" {
            (key, value, condition) = TemplateActionParser.rangeVariables(rest, functions: functions)
            variables += [key, value].compactMap(\.self)
        }
        let pipeline = try TemplateActionParser.pipeline(condition, functions: functions, variables: &variables)
        let (body, ending) = try block(insideLoop: insideLoop || word == "range")
        guard let ending else { throw TemplateError("unexpected EOF: {{\(word)}} has no {{end}}") }
        var otherwise: [TemplateNode] = []
        if ending.keyword == "else" {
            let more = ending.rest.drop(while: TemplateParser.isSpace)
            let (next, after) = TemplateParser.keyword(more)
            if next == "if" || next == "with" {
                depth += 1
                defer { depth -= 1 }
                guard depth <= TemplateParser.maximumDepth else {
                    throw TemplateError("the template is nested too deeply")
                }
                otherwise = [try control(next, after, insideLoop: insideLoop)]
            } else {
                guard more.isEmpty else { throw TemplateError("unexpected text after {{else}}") }
                let (nodes, last) = try block(insideLoop: insideLoop)
                guard last?.keyword == "end" else { throw TemplateError("expected {{end}} after {{else}}") }
                otherwise = nodes
            }
        }
        switch word {
        case "if": return .branch(pipeline, then: body, otherwise: otherwise)
        case "with": return .with(pipeline, then: body, otherwise: otherwise)
        default: return .range(pipeline, key: key, value: value, body: body, otherwise: otherwise)
        }
    }
}
