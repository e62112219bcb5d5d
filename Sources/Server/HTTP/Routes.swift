import Codecs
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import ServiceInstrumentation
import Storage

/// Where dialects register what they answer. Registration ends before the first request, and is done by one thread.
///
/// Every call is read whole (up to a limit that holds before and after decompression), answered on the query threads,
/// and each error goes through the dialect's own shaper, so that a client sees the envelope that it knows.
package final class Routes {
    package typealias Handler = @Sendable (HTTPCall) async throws -> HTTPAnswer
    package typealias ErrorShaper = @Sendable (any Error) -> HTTPAnswer
    /// Answers a request whose body it reads itself.
    typealias RequestHandler = @Sendable (Request) async -> Response

    private var table = RouteTable<Endpoint>()
    let bodyLimit: Int
    let logger: Logger
    /// Counts what was answered, by handler and status.
    let requests: Counter
    /// Large bodies are part of the process' memory.
    let budget: MemoryBudget

    init(bodyLimit: Int = 64 << 20, logger: Logger, requests: Counter, budget: MemoryBudget) {
        self.budget = budget
        self.bodyLimit = bodyLimit
        self.logger = logger
        self.requests = requests
    }

    /// Registers one handler under several methods and patterns such as `/api/v1/label/{name}/values`. What answers GET
    /// answers HEAD too.
    ///
    /// - Parameter mayBeQuick: its calls are questions that change nothing; those that took next to no time are answered
    ///   without the query threads the next time.
    package func on(
        _ methods: [HTTPCall.Method], _ patterns: String..., mayBeQuick: Bool = false, errors: @escaping ErrorShaper,
        handler: @escaping Handler
    ) {
        for pattern in patterns {
            let whole = Endpoint.Whole(pattern: pattern, mayBeQuick: mayBeQuick, errors: errors, handler: handler)
            for method in methods { table.add(method.rawValue, pattern, .whole(method, whole)) }
            if methods.contains(.get), !methods.contains(.head) {
                table.add("HEAD", pattern, .whole(.head, whole))
            }
        }
    }

    /// Registers what reads its requests' bodies itself.
    func onRequest(_ method: HTTPCall.Method, _ pattern: String, handler: @escaping RequestHandler) {
        table.add(method.rawValue, pattern, .request(handler))
    }

    /// Everything that was registered.
    func responder() -> RouteResponder {
        RouteResponder(table: table, bodyLimit: bodyLimit, logger: logger, requests: requests, budget: budget)
    }
}

/// What stands behind a pattern and a method.
enum Endpoint: Sendable {
    struct Whole: Sendable {
        var pattern: String
        var mayBeQuick: Bool
        var errors: Routes.ErrorShaper
        var handler: Routes.Handler
    }

    case whole(HTTPCall.Method, Whole)
    case request(Routes.RequestHandler)
}

/// Answers requests by a table, and the rest: OPTIONS for browsers, 405 where a path does not have a method, 404 in Go's
/// words, which Prometheus' clients know, where there is no path.
struct RouteResponder: Sendable {
    let table: RouteTable<Endpoint>
    let bodyLimit: Int
    let logger: Logger
    let requests: Counter
    let budget: MemoryBudget
    let quickQuestions = QuickQuestions()

    func respond(to request: Request, from connection: ClientConnection) async -> Response {
        guard let match = table.match(request.uri.path) else {
            return Routes.response(.text("404 page not found\n", status: 404), to: request)
        }
        switch match.handlers[request.method.rawValue] {
        case .request(let handler): return await handler(request)
        case .whole(let method, let endpoint):
            return await respond(to: request, connection, method, endpoint, match.parameters)
        case nil:
            var answer =
                request.method == .options ? HTTPAnswer.noContent : .text("Method Not Allowed\n", status: 405)
            let allowed = (Set(match.handlers.keys).union(["OPTIONS"])).sorted().joined(separator: ", ")
            answer.headers.append(("Allow", allowed))
            return Routes.response(answer, to: request)
        }
    }

    private func respond(
        to request: Request, _ connection: ClientConnection, _ method: HTTPCall.Method, _ endpoint: Endpoint.Whole,
        _ parameters: [(name: String, value: Substring)]
    ) async -> Response {
        let memory = BodyMemory(budget: budget)
        var failed: (any Error)?
        var body: [UInt8] = []
        do { body = try await read(request, method, memory) } catch { failed = error }
        let received = body
        let question = endpoint.mayBeQuick ? QuickQuestions.question(request.uri.string, received) : nil
        let isQuick = question.map { quickQuestions.isQuick($0) } ?? false
        let answer: @Sendable () async -> (Int, Response) = { [failed] in
            let answer: HTTPAnswer
            do {
                if let failed { throw failed }
                var call = try call(request, connection, method, received, parameters, memory)
                call.isQuick = isQuick
                answer = try await endpoint.handler(call)
            } catch {
                answer = endpoint.errors(error)
                if answer.status >= 500 {
                    logger.warning("request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
                }
            }
            return (answer.status, Routes.response(answer, to: request))
        }
        let started = ContinuousClock.now
        // Unpacking and packing too: event loops are for writing and reading, and for what takes no longer than these.
        let (status, response) =
            isQuick ? await answer() : await withTaskExecutorPreference(QueryExecutor.shared) { await answer() }
        if let question { quickQuestions.took(ContinuousClock.now - started, question) }
        memory.release()
        requests.increment(["handler": endpoint.pattern, "code": "\(status)"])
        return response
    }

    /// The body as it came.
    private func read(
        _ request: Request, _ method: HTTPCall.Method, _ memory: BodyMemory
    ) async throws -> [UInt8] {
        var body: [UInt8] = []
        guard method != .get, method != .head else { return body }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }) {
            guard length <= bodyLimit else { throw tooLarge }
            try memory.hold(length)
            // Room for all of it at once, but not for more than a sender has shown to mean.
            body.reserveCapacity(min(length, 1 << 20))
        }
        for try await chunk in request.body {
            guard body.count + chunk.readableBytes <= bodyLimit else { throw tooLarge }
            try memory.hold(body.count + chunk.readableBytes)
            body.append(contentsOf: chunk.readableBytesView)
        }
        return body
    }

    private func call(
        _ request: Request, _ connection: ClientConnection, _ method: HTTPCall.Method, _ received: [UInt8],
        _ pathParameters: [(name: String, value: Substring)], _ memory: BodyMemory
    ) throws -> HTTPCall {
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        var body = received
        if !body.isEmpty {
            body = try ContentDecoding.decode(body, encoding: headers["content-encoding"], limit: bodyLimit)
            try memory.hold(body.count)
        }
        var parameters = Parameters(form: (request.uri.query ?? "").utf8)
        var call = HTTPCall(method: method, path: request.uri.path, headers: headers, body: body)
        if call.contentType == "application/x-www-form-urlencoded" {
            // What stands in the form goes before what stands in the address, as in Go.
            parameters.all = Parameters(form: body).all + parameters.all
        }
        call.parameters = parameters
        call.connection = connection
        for (name, value) in pathParameters {
            call.pathParameters[name] = Parameters.decode(Array(value.replacing("+", with: "%2B").utf8))
        }
        return call
    }

    private var tooLarge: HTTPFailure {
        HTTPFailure(413, "the body is larger than \(bodyLimit) bytes; send smaller batches")
    }
}
