import Patterns
import Wire
import YAMLReading

extension OTLPLogMapping {
    /// `logs` in the section `otlp`: what Loki calls `otlp_config`, with its keys.
    static func read(_ otlp: YAMLNode?) throws(YAMLError) -> OTLPLogMapping {
        var out = OTLPLogMapping()
        guard let node = try otlp?.entries().first(where: { $0.key == "logs" })?.value else { return out }
        let keys = try node.mapping([
            "resource_attributes", "scope_attributes", "log_attributes", "severity_text_as_label",
        ])
        if let node = keys["resource_attributes"] {
            let keys = try node.mapping(["ignore_defaults", "attributes_config"])
            if try keys["ignore_defaults"]?.bool() == true { out.resource = [] }
            out.resource += try rules(keys["attributes_config"])
        }
        out.scope = try rules(keys["scope_attributes"])
        out.log = try rules(keys["log_attributes"])
        if let node = keys["severity_text_as_label"] { out.severityTextIsLabel = try node.bool() }
        return out
    }

    private static func rules(_ node: YAMLNode?) throws(YAMLError) -> [Rule] {
        var rules: [Rule] = []
        for entry in try node?.list() ?? [] {
            let keys = try entry.mapping(["action", "attributes", "regex"])
            let name = try keys["action"]?.string() ?? ""
            guard let action = Action(rawValue: name) else {
                throw (keys["action"] ?? entry).error(
                    "invalid action \"\(name)\"; there are " + Action.allCases.map(\.rawValue).joined(separator: ", "))
            }
            let attributes = Set(try keys["attributes"]?.strings() ?? [])
            var matches: (@Sendable (String) -> Bool)?
            if let node = keys["regex"] {
                let text = try node.string()
                let pattern: Pattern
                do { pattern = try Pattern(text, options: [.dotMatchesNewline]) } catch {
                    throw node.error("\(error)")
                }
                matches = { pattern.matchesWhole($0) }
            }
            guard !attributes.isEmpty || matches != nil else {
                throw entry.error("an action needs attributes or regex")
            }
            rules.append(Rule(action, attributes, matches: matches))
        }
        return rules
    }
}
