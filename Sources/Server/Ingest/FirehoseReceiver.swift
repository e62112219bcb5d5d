import Telemetry
import Wire

/// Deliveries of Amazon Data Firehose. Every answer has the shape that it insists on: its request's id and a time.
struct FirehoseReceiver: Sendable {
    let gateway: IngestGateway
    let accessKey: String?
    let limit: Int

    func answer(_ call: HTTPCall) async -> HTTPAnswer {
        let header = call.headers["x-amz-firehose-request-id"]
        do {
            if let accessKey, !isSame(call.headers["x-amz-firehose-access-key"] ?? "", accessKey) {
                throw HTTPFailure(401, "the access key is not that of this server")
            }
            var attributes: [Label] = []
            if let text = call.headers["x-amz-firehose-common-attributes"], !text.isEmpty {
                attributes = try FirehoseRequest.commonAttributes(text)
            }
            let result = try FirehoseRequest.decode(
                call.body, attributes: attributes, now: TimeParameters.nowNanoseconds, inflateLimit: limit)
            if let header, header != result.requestID {
                throw HTTPFailure(400, "the header X-Amz-Firehose-Request-Id and requestId in the body differ")
            }
            // The id stays the same when a delivery is repeated. Bad records are counted, and the answer is 200 all the
            // same: anything else would bring the whole delivery back for ever.
            let outcome = try await gateway.ingest(
                result.entries, "firehose", id: BatchIdentity.of("firehose", Array(result.requestID.utf8)))
            var answer = HTTPAnswer.json(
                FirehoseResponse.encode(requestID: result.requestID, timestamp: TimeParameters.nowMilliseconds))
            if outcome.rejected > 0 { answer.headers.append(("X-Needletail-Rejected", "\(outcome.rejected)")) }
            return answer
        } catch {
            let known = error is WireError ? gateway.refuse(error, .logs, "firehose") : error
            return FirehoseReceiver.refusal(known, requestID: header ?? FirehoseResponse.requestID(of: call.body) ?? "")
        }
    }

    static func refusal(_ error: any Error, requestID: String) -> HTTPAnswer {
        let plain = plainIngestError(error)
        let sentence = String(decoding: plain.body, as: UTF8.self).split(separator: "\n").joined(separator: "; ")
        var answer = HTTPAnswer.json(
            FirehoseResponse.encode(
                requestID: requestID, timestamp: TimeParameters.nowMilliseconds, error: sentence), status: plain.status)
        answer.headers = plain.headers
        return answer
    }

    /// In a time that does not tell where they differ.
    private func isSame(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        return zip(a.utf8, b.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
