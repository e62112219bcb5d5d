import Crypto
import Patterns
import Telemetry
import YAMLReading

/// One step of relabelling, with Prometheus' eleven actions.
package struct RelabelRule: Sendable {
    package enum Action: String, Sendable, CaseIterable {
        case replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase
    }

    package var sourceLabels: [String] = []
    package var separator = ";"
    package var targetLabel = ""
    package var replacement = "$1"
    package var modulus: UInt64 = 0
    package var action = Action.replace
    package private(set) var expression = "(.*)"
    private var pattern: Pattern

    package init(expression: String = "(.*)") throws(PatternError) {
        self.expression = expression
        pattern = try Pattern(expression, options: [.dotMatchesNewline])
    }

    private static let keys = [
        "source_labels", "separator", "target_label", "regex", "modulus", "replacement", "action",
    ]

    package static func read(_ node: YAMLNode) throws(YAMLError) -> RelabelRule {
        let keys = try node.mapping(RelabelRule.keys)
        let expression = try keys["regex"]?.string() ?? "(.*)"
        var rule: RelabelRule
        do { rule = try RelabelRule(expression: expression) } catch {
            throw (keys["regex"] ?? node).error("\(error)")
        }
        if let action = try keys["action"]?.string() {
            guard let known = Action(rawValue: action.lowercased()) else {
                throw (keys["action"] ?? node).error("unknown relabel action \"\(action)\"")
            }
            rule.action = known
        }
        rule.sourceLabels = try keys["source_labels"]?.strings() ?? []
        rule.separator = try keys["separator"]?.string() ?? ";"
        rule.targetLabel = try keys["target_label"]?.string() ?? ""
        rule.replacement = try keys["replacement"]?.string() ?? "$1"
        if let modulus = keys["modulus"] {
            let number = try modulus.integer()
            guard number >= 0 else { throw modulus.error("must not be negative") }
            rule.modulus = UInt64(number)
        }
        try rule.check(node)
        return rule
    }

    private func check(_ node: YAMLNode) throws(YAMLError) {
        let name = action.rawValue
        switch action {
        case .replace, .hashmod, .lowercase, .uppercase, .keepequal, .dropequal:
            if targetLabel.isEmpty {
                throw node.error("relabel configuration for \(name) action requires 'target_label' value")
            }
        case .keep, .drop, .labelmap, .labeldrop, .labelkeep: break
        }
        if action == .hashmod && modulus == 0 {
            throw node.error("relabel configuration for hashmod requires non-zero modulus")
        }
        let keys = try node.mapping(RelabelRule.keys)
        switch action {
        case .keepequal, .dropequal:
            // Written as its default a field is no harm, as upstream.
            guard separator == ";", expression == "(.*)", replacement == "$1", modulus == 0 else {
                throw node.error("\(name) action requires only 'source_labels' and 'target_label', and no other fields")
            }
        case .labeldrop, .labelkeep:
            guard keys["source_labels"] == nil, targetLabel.isEmpty, separator == ";", replacement == "$1", modulus == 0
            else { throw node.error("\(name) action requires only 'regex', and no other fields") }
        case .replace, .hashmod, .lowercase, .uppercase, .keep, .drop, .labelmap: break
        }
    }

    /// The labels after this rule, nil where it drops the target or series.
    func apply(_ labels: LabelSet) -> LabelSet? {
        func source() -> String { sourceLabels.map { labels[$0] ?? "" }.joined(separator: separator) }
        switch action {
        case .drop: return pattern.matchesWhole(source()) ? nil : labels
        case .keep: return pattern.matchesWhole(source()) ? labels : nil
        case .dropequal: return labels[targetLabel] ?? "" == source() ? nil : labels
        case .keepequal: return labels[targetLabel] ?? "" == source() ? labels : nil
        case .replace: return replaced(labels, source: source())
        case .lowercase: return labels.setting(targetLabel, to: source().lowercased())
        case .uppercase: return labels.setting(targetLabel, to: source().uppercased())
        case .hashmod:
            // Prometheus takes the last eight bytes of the MD5, big-endian.
            let digest = Array(Insecure.MD5.hash(data: Array(source().utf8)))
            let number = digest[8...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return labels.setting(targetLabel, to: String(number % modulus))
        case .labelmap:
            var all = labels.labels
            for label in all {
                guard let match = wholeMatch(label.name) else { continue }
                all.append(Label(expand(match, in: label.name, replacement), label.value))
            }
            return LabelSet(all)
        case .labeldrop: return labels.filter { !pattern.matchesWhole($0) }
        case .labelkeep: return labels.filter { pattern.matchesWhole($0) }
        }
    }

    private func replaced(_ labels: LabelSet, source: String) -> LabelSet {
        guard let match = wholeMatch(source) else { return labels }
        let target = expand(match, in: source, targetLabel)
        // An expansion that is no label name changes nothing and says nothing, as upstream.
        guard !target.isEmpty else { return labels }
        return labels.setting(target, to: expand(match, in: source, replacement))
    }

    private func wholeMatch(_ text: String) -> PatternMatch? { pattern.wholeMatch(in: Array(text.utf8)[...]) }

    private func expand(_ match: PatternMatch, in text: String, _ template: String) -> String {
        template.contains("$")
            ? String(decoding: pattern.expand(template, match, in: Array(text.utf8)[...]), as: UTF8.self) : template
    }
}

extension [RelabelRule] {
    /// The labels after all rules, nil where one of them drops.
    package func apply(_ labels: LabelSet) -> LabelSet? {
        var current = labels
        for rule in self {
            guard let next = rule.apply(current) else { return nil }
            current = next
        }
        return current
    }
}
