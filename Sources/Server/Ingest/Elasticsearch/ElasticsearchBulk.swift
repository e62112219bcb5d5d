import Telemetry
import Wire

extension ElasticsearchAPI {
    func bulk(_ call: HTTPCall, index: String?) async throws -> HTTPAnswer {
        guard call.method == .post || call.method == .put else {
            throw ElasticsearchFailure(
                405, "illegal_argument_exception", "Incorrect HTTP method for uri [\(call.path)], allowed: [POST, PUT]")
        }
        let started = ContinuousClock.now
        guard !call.body.isEmpty else {
            throw ElasticsearchFailure(400, "parse_exception", "request body is required")
        }
        let request: BulkRequest
        let known = await process.documents.known()
        do {
            request = try BulkDecoder.decode(
                call.body, index: index, now: TimeParameters.nowNanoseconds, known: known)
        } catch {
            throw process.gateway.refuse(error, .logs, "elasticsearch")
        }
        try await store(request, call)
        var response = BulkResponse(filterPath: call.parameters["filter_path"])
        let made = state.nextIdentifier()
        let took = Int((ContinuousClock.now - started) / .milliseconds(1))
        return .json(response.encode(request, milliseconds: took) { made + String($0, radix: 36) })
    }

    /// `_doc` and `_create`.
    func document(_ call: HTTPCall, _ action: BulkItem.Action, _ index: String, id: String?) async throws -> HTTPAnswer
    {
        guard !call.body.isEmpty else {
            throw ElasticsearchFailure(400, "parse_exception", "request body is required")
        }
        let request = BulkDecoder.decode(
            document: call.body, action: call.parameters["op_type"] == "create" ? .create : action, index: index,
            id: id,
            now: TimeParameters.nowNanoseconds, known: await process.documents.known())
        try await store(request, call)
        guard let item = request.items.first else { throw ElasticsearchFailure(500, "exception", "no document") }
        if case .failed(let status, let type, let reason) = item.fate {
            throw ElasticsearchFailure(status, type, reason)
        }
        return .json(
            BulkResponse.single(item, id: item.id ?? state.nextIdentifier()), status: item.fate == .created ? 201 : 200)
    }

    private func store(_ request: BulkRequest, _ call: HTTPCall) async throws {
        // Documents without time and id are new whenever they come; all others make a request that is known again.
        let isKnownAgain =
            request.entries.isTimed || request.items.allSatisfy { $0.row < 0 || $0.identity != 0 }
        _ = try await process.gateway.ingest(
            request.entries, "elasticsearch",
            id: isKnownAgain ? BatchIdentity.of("elasticsearch", Array(call.path.utf8), call.body) : nil)
        let named = request.items.filter { $0.row >= 0 && $0.identity != 0 }
        if !named.isEmpty {
            await process.documents.remember(
                named.map { NamedDocument(identity: $0.identity, document: $0.document) })
        }
    }
}
