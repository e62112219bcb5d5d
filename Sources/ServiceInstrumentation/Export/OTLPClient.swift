import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import OTLPMessages
import SwiftProtobuf

/// Sends encoded batches to one OTLP/HTTP receiver.
struct OTLPClient: Sendable {
    let client: HTTPClient
    let configuration: ExporterConfiguration

    func sendSpans(_ batch: [SpanRecord], resource: Resource) async -> ExportOutcome {
        let body = try? OTLPEncoding.request(spans: batch, resource: resource).serializedBytes() as [UInt8]
        return await post(body, path: "/v1/traces") { answer in
            let decoded = try? Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse(
                serializedBytes: answer)
            return decoded.map { Int($0.partialSuccess.rejectedSpans) } ?? 0
        }
    }

    func sendLogs(_ batch: [LogRecord], resource: Resource) async -> ExportOutcome {
        let body = try? OTLPEncoding.request(logs: batch, resource: resource).serializedBytes() as [UInt8]
        return await post(body, path: "/v1/logs") { answer in
            let decoded = try? Opentelemetry_Proto_Collector_Logs_V1_ExportLogsServiceResponse(serializedBytes: answer)
            return decoded.map { Int($0.partialSuccess.rejectedLogRecords) } ?? 0
        }
    }

    private func post(_ body: [UInt8]?, path: String, rejected: ([UInt8]) -> Int) async -> ExportOutcome {
        guard let body else { return .refused }
        var endpoint = Substring(configuration.endpoint)
        while endpoint.last == "/" { endpoint.removeLast() }
        var request = HTTPClientRequest(url: endpoint + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-protobuf")
        request.headers.add(name: "User-Agent", value: "needletail-swift/\(InstrumentationVersion.current)")
        for (name, value) in configuration.headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(body)
        do {
            let timeout = TimeAmount.milliseconds(
                Int64(min(configuration.requestTimeout / .milliseconds(1), 3_600_000)))
            let response = try await client.execute(request, timeout: timeout)
            let answer = try await response.body.collect(upTo: 1 << 22)
            switch response.status.code {
            case 200..<300: return .accepted(rejected: rejected(Array(answer.readableBytesView)))
            case 429, 502, 503, 504: return .busy(retryAfter: Self.retryAfter(response.headers))
            default: return .refused
            }
        } catch {
            return Task.isCancelled ? .cancelled : .busy(retryAfter: nil)
        }
    }

    /// Seconds only: a receiver that answers with a date gets the usual backoff.
    private static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
        guard let text = headers.first(name: "Retry-After"), let seconds = Int(text), seconds >= 0 else { return nil }
        return .seconds(min(seconds, 60))
    }
}
