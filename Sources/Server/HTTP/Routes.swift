import Codecs
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceInstrumentation
import Storage
import Synchronization

/// What the handlers of one port are given by the HTTP library for each request.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let connection: ClientConnection

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        connection = ClientConnection(channel: source.channel)
    }
}

/// Where dialects register what they answer.
///
/// Every call is read whole (up to a limit that holds before and after decompression), answered on the query threads,
/// and each error goes through the dialect's own shaper, so that a client sees the envelope that it knows.
package struct Routes {
    package typealias Handler = @Sendable (HTTPCall) async throws -> HTTPAnswer
    package typealias ErrorShaper = @Sendable (any Error) -> HTTPAnswer

    let router: Router<ServerContext>
    let bodyLimit: Int
    let logger: Logger
    /// Counts what was answered, by handler and status.
    let requests: Counter
    /// Large bodies are part of the process' memory.
    let budget: MemoryBudget
    /// Methods that each pattern has, so that the others can be refused by name.
    private let known = Known()

    init(bodyLimit: Int = 64 << 20, logger: Logger, requests: Counter, budget: MemoryBudget) {
        router = Router(context: ServerContext.self)
        self.budget = budget
        self.bodyLimit = bodyLimit
        self.logger = logger
        self.requests = requests
    }

    /// Registers one handler under several methods and patterns such as `/api/v1/label/{name}/values`. What answers GET
    /// answers HEAD too.
    package func on(
        _ methods: [HTTPCall.Method], _ patterns: String..., errors: @escaping ErrorShaper, handler: @escaping Handler
    ) {
        for pattern in patterns {
            for method in methods { add(method, pattern, errors, handler) }
            if methods.contains(.get), !methods.contains(.head) { add(.head, pattern, errors, handler) }
        }
    }

    private func add(
        _ method: HTTPCall.Method, _ pattern: String, _ errors: @escaping ErrorShaper, _ handler: @escaping Handler
    ) {
        guard let verb = HTTPRequest.Method(rawValue: method.rawValue) else { return }
        known.add(method.rawValue, pattern)
        let logger = logger
        let limit = bodyLimit
        let requests = requests
        let budget = budget
        router.on(RouterPath(pattern), method: verb) { request, context in
            let answer: HTTPAnswer
            let memory = BodyMemory(budget: budget)
            do {
                let call = try await Routes.read(request, context, method: method, limit: limit, memory)
                answer = try await QueryExecutor.run { try await handler(call) }
            } catch {
                answer = errors(error)
                if answer.status >= 500 {
                    logger.warning("request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
                }
            }
            memory.release()
            requests.increment(["handler": pattern, "code": "\(answer.status)"])
            return Routes.response(answer, to: request)
        }
    }

    /// Everything that was registered, with an answer for the rest: OPTIONS for browsers, 405 where a path does not have a
    /// method, 404 where there is no path.
    func responder() -> some HTTPResponder<ServerContext> {
        for (pattern, methods) in known.all {
            let allowed = (methods + ["OPTIONS"]).sorted().joined(separator: ", ")
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] where !methods.contains(method) {
                guard let verb = HTTPRequest.Method(rawValue: method) else { continue }
                router.on(RouterPath(pattern), method: verb) { request, _ in
                    var answer =
                        verb == .options ? HTTPAnswer.noContent : .text("Method Not Allowed\n", status: 405)
                    answer.headers.append(("Allow", allowed))
                    return Routes.response(answer, to: request)
                }
            }
        }
        return Completed(base: router.buildResponder())
    }

    /// 404 in Go's words, which Prometheus' clients know.
    private struct Completed<Base: HTTPResponder<ServerContext>>: HTTPResponder {
        let base: Base

        func respond(to request: Request, context: ServerContext) async throws -> Response {
            let response = try await base.respond(to: request, context: context)
            // What a handler has answered has this field; the router's own 404 is bare.
            guard response.status == .notFound, response.headers[.accessControlAllowOrigin] == nil else {
                return response
            }
            return Routes.response(.text("404 page not found\n", status: 404), to: request)
        }
    }

    private static func read(
        _ request: Request, _ context: ServerContext, method: HTTPCall.Method, limit: Int, _ memory: BodyMemory
    ) async throws -> HTTPCall {
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        var body: [UInt8] = []
        if method != .get && method != .head {
            if let length = headers["content-length"].flatMap({ Int($0) }) {
                guard length <= limit else { throw tooLarge(limit) }
                try memory.hold(length)
                // Room for all of it at once, but not for more than a sender has shown to mean.
                body.reserveCapacity(min(length, 1 << 20))
            }
            for try await chunk in request.body {
                guard body.count + chunk.readableBytes <= limit else { throw tooLarge(limit) }
                try memory.hold(body.count + chunk.readableBytes)
                body.append(contentsOf: chunk.readableBytesView)
            }
            body = try ContentDecoding.decode(body, encoding: headers["content-encoding"], limit: limit)
            try memory.hold(body.count)
        }
        var parameters = Parameters(form: (request.uri.query ?? "").utf8)
        var call = HTTPCall(method: method, path: request.uri.path, headers: headers, body: body)
        if call.contentType == "application/x-www-form-urlencoded" {
            parameters.all += Parameters(form: body).all
        }
        call.parameters = parameters
        call.connection = context.connection
        for (name, value) in context.parameters {
            call.pathParameters[String(name)] = Parameters.decode(Array(value.replacing("+", with: "%2B").utf8))
        }
        return call
    }

    private static func tooLarge(_ limit: Int) -> HTTPFailure {
        HTTPFailure(413, "the body is larger than \(limit) bytes; send smaller batches")
    }
}

/// Registration ends before the first request, and is done by one thread.
private final class Known: Sendable {
    private let methods = Mutex<[String: Set<String>]>([:])

    func add(_ method: String, _ pattern: String) { methods.withLock { _ = $0[pattern, default: []].insert(method) } }

    var all: [(pattern: String, methods: Set<String>)] { methods.withLock { $0.map { ($0.key, $0.value) } } }
}
