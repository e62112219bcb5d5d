import Telemetry
import YAMLReading

/// What rules ask of a query language.
package protocol RuleQuerying: Sendable {
    /// Throws a sentence with the position inside the expression where it does not parse.
    func check(_ expression: String) throws
    /// The instant vector at `time` (milliseconds); a scalar is one sample without labels.
    func instant(_ expression: String, at time: Int64) async throws -> [RuleSample]
}

package struct RuleSample: Sendable, Hashable {
    package var labels: LabelSet
    package var value: Double
    package init(labels: LabelSet, value: Double) {
        self.labels = labels
        self.value = value
    }
}

/// Reads rule files in Prometheus' format and collects all that is wrong with them, not just the first thing.
package enum RuleFile {
    package static func read(
        _ text: String, file: String, language: any RuleQuerying, dialect: RuleDialect = .promql
    ) -> (groups: [RuleGroup], errors: [YAMLError]) {
        var reader = Reader(file: file, language: language, dialect: dialect)
        do {
            guard let root = try YAMLNode.read(text, file: file) else { return ([], []) }
            let keys = try root.mapping(["groups"])
            for node in try keys["groups"]?.list() ?? [] { reader.readGroup(node) }
        } catch {
            reader.errors.append(error)
        }
        return (reader.groups, reader.errors)
    }

    private struct Reader {
        let file: String
        let language: any RuleQuerying
        let dialect: RuleDialect
        var groups: [RuleGroup] = []
        var errors: [YAMLError] = []

        mutating func readGroup(_ node: YAMLNode) {
            do throws(YAMLError) {
                let keys = try node.mapping([
                    "name", "interval", "query_offset", "limit", "labels", "rules", "partial_response_strategy",
                ])
                guard let name = try keys["name"]?.string(), !name.isEmpty else {
                    throw node.error("Groupname must not be empty")
                }
                if groups.contains(where: { $0.name == name }) {
                    throw node.error("groupname: \"\(name)\" is repeated in the same file")
                }
                var group = RuleGroup(
                    name: name, file: file, interval: try keys["interval"]?.duration(),
                    queryOffset: try keys["query_offset"]?.duration() ?? 0, limit: try keys["limit"]?.integer() ?? 0,
                    dialect: dialect, rules: [])
                if group.interval == 0 { group.interval = nil }
                let shared = try keys["labels"]?.stringMapping() ?? [:]
                if shared["__name__"] != nil { throw (keys["labels"] ?? node).error("label __name__ may not be set") }
                for (i, rule) in (try keys["rules"]?.list() ?? []).enumerated() {
                    if let read = readRule(rule, index: i, group: name, shared: shared) { group.rules.append(read) }
                }
                groups.append(group)
            } catch {
                errors.append(error)
            }
        }

        mutating func readRule(_ node: YAMLNode, index: Int, group: String, shared: [String: String]) -> Rule? {
            do throws(YAMLError) {
                let keys = try node.mapping([
                    "record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations",
                ])
                let before = errors.count
                let record = try keys["record"]?.string() ?? ""
                let alert = try keys["alert"]?.string() ?? ""
                func complain(_ at: String, _ message: String) {
                    let place = keys[at] ?? node
                    errors.append(
                        YAMLError(
                            file: file, line: place.line, column: place.column,
                            message:
                                "group \"\(group)\", rule \(index + 1), \"\(alert.isEmpty ? record : alert)\": \(message)"
                        ))
                }
                if record.isEmpty == alert.isEmpty {
                    complain(
                        "record",
                        record.isEmpty
                            ? "one of 'record' or 'alert' must be set" : "only one of 'record' and 'alert' must be set")
                }
                let expression = try keys["expr"]?.string() ?? ""
                if expression.isEmpty {
                    complain("expr", "field 'expr' must be set in rule")
                } else {
                    do { try language.check(expression) } catch {
                        complain("expr", "could not parse expression: \(error)")
                    }
                }
                var labels = shared
                labels.merge(try keys["labels"]?.stringMapping() ?? [:]) { $1 }
                for name in labels.keys.sorted() where !isLabelName(name) || name == "__name__" {
                    complain("labels", "invalid label name: \(name)")
                }
                let rule: Rule
                if !record.isEmpty {
                    if !isMetricName(record) { complain("record", "invalid recording rule name: \(record)") }
                    for key in ["for", "keep_firing_for", "annotations"] where keys[key] != nil {
                        complain(key, "invalid field '\(key)' in recording rule")
                    }
                    rule = Rule(
                        kind: .recording(name: record), expression: expression, labels: labels, line: node.line ?? 0)
                } else {
                    let annotations = try keys["annotations"]?.stringMapping() ?? [:]
                    for (kind, texts) in [("labels", labels), ("annotations", annotations)] {
                        for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
                            do { try AlertTemplate.check(text) } catch {
                                complain(kind, "template \(name): \(error)")
                            }
                        }
                    }
                    rule = Rule(
                        kind: .alerting(
                            name: alert, hold: try keys["for"]?.duration() ?? 0,
                            keepFiring: try keys["keep_firing_for"]?.duration() ?? 0, annotations: annotations),
                        expression: expression, labels: labels, line: node.line ?? 0)
                }
                return errors.count == before ? rule : nil
            } catch {
                errors.append(error)
                return nil
            }
        }

        private func isLabelName(_ name: String) -> Bool { !name.isEmpty }

        private func isMetricName(_ name: String) -> Bool {
            !name.isEmpty && !name.contains("{") && !name.contains("}") && !name.contains(" ")
        }
    }
}
