import HTTPTypes
import Hummingbird
import Logging
import ServiceInstrumentation

/// Around every request of customers and services: a SERVER span by the HTTP conventions, the request metrics, and
/// one line in the log. Health checks and scrapes pass without: they would drown what customers do.
struct TelemetryMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    private let telemetry: ServiceTelemetry
    private let log: ServiceLog
    private let quietPaths: Set<String>
    private let serverAddress: String
    private let durations: Histogram
    private let active: Gauge

    init(_ environment: ServiceEnvironment) {
        telemetry = environment.telemetry
        log = environment.log
        // web's health check is its front page, which customers read too.
        let health = environment.service.health == "/" ? nil : environment.service.health
        quietPaths = Set(["/metrics", health].compactMap { $0 })
        serverAddress = environment.service.name
        durations = telemetry.metrics.histogram(
            "http_server_request_duration_seconds", help: "Duration of HTTP server requests.")
        active = telemetry.metrics.gauge(
            "http_server_active_requests", help: "Number of HTTP server requests in progress.")
    }

    @concurrent func handle(
        _ request: Request, context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        if quietPaths.contains(request.uri.path) { return try await next(request, context) }
        let method = request.method.rawValue
        let begin = ContinuousClock.now
        active.add(1, ["http_request_method": method])
        defer { active.add(-1, ["http_request_method": method]) }
        let route = context.endpointPath
        let name = route.map { "\(method) \($0)" } ?? method
        return await telemetry.tracer.withSpan(
            name, kind: .server, parent: .context(parent(of: request)), attributes: attributes(request, route)
        ) { span in
            let response = await answer(span, request, context, next)
            let status = Int(response.status.code)
            span.setAttribute("http.response.status_code", .integer(status))
            if status >= 500 {
                span.setAttribute("error.type", .string("\(status)"))
                span.setStatus(.error(""))
            }
            record(method, route, request.uri.path, status, ContinuousClock.now - begin)
            return response
        }
    }

    private func parent(of request: Request) -> SpanContext? {
        guard let field = HTTPField.Name(TraceContextPropagator.traceParentHeader),
            let header = request.headers[field]
        else { return nil }
        let state = HTTPField.Name(TraceContextPropagator.traceStateHeader).flatMap { request.headers[$0] }
        return TraceContextPropagator.extract(traceParent: header, traceState: state)
    }

    private func attributes(_ request: Request, _ route: String?) -> Attributes {
        var attributes: Attributes = [
            "http.request.method": .string(request.method.rawValue), "url.path": .string(request.uri.path),
            "url.scheme": "http", "server.address": .string(serverAddress), "network.protocol.version": "1.1",
        ]
        attributes["http.route"] = route.map { .string($0) }
        attributes["url.query"] = request.uri.query.map { .string($0) }
        attributes["user_agent.original"] = request.headers[.userAgent].map { .string($0) }
        return attributes
    }

    /// Errors become answers here, inside the span, so that span, metrics and log know the status.
    private func answer(
        _ span: Span, _ request: Request, _ context: BasicRequestContext,
        _ next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async -> Response {
        do {
            return try await next(request, context)
        } catch {
            let status = Self.status(error)
            // By the conventions a 4xx is the client's error, not this span's.
            if status.code >= 500 { span.recordError(error) }
            if status.code >= 500, !(error is any ReportedError) {
                log.error("request failed: \(error)", ["exception.type": .string(String(describing: type(of: error)))])
            }
            return JSON.error("\(error)", status: status)
        }
    }

    private static func status(_ error: any Error) -> HTTPResponse.Status {
        switch error {
        case let error as RequestRefused: error.status
        case let error as any HTTPResponseError: error.status
        case let error as PaymentRefused: error.status
        case let error as UpstreamFailed where error.status == 503: .serviceUnavailable
        case is SystemUnavailable, is UpstreamUnavailable: .serviceUnavailable
        case is UpstreamFailed: .badGateway
        default: .internalServerError
        }
    }

    private func record(_ method: String, _ route: String?, _ path: String, _ status: Int, _ duration: Duration) {
        var labels = [("http_request_method", method), ("http_response_status_code", "\(status)")]
        if let route { labels.append(("http_route", route)) }
        if status >= 500 { labels.append(("error_type", "\(status)")) }
        durations.observe(duration, MetricLabels(labels))
        let milliseconds = (duration / .milliseconds(1) * 100).rounded() / 100
        let details: Attributes = [
            "http.request.method": .string(method), "url.path": .string(path),
            "http.response.status_code": .integer(status), "duration_ms": .double(milliseconds),
        ]
        log.log(status >= 500 ? .error : status >= 400 ? .warning : .info, "\(method) \(path) \(status)", details)
    }
}

/// An error that its thrower has already written to the log.
protocol ReportedError: Error {}
