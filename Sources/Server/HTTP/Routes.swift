import Codecs
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceInstrumentation
import Storage
import Synchronization

/// Where dialects register what they answer.
///
/// Every call is read whole (up to a limit that holds before and after decompression), answered on the query threads,
/// and each error goes through the dialect's own shaper, so that a client sees the envelope that it knows.
package struct Routes {
    package typealias Handler = @Sendable (HTTPCall) async throws -> HTTPAnswer
    package typealias ErrorShaper = @Sendable (any Error) -> HTTPAnswer

    let router: Router<BasicRequestContext>
    let bodyLimit: Int
    let logger: Logger
    /// Counts what was answered, by handler and status.
    let requests: Counter
    /// Large bodies are part of the process' memory.
    let budget: MemoryBudget

    init(bodyLimit: Int = 64 << 20, logger: Logger, requests: Counter, budget: MemoryBudget) {
        router = Router(context: BasicRequestContext.self)
        self.budget = budget
        self.bodyLimit = bodyLimit
        self.logger = logger
        self.requests = requests
    }

    /// Registers one handler under several methods and patterns such as `/api/v1/label/{name}/values`.
    package func on(
        _ methods: [HTTPCall.Method], _ patterns: String..., errors: @escaping ErrorShaper, handler: @escaping Handler
    ) {
        for pattern in patterns {
            for method in methods {
                guard let verb = HTTPRequest.Method(rawValue: method.rawValue) else { continue }
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
                            logger.warning(
                                "request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
                        }
                    }
                    memory.release()
                    requests.increment(["handler": pattern, "code": "\(answer.status)"])
                    return Routes.response(answer, to: request)
                }
            }
        }
    }

    private static func read(
        _ request: Request, _ context: BasicRequestContext, method: HTTPCall.Method, limit: Int, _ memory: BodyMemory
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
        for (name, value) in context.parameters {
            call.pathParameters[String(name)] = Parameters.decode(Array(value.replacing("+", with: "%2B").utf8))
        }
        return call
    }

    private static func tooLarge(_ limit: Int) -> HTTPFailure {
        HTTPFailure(413, "the body is larger than \(limit) bytes; send smaller batches")
    }

    /// Answers of some size go out as gzip where the client takes it: query results shrink to a tenth.
    private static func response(_ answer: HTTPAnswer, to request: Request) -> Response {
        var fields = HTTPFields()
        if let type = answer.contentType { fields[.contentType] = type }
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        fields[.accessControlAllowOrigin] = "*"
        var body = answer.body
        if body.count > 4096, answer.contentType != nil, fields[.contentEncoding] == nil,
            request.headers[.acceptEncoding]?.contains("gzip") == true
        {
            body = Gzip.compress(body)
            fields[.contentEncoding] = "gzip"
            fields[.vary] = "Accept-Encoding"
        }
        return Response(
            status: .init(code: answer.status), headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body))
        )
    }
}

/// What the body of one request takes of the process' memory, until it is answered.
private final class BodyMemory: Sendable {
    /// Small bodies (questions, above all) are not worth the asking, and pass while memory is short.
    private static let small = 64 << 10

    private let budget: MemoryBudget
    private let held = Mutex(0)

    init(budget: MemoryBudget) { self.budget = budget }

    deinit { release() }

    /// Throws ``StorageError/overloaded(_:)`` where there is no memory for a body of that size.
    func hold(_ bytes: Int) throws {
        guard bytes > BodyMemory.small else { return }
        try held.withLock { held in
            guard bytes > held else { return }
            let more = max(bytes - held, 1 << 20)
            try budget.reserve(more, for: .requests)
            held += more
        }
    }

    func release() {
        let bytes = held.withLock { held in
            defer { held = 0 }
            return held
        }
        budget.release(bytes, of: .requests)
    }
}

/// Undoes `Content-Encoding`.
package enum ContentDecoding {
    package static func decode(_ body: [UInt8], encoding: String?, limit: Int) throws -> [UInt8] {
        switch (encoding ?? "").trimmingSpaces.lowercased() {
        // Snappy is part of remote write's and Loki's formats, whose readers undo it themselves.
        case "", "identity", "snappy": return body
        case "gzip", "x-gzip": return try bounded(limit) { try Inflate.gunzip(body, limit: limit) }
        case "deflate", "zlib": return try bounded(limit) { try Inflate.deflate(body[...], limit: limit) }
        case "zstd": return try bounded(limit) { try Zstd.decompress(body[...], limit: limit) }
        case let other:
            throw HTTPFailure(415, "Content-Encoding \"\(other)\" is not known here; send gzip, deflate, zstd or none")
        }
    }

    private static func bounded(_ limit: Int, _ body: () throws -> [UInt8]) throws -> [UInt8] {
        do { return try body() } catch let error as CodecError {
            if error.isOverLimit {
                throw HTTPFailure(413, "the body inflates to more than \(limit) bytes; send smaller batches")
            }
            throw HTTPFailure(400, "the body cannot be decompressed: \(error)")
        }
    }
}
