import Codecs
import Foundation
import LogQL
import Storage
import Telemetry
import Wire

/// Deletion as Loki's compactor has it: requests that are listed and can be taken back as long as they wait. Here they
/// do not wait: what a request names is gone when it is answered.
extension LokiAPI {
    /// As the catalog keeps it, under its id.
    private struct DeleteRequest: Codable, Sendable {
        enum Status: String, Codable, Sendable { case received, processed }

        var query: String
        /// Milliseconds, both included.
        var start: Int64
        var end: Int64
        var created: Int64
        var status: Status
    }

    private static let documentKind = "loki.delete"
    /// Rows of a query whose stages no condition on columns can say; each is remembered until merges have carried it
    /// out.
    private static let mostRows = 5_000_000

    func registerDelete(on routes: Routes) {
        routes.on([.post, .put], "/loki/api/v1/delete", errors: LokiAPI.errors) { try await requestDelete($0) }
        routes.on([.get], "/loki/api/v1/delete", errors: LokiAPI.errors) { _ in try listDeletes() }
        routes.on([.delete], "/loki/api/v1/delete", errors: LokiAPI.errors) { try cancelDelete($0) }
        // What Loki's queriers ask their compactor: results that were cached before a deletion are old.
        routes.on([.get], "/loki/api/v1/cache/generation_numbers", errors: LokiAPI.errors) { _ in
            var json = JSONWriter()
            json.beginObject()
            json.field("results_cache_gen", "")
            json.endObject()
            return .json(json.takeBytes())
        }
    }

    private func requestDelete(_ call: HTTPCall) async throws -> HTTPAnswer {
        guard let text = call.parameters["query"], !text.isEmpty else { throw HTTPFailure(400, "query not set") }
        let expression: LogExpression
        do {
            guard case .log(let parsed) = try LogQLEngine.parse(text) else {
                throw HTTPFailure(400, "invalid query expression: only log queries can be deleted by")
            }
            expression = parsed
        } catch let error as LogQLError {
            throw HTTPFailure(400, "invalid query expression: \(error)")
        }
        guard expression.results.isEmpty else {
            throw HTTPFailure(400, "invalid query expression: give a selector and filters")
        }
        let now = TimeParameters.nowMilliseconds
        guard let startText = call.parameters["start"], !startText.isEmpty else {
            throw HTTPFailure(400, "start time not set")
        }
        let start = try deleteTime(startText, "start")
        let end = try call.parameters["end"].map { $0.isEmpty ? now : try deleteTime($0, "end") } ?? now
        guard end <= now else { throw HTTPFailure(400, "deletes in the future are not allowed") }
        guard start < end else { throw HTTPFailure(400, "start time can't be greater than end time") }
        try checkInterval(call, end - start)
        let range = TimeRange(start: start * 1_000_000, end: (end + 1) * 1_000_000)
        var request = DeleteRequest(query: text, start: start, end: end, created: now, status: .received)
        let id = try newRequestID()
        try put(request, id)
        try await delete(expression, text, range, call)
        request.status = .processed
        try put(request, id)
        process.logger.notice("logs deleted", metadata: ["query": "\(text)", "request": "\(id)"])
        return .noContent
    }

    /// Where columns cannot say which rows the query means, it is run, and its rows are deleted by their numbers.
    private func delete(
        _ expression: LogExpression, _ text: String, _ range: TimeRange, _ call: HTTPCall
    ) async throws {
        if let condition = expression.exactCondition {
            return try await process.events.delete(
                .logs, matchers: expression.matchers, predicate: condition, range: range)
        }
        let rows = try await process.query(.logql, text, for: call) { query in
            var rows: [UInt64] = []
            var held = try query.context.holding()
            try await engine.eachBatch(of: expression, range: range, context: query.context) { _, sequences in
                try held.grow(by: sequences.count * 8)
                rows += sequences
                guard rows.count <= LokiAPI.mostRows else {
                    throw HTTPFailure(
                        400,
                        "the query finds more than \(LokiAPI.mostRows) lines by parsing them; delete a shorter time at "
                            + "once, or use only the selector and |= and != filters")
                }
            }
            return rows
        }
        try await process.events.delete(.logs, rows: rows, matchers: expression.matchers, range: range)
    }

    private func deleteTime(_ text: String, _ name: String) throws -> Int64 {
        guard let time = try? TimeParameters.nanoseconds(text, name: name) else {
            throw HTTPFailure(400, "invalid \(name) time: require unix seconds or RFC3339 format")
        }
        return time / 1_000_000
    }

    /// Loki cuts a request into pieces of this length; there is no need to here, but a wrong one is refused as there.
    private func checkInterval(_ call: HTTPCall, _ length: Int64) throws {
        guard let text = call.parameters["max_interval"], !text.isEmpty else { return }
        guard let interval = GoDuration.nanoseconds(text), interval > 0 else {
            throw HTTPFailure(400, "invalid max_interval: valid time units are 's', 'm', 'h'")
        }
        if interval / 1_000_000 > length {
            throw HTTPFailure(
                400, "max_interval can't be greater than the interval to be deleted (\(length / 1000)s)")
        }
    }

    private func newRequestID() throws -> String {
        while true {
            let digits = String(UInt32.random(in: .min ... .max), radix: 16)
            let id = String(repeating: "0", count: 8 - digits.count) + digits
            if try process.folder.catalog.document(kind: LokiAPI.documentKind, key: id) == nil { return id }
        }
    }

    private func put(_ request: DeleteRequest, _ id: String) throws {
        let body = String(decoding: try JSONEncoder().encode(request), as: UTF8.self)
        try process.folder.catalog.putDocument(kind: LokiAPI.documentKind, key: id, body: body)
    }

    private func decoded(_ document: CatalogDocument) throws -> DeleteRequest {
        try JSONDecoder().decode(DeleteRequest.self, from: Data(document.body.utf8))
    }

    private func listDeletes() throws -> HTTPAnswer {
        let requests = try process.folder.catalog.documents(kind: LokiAPI.documentKind)
            .map { (id: $0.key, request: try decoded($0)) }
            .sorted { ($0.request.created, $0.id) < ($1.request.created, $1.id) }
        var json = JSONWriter()
        json.beginArray()
        for (id, request) in requests {
            json.beginObject()
            json.field("request_id", id)
            for (name, time) in [("start_time", request.start), ("end_time", request.end)] {
                json.key(name)
                json.seconds(time)
            }
            json.field("query", request.query)
            json.field("status", request.status.rawValue)
            json.key("created_at")
            json.seconds(request.created)
            json.endObject()
        }
        json.endArray()
        return .json(json.takeBytes())
    }

    private func cancelDelete(_ call: HTTPCall) throws -> HTTPAnswer {
        guard let id = call.parameters["request_id"], !id.isEmpty else {
            throw HTTPFailure(400, "request_id not set")
        }
        guard let known = try process.folder.catalog.document(kind: LokiAPI.documentKind, key: id) else {
            throw HTTPFailure(404, "could not find delete request with given id")
        }
        let isForced = ["true", "1"].contains(call.parameters["force"])
        guard try decoded(known).status == .received || isForced else {
            throw HTTPFailure(
                400, "deletion of request which is in process or already processed is not allowed")
        }
        try process.folder.catalog.deleteDocument(kind: LokiAPI.documentKind, key: id)
        return .noContent
    }
}
