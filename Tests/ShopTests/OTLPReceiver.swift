import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import OTLPMessages
import ServiceLifecycle
import SwiftProtobuf
import Synchronization

/// A tiny OTLP/HTTP receiver that keeps everything.
final class OTLPReceiver: Sendable {
    struct Span: Sendable {
        let service: String
        let span: Opentelemetry_Proto_Trace_V1_Span

        var traceID: String { span.traceID.map { String(format: "%02x", $0) }.joined() }

        func attribute(_ key: String) -> String? { span.attributes.first { $0.key == key }?.value.stringValue }
    }

    struct Log: Sendable {
        let service: String
        let record: Opentelemetry_Proto_Logs_V1_LogRecord

        var body: String { record.body.stringValue }
        var traceID: String { record.traceID.map { String(format: "%02x", $0) }.joined() }
    }

    private let state = Mutex<(spans: [Span], logs: [Log], port: Int?)>(([], [], nil))

    var spans: [Span] { state.withLock { $0.spans } }
    var logs: [Log] { state.withLock { $0.logs } }
    var port: Int? { state.withLock { $0.port } }

    func run() async throws {
        let router = Router()
        router.post("/v1/traces") { request, _ in
            let body = try await request.body.collect(upTo: 64 << 20)
            let message = try Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest(
                serializedBytes: Array(body.readableBytesView))
            let spans = message.resourceSpans.flatMap { group in
                group.scopeSpans.flatMap(\.spans).map {
                    Span(service: Self.service(group.resource.attributes), span: $0)
                }
            }
            self.state.withLock { $0.spans += spans }
            return Response(status: .ok)
        }
        router.post("/v1/logs") { request, _ in
            let body = try await request.body.collect(upTo: 64 << 20)
            let message = try Opentelemetry_Proto_Collector_Logs_V1_ExportLogsServiceRequest(
                serializedBytes: Array(body.readableBytesView))
            let logs = message.resourceLogs.flatMap { group in
                group.scopeLogs.flatMap(\.logRecords).map {
                    Log(service: Self.service(group.resource.attributes), record: $0)
                }
            }
            self.state.withLock { $0.logs += logs }
            return Response(status: .ok)
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in self.state.withLock { $0.port = channel.localAddress?.port } },
            logger: Logger(label: "receiver") { _ in SwiftLogNoOpLogHandler() })
        try await application.run()
    }

    private static func service(_ attributes: [Opentelemetry_Proto_Common_V1_KeyValue]) -> String {
        attributes.first { $0.key == "service.name" }?.value.stringValue ?? "?"
    }
}
