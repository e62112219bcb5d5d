import Alerting
import LogQL
import Storage
import Wire
import YAMLReading

/// The API of Loki's ruler: groups of rules in LogQL by namespace, as `lokitool rules` and Grafana send them. They are
/// evaluated with all others, and `/prometheus/api/v1/rules` tells of them.
extension LokiAPI {
    func registerRules(on routes: Routes) {
        for root in ["/loki/api/v1/rules", "/api/prom/rules"] {
            func on(
                _ method: HTTPCall.Method, _ path: String,
                _ handler: @escaping @Sendable (HTTPCall) throws -> HTTPAnswer
            ) {
                routes.on([method], root + path, errors: LokiAPI.errors) { try handler($0) }
            }
            on(.get, "") { _ in try listRules(nil) }
            on(.get, "/{namespace}") { try listRules($0.pathParameters["namespace"] ?? "") }
            on(.get, "/{namespace}/{group}") { try showGroup($0) }
            on(.post, "/{namespace}") { try putGroup($0) }
            on(.delete, "/{namespace}") { try deleteRules($0) }
            on(.delete, "/{namespace}/{group}") { try deleteRules($0) }
        }
    }

    private var ruleLanguage: LogRuleLanguage {
        LogRuleLanguage(
            engine: engine, options: process.options, budget: process.budget, queries: process.queries)
    }

    private func yaml(_ text: String) -> HTTPAnswer {
        HTTPAnswer(contentType: "application/yaml", body: Array(text.utf8))
    }

    private func listRules(_ namespace: String?) throws -> HTTPAnswer {
        let stored = try StoredRuleGroup.all(in: process.folder.catalog)
            .filter { namespace == nil || $0.namespace == namespace }
        guard !stored.isEmpty else { throw HTTPFailure(404, "no rule groups found\n") }
        var out = ""
        var last: String?
        for group in stored {
            if group.namespace != last {
                // JSON's strings are YAML's too.
                var quoted = JSONWriter()
                quoted.string(group.namespace)
                out += String(decoding: quoted.takeBytes(), as: UTF8.self) + ":\n"
                last = group.namespace
            }
            out += group.listed(indent: 4)
        }
        return yaml(out)
    }

    private func showGroup(_ call: HTTPCall) throws -> HTTPAnswer {
        guard let group = try stored(call).first else { throw HTTPFailure(404, "group does not exist\n") }
        return yaml(group.text)
    }

    /// The groups that the path names.
    private func stored(_ call: HTTPCall) throws -> [StoredRuleGroup] {
        let namespace = call.pathParameters["namespace"] ?? ""
        let name = call.pathParameters["group"]
        return try StoredRuleGroup.all(in: process.folder.catalog)
            .filter { $0.namespace == namespace && (name == nil || $0.name == name) }
    }

    private func putGroup(_ call: HTTPCall) throws -> HTTPAnswer {
        let namespace = call.pathParameters["namespace"] ?? ""
        guard !namespace.isEmpty else { throw HTTPFailure(400, "no namespace\n") }
        let group: StoredRuleGroup
        do {
            group = try StoredRuleGroup(
                String(decoding: call.body, as: UTF8.self), namespace: namespace, language: ruleLanguage)
        } catch {
            throw HTTPFailure(400, "unable to decode rule group: \(error)\n")
        }
        try group.put(to: process.folder.catalog)
        try process.reloadRules()
        return accepted
    }

    private func deleteRules(_ call: HTTPCall) throws -> HTTPAnswer {
        let groups = try stored(call)
        guard !groups.isEmpty else {
            throw HTTPFailure(
                404, call.pathParameters["group"] == nil ? "no rule groups found\n" : "group does not exist\n")
        }
        for group in groups {
            try process.folder.catalog.deleteDocument(kind: StoredRuleGroup.documentKind, key: group.key)
        }
        try process.reloadRules()
        return accepted
    }

    private var accepted: HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.field("status", "success")
        json.key("data")
        json.null()
        json.field("errorType", "")
        json.field("error", "")
        json.endObject()
        return .json(json.takeBytes(), status: 202)
    }
}
