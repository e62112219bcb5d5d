import Alerting
import Foundation
import Storage
import YAMLReading

/// A group of rules in LogQL that came over Loki's API; a document of the catalog.
struct StoredRuleGroup: Codable, Sendable {
    static let documentKind = "loki.rules"

    var namespace: String
    var name: String
    /// The group as it was sent, as YAML in block style.
    var text: String

    /// Reads what a client sent; ``YAMLError`` or ``RuleFileErrors`` where anything is wrong with it.
    init(_ text: String, namespace: String, language: any RuleQuerying) throws {
        guard let node = try YAMLNode.read(text, file: namespace) else {
            throw YAMLError(file: namespace, message: "there is no rule group")
        }
        self.namespace = namespace
        self.text = node.text
        name = ""
        name = try group(language: language).name
    }

    /// Names may hold slashes.
    var key: String { "\(namespace)\n\(name)" }

    /// As an element of a list.
    func listed(indent: Int) -> String {
        var out = ""
        for (number, line) in text.split(separator: "\n").enumerated() {
            out += String(repeating: " ", count: indent) + (number == 0 ? "- " : "  ") + line + "\n"
        }
        return out
    }

    func group(language: any RuleQuerying) throws -> RuleGroup {
        let (groups, errors) = RuleFile.read(
            "groups:\n" + listed(indent: 2), file: namespace, language: language, dialect: .logql)
        guard errors.isEmpty, let group = groups.first else { throw RuleFileErrors(errors: errors) }
        return group
    }

    /// By namespace and name.
    static func all(in catalog: Catalog) throws -> [StoredRuleGroup] {
        try catalog.documents(kind: documentKind)
            .compactMap { try? JSONDecoder().decode(StoredRuleGroup.self, from: Data($0.body.utf8)) }
            .sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }

    func put(to catalog: Catalog) throws {
        let body = String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        try catalog.putDocument(kind: StoredRuleGroup.documentKind, key: key, body: body)
    }
}
