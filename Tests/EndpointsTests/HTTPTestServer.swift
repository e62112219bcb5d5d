import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A small HTTP server for one test: what it answers is a closure, what it was asked is kept.
final class HTTPTestServer: Sendable {
    struct Request: Sendable {
        var method: String
        var uri: String
        var headers: HTTPHeaders
        var body: String

        var path: String { String(uri.prefix { $0 != "?" }) }
        func header(_ name: String) -> String? { headers.first(name: name) }
    }

    struct Response: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        var body = ""
        /// Milliseconds before the head, and before the body.
        var delay: Int64 = 0
        var bodyDelay: Int64 = 0
        var closes = false

        static func redirect(_ status: Int, _ location: String) -> Response {
            Response(status: status, headers: [("Location", location)])
        }
    }

    let port: Int
    private let log = Mutex<[Request]>([])
    private let connections = Mutex(0)

    var requests: [Request] { log.withLock { $0 } }
    var connectionCount: Int { connections.withLock { $0 } }

    private let channel: any Channel

    private init(
        tls: TLSConfiguration?, unixSocket: String?, logTo: HTTPTestLog,
        _ handler: @escaping @Sendable (Request) -> Response
    ) async throws {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                logTo.opened()
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(
                        HTTPTestHandler { request in
                            logTo.add(request)
                            return handler(request)
                        })
                }
            }
        if let unixSocket {
            channel = try await bootstrap.bind(unixDomainSocketPath: unixSocket).get()
        } else {
            channel = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
        }
        port = channel.localAddress?.port ?? 0
        logTo.server(self)
    }

    static func with<T>(
        tls: TLSConfiguration? = nil, unixSocket: String? = nil,
        _ handler: @escaping @Sendable (Request) -> Response, _ body: (HTTPTestServer) async throws -> T
    ) async throws -> T {
        let server = try await HTTPTestServer(tls: tls, unixSocket: unixSocket, logTo: HTTPTestLog(), handler)
        do {
            let value = try await body(server)
            try await server.channel.close()
            return value
        } catch {
            try? await server.channel.close()
            throw error
        }
    }

    fileprivate func add(_ request: Request) { log.withLock { $0.append(request) } }
    fileprivate func opened() { connections.withLock { $0 += 1 } }
}

/// Lets the channel's closures reach the server that is only made with the channel.
final class HTTPTestLog: Sendable {
    private struct Weak { weak var server: HTTPTestServer? }
    private let held = Mutex(Weak())
    func server(_ server: HTTPTestServer) { held.withLock { $0.server = server } }
    func add(_ request: HTTPTestServer.Request) { held.withLock { $0.server }?.add(request) }
    func opened() { held.withLock { $0.server }?.opened() }
}

private final class HTTPTestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let handler: @Sendable (HTTPTestServer.Request) -> HTTPTestServer.Response
    private var head: HTTPRequestHead?
    private var body = ""

    init(_ handler: @escaping @Sendable (HTTPTestServer.Request) -> HTTPTestServer.Response) { self.handler = handler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ""
        case .body(let chunk): body += String(buffer: chunk)
        case .end:
            guard let head else { return }
            answer(
                handler(
                    HTTPTestServer.Request(
                        method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body)), context)
        }
    }

    private func answer(_ response: HTTPTestServer.Response, _ context: ChannelHandlerContext) {
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .milliseconds(response.delay)) {
            var headers = HTTPHeaders(response.headers)
            headers.add(name: "Content-Length", value: "\(response.body.utf8.count)")
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
            loopBound.value.writeAndFlush(me.value.wrapOutboundOut(.head(head)), promise: nil)
            loopBound.value.eventLoop.scheduleTask(in: .milliseconds(response.bodyDelay)) {
                let context = loopBound.value
                context.write(
                    me.value.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: response.body)))), promise: nil)
                context.writeAndFlush(me.value.wrapOutboundOut(.end(nil)), promise: nil)
                if response.closes { context.close(promise: nil) }
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
