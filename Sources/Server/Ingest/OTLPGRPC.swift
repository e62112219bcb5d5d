import Codecs
import GRPCCore
import Wire

/// The three OTLP collector services over gRPC, on raw message bytes: our own reader decodes them, several times faster
/// than generated messages would.
struct OTLPGRPCService: RegistrableRPCService {
    let gateway: IngestGateway
    /// Bytes of a message, unpacked.
    let limit: Int

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        let services: [(name: String, signal: IngestSignal)] = [
            ("opentelemetry.proto.collector.trace.v1.TraceService", .traces),
            ("opentelemetry.proto.collector.logs.v1.LogsService", .logs),
            ("opentelemetry.proto.collector.metrics.v1.MetricsService", .metrics),
        ]
        for (name, signal) in services {
            register("Export", of: name, in: &router) { [gateway] message in
                try await gateway.export(signal, message)
            }
        }
        // grpc.health.v1: status SERVING; this process answers only while it serves.
        register("Check", of: "grpc.health.v1.Health", in: &router) { _ in [0x08, 0x01] }
    }

    private func register<Transport: ServerTransport>(
        _ method: String, of service: String, in router: inout RPCRouter<Transport>,
        answer: @escaping @Sendable ([UInt8]) async throws -> [UInt8]
    ) {
        router.registerHandler(
            forMethod: MethodDescriptor(service: ServiceDescriptor(fullyQualifiedService: service), method: method),
            deserializer: RawBytes(), serializer: RawBytes()
        ) { request, _ in
            var messages = request.messages.makeAsyncIterator()
            guard let message = try await messages.next() else {
                throw RPCError(code: .invalidArgument, message: "the call carried no message")
            }
            guard message.count <= limit else {
                throw RPCError(
                    code: .resourceExhausted,
                    message: "a message of \(message.count) bytes is longer than \(limit); send smaller batches")
            }
            let reply = try await answer(message)
            return StreamingServerResponse { writer in
                try await writer.write(reply)
                return [:]
            }
        }
    }
}

private struct RawBytes: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
        bytes.withUnsafeBytes { Array($0) }
    }
}

extension IngestGateway {
    /// One export over gRPC. A refusal leaves with the code that makes a client do the right thing: bad data is dropped
    /// by it, everything that is our trouble is `UNAVAILABLE` and comes again.
    func export(_ signal: IngestSignal, _ message: [UInt8]) async throws -> [UInt8] {
        do {
            let outcome = try await ingest(signal, message, encoding: .protobuf, transport: "grpc")
            let kind: OTLPResponses.Signal =
                switch signal {
                case .traces: .traces
                case .logs: .logs
                case .metrics: .metrics
                }
            return OTLPResponses.success(kind, rejected: outcome.rejected, message: outcome.message, json: false)
        } catch let failure as IngestFailure {
            switch failure {
            case .badData(let sentence): throw RPCError(code: .invalidArgument, message: sentence)
            case .overloaded(let sentence, let retryAfter):
                throw refusal(.unavailable, sentence, retryAfter)
            case .exhausted(let sentence, let retryAfter):
                throw refusal(.resourceExhausted, sentence, retryAfter)
            case .internalFault(let sentence): throw RPCError(code: .unavailable, message: sentence)
            }
        }
    }

    /// With the detail that says when to come again: without it `RESOURCE_EXHAUSTED` means never.
    private func refusal(_ code: RPCError.Code, _ sentence: String, _ retryAfter: Int) -> RPCError {
        var metadata = Metadata()
        metadata.addBinary(
            OTLPResponses.status(
                code: Int(code.rawValue), message: sentence, retryAfterSeconds: Double(retryAfter), json: false),
            forKey: "grpc-status-details-bin")
        return RPCError(code: code, message: sentence, metadata: metadata)
    }
}
