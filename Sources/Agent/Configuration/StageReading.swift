import Patterns
import YAMLReading

/// Stages and multi-line rules out of YAML.
package enum StageReading {
    package static func multiline(_ node: YAMLNode) throws(YAMLError) -> MultilineRule? {
        if !node.isMapping {
            guard let traces = try traces(node) else { return nil }
            return MultilineRule(.stackTraces(traces))
        }
        let keys = try node.mapping([
            "languages", "first_line", "continuation", "timeout", "max_lines", "max_bytes",
        ])
        let ways = ["languages", "first_line", "continuation"].filter { keys[$0] != nil }
        guard ways.count <= 1 else { throw node.error("take one of languages, first_line and continuation") }
        var rule = MultilineRule(.stackTraces(.all))
        if let first = keys["first_line"] {
            rule.kind = .firstLine(try AgentConfiguration.pattern(first))
        } else if let more = keys["continuation"] {
            rule.kind = .continuation(try AgentConfiguration.pattern(more))
        } else if let languages = keys["languages"] {
            guard let traces = try traces(languages) else { return nil }
            rule.kind = .stackTraces(traces)
        }
        if let timeout = keys["timeout"] { rule.timeout = max(1, try timeout.duration()) }
        if let lines = keys["max_lines"] {
            rule.mostLines = try lines.integer()
            guard (1...1_000_000).contains(rule.mostLines) else { throw lines.error("must be from 1 to 1000000") }
        }
        if let bytes = keys["max_bytes"] {
            rule.mostBytes = try bytes.byteSize()
            guard (64...(16 << 20)).contains(rule.mostBytes) else { throw bytes.error("must be from 64 bytes to 16MB") }
        }
        return rule
    }

    /// A language or a list of them; nil for `off`.
    private static func traces(_ node: YAMLNode) throws(YAMLError) -> StackTraces? {
        var found: StackTraces = []
        for node in node.isList ? try node.list() : [node] {
            let word = try node.string()
            if word == "off" || word == "false" || word == "none" { return nil }
            guard let traces = traces(named: word) else {
                let known = StackTraces.names.map(\.name).joined(separator: ", ")
                throw node.error("unknown language \"\(word)\"; it is one of \(known), or off")
            }
            found.formUnion(traces)
        }
        return found
    }

    package static func traces(named word: String) -> StackTraces? {
        StackTraces.names.first { $0.name == word.lowercased() }?.rules
    }

    package static func stage(_ node: YAMLNode) throws(YAMLError) -> Stage {
        let keys = try node.mapping(["json", "logfmt", "regex", "drop", "keep"])
        guard keys.count == 1, let (name, value) = keys.first else {
            throw node.error("a stage has one key: json, logfmt, regex, drop or keep")
        }
        switch name {
        case "json": return .json(try extraction(value))
        case "logfmt": return .logfmt(try extraction(value))
        case "regex":
            let keys = try value.mapping(["expression"] + extractionKeys)
            guard let expression = keys["expression"] else { throw value.error("expression is missing") }
            let pattern = try AgentConfiguration.pattern(expression, wantsNames: true)
            let extraction = try extraction(value, also: ["expression"])
            for field in extraction.fields where !pattern.captureNames.contains(field) {
                throw value.error("the expression has no group named \"\(field)\"")
            }
            return .regex(pattern, extraction)
        case "drop": return .drop(try condition(value))
        default: return .keep(try condition(value))
        }
    }

    private static func condition(_ node: YAMLNode) throws(YAMLError) -> Stage.Condition {
        guard node.isMapping else { return .found(try AgentConfiguration.pattern(node)) }
        let keys = try node.mapping(["regex", "contains"])
        guard keys.count == 1 else { throw node.error("take one of regex and contains") }
        if let regex = keys["regex"] { return .found(try AgentConfiguration.pattern(regex)) }
        return .contains(Array(try keys["contains"]?.string().utf8 ?? "".utf8))
    }

    private static let extractionKeys = ["labels", "metadata", "timestamp", "line"]

    private static func extraction(_ node: YAMLNode, also: [String] = []) throws(YAMLError) -> Extraction {
        let keys = try node.mapping(extractionKeys + also)
        var extraction = Extraction()
        extraction.labels = try targets(keys["labels"], &extraction)
        extraction.metadata = try targets(keys["metadata"], &extraction)
        if let line = keys["line"] { extraction.line = extraction.field(try line.string()) }
        if let node = keys["timestamp"] {
            let keys = try node.mapping(["field", "format", "zone"])
            guard let field = keys["field"] else { throw node.error("field is missing") }
            let zone = try keys["zone"].map(zone) ?? 0
            let text = try keys["format"]?.string() ?? "rfc3339"
            let format = try (keys["format"] ?? node).checked { () throws(AgentError) in
                try TimeFormat(text, zone: zone)
            }
            extraction.timestamp = (extraction.field(try field.string()), format)
        }
        return extraction
    }

    /// `[level, user]`, or `{label: field}`.
    private static func targets(_ node: YAMLNode?, _ extraction: inout Extraction) throws(YAMLError) -> [Extraction.Target] {
        guard let node else { return [] }
        var out: [Extraction.Target] = []
        if node.isList {
            for item in try node.list() {
                let field = try item.string()
                out.append(.init(name: LabelNames.sanitized(field), field: extraction.field(field)))
            }
            return out
        }
        for (name, value) in try node.entries() {
            guard LabelNames.isValid(name) else { throw value.error("\"\(name)\" is not a label's name") }
            let field = value.isNull ? name : try value.string()
            out.append(.init(name: name, field: extraction.field(field)))
        }
        return out
    }

    /// `+02:00` in seconds.
    private static func zone(_ node: YAMLNode) throws(YAMLError) -> Int64 {
        let text = try node.string()
        if text == "UTC" || text == "Z" { return 0 }
        let bytes = Array(text.utf8)
        guard bytes.count == 6, bytes[0] == 0x2b || bytes[0] == 0x2d, bytes[3] == 0x3a,
            let hours = Int64(text.dropFirst().prefix(2)), let minutes = Int64(text.suffix(2)), hours < 24, minutes < 60
        else { throw node.error("\"\(text)\" is not a zone; write UTC or for example +02:00") }
        return (hours * 3_600 + minutes * 60) * (bytes[0] == 0x2d ? -1 : 1)
    }
}
