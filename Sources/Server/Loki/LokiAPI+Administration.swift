import Logging
import Storage
import Wire
import YAMLReading

/// What Loki answers at its root for people and for their scripts.
extension LokiAPI {
    func registerAdministration(on routes: Routes) {
        func on(
            _ methods: [HTTPCall.Method], _ path: String,
            _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer
        ) {
            routes.on(methods, path, errors: LokiAPI.errors, handler: handler)
        }
        on([.get], "/config") { _ in
            .text(SecretMasking.masked(process.configuration.text))
        }
        on([.get], "/services") { _ in
            .text(
                ["server", "store", "querier", "ruler", "distributor"].map { "\($0) => Running\n" }.joined())
        }
        on([.get], "/log_level") { _ in
            logLevelAnswer("Current log level is \(process.logLevel.level)")
        }
        on([.post, .put], "/log_level") { call in
            let name = call.parameters["log_level"] ?? ""
            guard process.logLevel.set(name) else {
                return logLevelAnswer("unrecognized log level \"\(name)\"", status: "failed", code: 400)
            }
            return logLevelAnswer("Log level set to '\(name)'", status: "success")
        }
        on([.get], "/config/tenant/v1/limits") { _ in
            HTTPAnswer(contentType: "text/yaml; charset=utf-8", body: Array(limits.map(\.yaml).joined().utf8))
        }
        on([.get, .post], "/flush") { _ in
            try await process.events.seal()
            return .noContent
        }
    }

    private func logLevelAnswer(_ message: String, status: String? = nil, code: Int = 200) -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        if let status { json.field("status", status) }
        json.field("message", message)
        json.endObject()
        return .json(json.takeBytes(), status: code)
    }

    // MARK: Limits

    /// A limit under the name that Loki has for it.
    struct Limit: Sendable {
        enum Value: Sendable {
            case number(Int)
            case text(String)
            case flag(Bool)
            case list([String])
        }

        var name: String
        var value: Value

        var yaml: String {
            switch value {
            case .number(let number): "\(name): \(number)\n"
            case .text(let text): "\(name): \(text)\n"
            case .flag(let flag): "\(name): \(flag)\n"
            case .list(let texts): "\(name):\n" + texts.map { "    - \($0)\n" }.joined()
            }
        }

        func write(to json: inout JSONWriter) {
            json.key(name)
            switch value {
            case .number(let number): json.integer(number)
            case .text(let text): json.string(text)
            case .flag(let flag): json.bool(flag)
            case .list(let texts): json.strings(texts)
            }
        }
    }

    /// What queries and pushes are held to.
    var limits: [Limit] {
        let push = LokiPushLimits()
        return [
            Limit(name: "max_entries_limit_per_query", value: .number(LokiAPI.maximumLimit)),
            Limit(name: "max_query_series", value: .number(500)),
            Limit(name: "max_query_length", value: .text("30d1h")),
            Limit(name: "query_timeout", value: .text("1m")),
            Limit(name: "max_line_size", value: .number(push.lineBytes)),
            Limit(name: "max_label_names_per_series", value: .number(push.labelNames)),
            Limit(name: "max_label_name_length", value: .number(push.labelNameBytes)),
            Limit(name: "max_label_value_length", value: .number(push.labelValueBytes)),
            Limit(name: "max_structured_metadata_size", value: .number(push.metadataBytes)),
            Limit(name: "max_structured_metadata_entries_count", value: .number(push.metadataEntries)),
            Limit(name: "creation_grace_period", value: .text("10m")),
            Limit(name: "reject_old_samples", value: .flag(false)),
            Limit(
                name: "retention_period",
                value: .text(PrometheusDuration.format(process.configuration.retention.logs.time))),
            Limit(name: "discover_service_name", value: .list(LokiPush.serviceLabels)),
            Limit(name: "discover_log_levels", value: .flag(true)),
            Limit(name: "log_level_fields", value: .list(LogLevel.fieldNames.sorted())),
            Limit(name: "allow_structured_metadata", value: .flag(true)),
            Limit(name: "volume_enabled", value: .flag(true)),
            Limit(name: "volume_max_series", value: .number(LokiAPI.maximumVolumes)),
        ]
    }
}
