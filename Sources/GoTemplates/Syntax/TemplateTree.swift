package struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}

indirect enum TemplateNode: Sendable {
    case text([UInt8])
    /// The quick road: `{{ .label }}`.
    case label(String)
    case output(TemplatePipeline)
    case branch(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case with(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case range(TemplatePipeline, key: String?, value: String?, body: [TemplateNode], otherwise: [TemplateNode])
    case leaveLoop(again: Bool)
    /// `{{ template "name" pipeline }}`
    case invoke(String, TemplatePipeline?)
}

/// Commands joined by `|`, each result the last argument of the next; perhaps kept in a variable.
struct TemplatePipeline: Sendable {
    var variable: String?
    var declares = false
    var commands: [[TemplateOperand]] = []
}

indirect enum TemplateOperand: Sendable {
    case literal(TemplateValue)
    /// `.a.b`; no names at all is the dot.
    case field([String])
    /// `$x.a`; the empty name is `$`, the data that the template was given.
    case variable(String, [String])
    case function(TemplateFunction)
    case nested(TemplatePipeline, [String])
}

/// A parsed Go template. Make it once, execute it for each line or alert.
package struct Template: Sendable {
    let nodes: [TemplateNode]
    let definitions: [String: [TemplateNode]]

    /// - Parameter variables: names (without `$`) that every execution gives values to.
    package init(_ text: String, functions: TemplateFunctions, variables: [String] = []) throws(TemplateError) {
        var parser = TemplateParser(text, functions: functions, variables: variables)
        nodes = try parser.parse()
        definitions = parser.definitions
    }
}
