import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import ServiceInstrumentation

/// An answer of another service.
struct ServiceReply: Sendable {
    let service: String
    let status: Int
    let contentType: String?
    let body: ByteBuffer

    /// The body as JSON; an answer that is not 2xx is an error.
    func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        guard (200..<300).contains(status) else {
            throw UpstreamFailed(service: service, status: status, message: message)
        }
        return try JSONDecoder().decode(Value.self, from: Data(body.readableBytesView))
    }

    /// The `error` member of a JSON answer, or its text.
    var message: String {
        let data = Data(body.readableBytesView)
        if let error = try? JSONDecoder().decode([String: String].self, from: data)["error"] { return error }
        return String(decoding: data.prefix(200), as: UTF8.self)
    }
}

/// Calls other services over HTTP: a CLIENT span by the HTTP conventions, its context in `traceparent`.
struct ServiceClient: Sendable {
    let client: HTTPClient
    let directory: ServiceDirectory
    let names: [ServiceRole: String]
    let telemetry: ServiceTelemetry
    private let durations: Histogram

    init(client: HTTPClient, directory: ServiceDirectory, names: [ServiceRole: String], telemetry: ServiceTelemetry) {
        self.client = client
        self.directory = directory
        self.names = names
        self.telemetry = telemetry
        durations = telemetry.metrics.histogram(
            "http_client_request_duration_seconds", help: "Duration of HTTP client requests.")
    }

    /// - Parameters:
    ///   - template: the low-cardinality form of `path`, for the span's name.
    ///   - path: percent-encoded path and query.
    /// - Throws: `UpstreamUnavailable`. Any status is an answer.
    func call(
        _ role: ServiceRole, _ method: String = "GET", _ template: String, path: String, body: ByteBuffer? = nil
    ) async throws -> ServiceReply {
        let service = names[role] ?? role.rawValue
        guard let address = directory.address(role), let port = directory.port(role) else {
            throw UpstreamUnavailable(service: service, reason: "it has not started")
        }
        let url = "http://\(address)\(path)"
        let attributes: Attributes = [
            "http.request.method": .string(method), "url.full": .string(url), "url.template": .string(template),
            "server.address": .string(directory.host), "server.port": .integer(port),
            "service.peer.name": .string(service), "peer.service": .string(service),
            "network.protocol.version": "1.1",
        ]
        let begin = ContinuousClock.now
        return try await telemetry.tracer.withSpan("\(method) \(template)", kind: .client, attributes: attributes) {
            span in
            var labels = [("http_request_method", method), ("service_peer_name", service)]
            defer { durations.observe(ContinuousClock.now - begin, MetricLabels(labels)) }
            do {
                let reply = try await send(service, method, url, body, span.context)
                labels.append(("http_response_status_code", "\(reply.status)"))
                span.setAttribute("http.response.status_code", .integer(reply.status))
                span.setAttribute("http.response.body.size", .integer(reply.body.readableBytes))
                if reply.status >= 400 {
                    span.setAttribute("error.type", .string("\(reply.status)"))
                    span.setStatus(.error(""))
                }
                return reply
            } catch {
                labels.append(("error_type", "unavailable"))
                throw UpstreamUnavailable(service: service, reason: "\(error)")
            }
        }
    }

    /// The same with a JSON body.
    func call(
        _ role: ServiceRole, _ method: String, _ template: String, path: String, json: some Encodable
    ) async throws -> ServiceReply {
        let body = ByteBuffer(bytes: try JSONEncoder().encode(json))
        return try await call(role, method, template, path: path, body: body)
    }

    private func send(
        _ service: String, _ method: String, _ url: String, _ body: ByteBuffer?, _ context: SpanContext
    ) async throws -> ServiceReply {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        TraceContextPropagator.inject(context) { request.headers.add(name: $0, value: $1) }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        let response = try await client.execute(request, timeout: .seconds(15))
        let answer = try await response.body.collect(upTo: 1 << 20)
        return ServiceReply(
            service: service, status: Int(response.status.code),
            contentType: response.headers.first(name: "content-type"), body: answer)
    }
}
