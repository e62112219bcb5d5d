import Foundation
import Telemetry
import Wire

extension ServerProcess {
    /// Logs over HTTP in forms other than OTLP's and Loki's.
    func addLogIngest(to routes: Routes) {
        routes.on([.post, .put], "/insert/jsonline", "/api/v1/logs/jsonlines", errors: jsonLinesError) { [self] call in
            try await jsonLines(call)
        }
        routes.on(
            [.post], "/firehose", "/insert/firehose", errors: { FirehoseReceiver.refusal($0, requestID: "") }
        ) { [self] call in
            await FirehoseReceiver(gateway: gateway, accessKey: firehoseAccessKey, limit: options.bodyLimit).answer(
                call)
        }
        let elasticsearch = ElasticsearchAPI(process: self)
        for prefix in ["/elasticsearch", "/insert/elasticsearch"] { elasticsearch.register(on: routes, prefix: prefix) }
        JournalUpload(process: self).register(on: routes)
    }

    private func jsonLines(_ call: HTTPCall) async throws -> HTTPAnswer {
        let options = JSONLinesOptions(call)
        let result = JSONLines.decode(call.body, options: options, now: TimeParameters.nowNanoseconds)
        // What is only looked at is answered as if it were stored.
        let outcome =
            ["1", "true"].contains(call.parameters["debug"] ?? call.headers["vl-debug"])
            ? IngestGateway.Outcome(accepted: result.accepted, rejected: result.rejected)
            : try await gateway.ingest(
                result.entries, "jsonline", id: result.entries.isTimed ? BatchIdentity.of("jsonline", call.body) : nil)
        var json = JSONWriter()
        json.beginObject()
        json.key("accepted")
        json.integer(outcome.accepted)
        json.key("rejected")
        json.integer(outcome.rejected)
        if result.firstErrorLine > 0 {
            json.key("first_error")
            json.beginObject()
            json.key("line")
            json.integer(result.firstErrorLine)
            json.field("reason", result.firstError)
            json.endObject()
        }
        json.endObject()
        return .json(json.bytes, status: outcome.accepted == 0 && outcome.rejected > 0 ? 400 : 200)
    }
}

/// `{"error":"…"}`.
private let jsonLinesError: Routes.ErrorShaper = { error in
    var answer = plainIngestError(error)
    var json = JSONWriter()
    json.beginObject()
    json.field("error", String(decoding: answer.body, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    json.endObject()
    answer.contentType = "application/json"
    answer.body = json.bytes
    return answer
}

extension JSONLinesOptions {
    /// From the parameters, else from the headers, as VictoriaLogs has them.
    init(_ call: HTTPCall) {
        self.init()
        func list(_ name: String) -> [String] {
            let header = "vl-" + name.drop { $0 == "_" }.replacing("_", with: "-")
            return (call.parameters[name] ?? call.headers[header] ?? "").split(separator: ",").map {
                String($0).trimmingSpaces
            }
        }
        messageFields = list("_msg_field")
        timeFields = list("_time_field")
        streamFields = list("_stream_fields")
        ignoredFields = list("ignore_fields")
        decolorizedFields = list("decolorize_fields")
        extraFields = list("extra_fields").compactMap { pair in
            guard let equals = pair.firstIndex(of: "="), equals > pair.startIndex else { return nil }
            return Label(String(pair[..<equals]), String(pair[pair.index(after: equals)...]))
        }
    }
}
