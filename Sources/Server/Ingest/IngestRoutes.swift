import Codecs
import Storage
import Telemetry
import Wire

extension ServerProcess {
    /// What services and agents send to.
    func addIngest(to routes: Routes) {
        for (path, signal, response) in [
            ("traces", IngestSignal.traces, OTLPResponses.Signal.traces), ("logs", .logs, .logs),
            ("metrics", .metrics, .metrics),
        ] {
            routes.on(
                [.post], "/v1/\(path)", "/otlp/v1/\(path)", "/api/v1/otlp/v1/\(path)", "/loki/otlp/v1/\(path)",
                "/insert/opentelemetry/v1/\(path)",
                errors: { otlpError($0, json: false) }
            ) { [self] call in
                let json: Bool
                switch call.contentType {
                case "application/x-protobuf", "application/protobuf", "": json = false
                case "application/json": json = true
                case let other:
                    throw HTTPFailure(
                        415,
                        "Content-Type \"\(other)\" is not known here; send application/x-protobuf or application/json")
                }
                do {
                    // The Collector's `compression: snappy`; remote write and Loki push are snappy without saying so.
                    let isSnappy = call.headers["content-encoding"]?.lowercased() == "snappy"
                    let outcome = try await gateway.ingest(
                        signal, isSnappy ? unsnappy(call.body) : call.body, encoding: json ? .json : .protobuf,
                        transport: "http")
                    return HTTPAnswer(
                        contentType: json ? "application/json" : "application/x-protobuf",
                        body: OTLPResponses.success(
                            response, rejected: outcome.rejected, message: outcome.message, json: json))
                } catch {
                    return otlpError(error, json: json)
                }
            }
        }
        addRemoteWrite(to: routes)
        routes.on(
            [.post], "/loki/api/v1/push", "/api/prom/push", "/insert/loki/api/v1/push",
            errors: { error in
                // Loki's answer to an encoding that it does not know.
                guard let failure = error as? HTTPFailure, failure.status == 415 else { return plainIngestError(error) }
                return plainIngestError(HTTPFailure(400, failure.message))
            }
        ) { [self] call in try await lokiPush(call) }
        addLogIngest(to: routes)
    }

    private func unsnappy(_ body: [UInt8]) throws -> [UInt8] {
        do { return try Snappy.decompress(body, limit: options.bodyLimit) } catch {
            if error.isOverLimit {
                throw HTTPFailure(413, "the body decompresses to more than \(options.bodyLimit) bytes")
            }
            throw HTTPFailure(400, "the body is not snappy in block format: \(error)")
        }
    }

    private func lokiPush(_ call: HTTPCall) async throws -> HTTPAnswer {
        let now = TimeParameters.nowNanoseconds
        let decoded: LokiPushResult
        do {
            if call.contentType == "application/json" {
                decoded = try LokiPush.decode(json: call.body, now: now)
            } else {
                decoded = try LokiPush.decode(protobuf: unsnappy(call.body), now: now)
            }
        } catch {
            if let failure = error as? HTTPFailure { throw failure }
            throw gateway.refuse(error, .logs, "loki")
        }
        if decoded.outcome == .empty {
            throw HTTPFailure(422, "error at least one valid stream is required for ingestion")
        }
        let outcome = try await gateway.push(decoded, body: call.body)
        // Valid entries are stored; 400 keeps the client from sending all of them again.
        if outcome.rejected > 0 {
            throw HTTPFailure(400, outcome.message ?? "\(outcome.rejected) entries were rejected")
        }
        return .noContent
    }
}

/// A refusal in plain text, as remote write and Loki have it.
let plainIngestError: Routes.ErrorShaper = { error in
    switch error is StorageError ? IngestFailure(storing: error) : error {
    case let failure as HTTPFailure: return .text(failure.message + "\n", status: failure.status)
    case let failure as IngestFailure:
        switch failure {
        case .badData(let sentence): return .text(sentence + "\n", status: 400)
        case .overloaded(let sentence, let seconds):
            var answer = HTTPAnswer.text(sentence + "\n", status: 503)
            answer.headers = [("Retry-After", "\(seconds)")]
            return answer
        case .exhausted(let sentence, let seconds):
            var answer = HTTPAnswer.text(sentence + "\n", status: 429)
            answer.headers = [("Retry-After", "\(seconds)")]
            return answer
        case .internalFault(let sentence): return .text(sentence + "\n", status: 500)
        }
    default: return .text("\(error)\n", status: 500)
    }
}

/// A refusal as `google.rpc.Status` in the encoding of the request.
@Sendable private func otlpError(_ error: any Error, json: Bool) -> HTTPAnswer {
    let status: Int
    let code: Int
    let sentence: String
    var retryAfter: Int?
    switch error is StorageError ? IngestFailure(storing: error) : error {
    case let failure as HTTPFailure:
        (status, code, sentence) = (failure.status, failure.status == 413 ? 8 : 3, failure.message)
    case let failure as IngestFailure:
        switch failure {
        case .badData(let text): (status, code, sentence) = (400, 3, text)
        case .overloaded(let text, let seconds):
            (status, code, sentence) = (503, 14, text)
            retryAfter = seconds
        case .exhausted(let text, let seconds):
            (status, code, sentence) = (429, 8, text)
            retryAfter = seconds
        // 503 and not 500: a client drops what is answered with 500.
        case .internalFault(let text): (status, code, sentence) = (503, 14, text)
        }
    default: (status, code, sentence) = (503, 14, "\(error)")
    }
    var answer = HTTPAnswer(
        status: status, contentType: json ? "application/json" : "application/x-protobuf",
        body: OTLPResponses.status(code: code, message: sentence, json: json))
    if let retryAfter { answer.headers = [("Retry-After", "\(retryAfter)")] }
    return answer
}
