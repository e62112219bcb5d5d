import NIOCore
import NIOHTTP1
import NIOPosix

/// `/metrics`, and `/ready` for probes. Small on purpose: the agent has no other API.
package enum MetricsListener {
    /// The page is made at each request. Returns the open channel, which the caller closes.
    package static func listen(
        host: String, port: Int, page: @escaping @Sendable () -> String
    ) async throws -> any Channel {
        try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(Page(page))
                }
            }
            .bind(host: host, port: port).get()
    }

    private final class Page: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let page: @Sendable () -> String
        private var head: HTTPRequestHead?

        init(_ page: @escaping @Sendable () -> String) { self.page = page }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end: answer(context)
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            guard let head else { return }
            let path = head.uri.prefix { $0 != "?" }
            var status = HTTPResponseStatus.ok
            var type = "text/plain; version=0.0.4; charset=utf-8"
            var text = ""
            switch path {
            case "/metrics": text = page()
            case "/ready", "/-/ready", "/-/healthy":
                text = "ready\n"
                type = "text/plain; charset=utf-8"
            default:
                status = .notFound
                text = "there is /metrics and /ready\n"
                type = "text/plain; charset=utf-8"
            }
            var headers = HTTPHeaders([("Content-Type", type), ("Content-Length", "\(text.utf8.count)")])
            if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
            let answer = HTTPResponseHead(version: head.version, status: status, headers: headers)
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            if head.method != .HEAD {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            }
            let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
            if !head.isKeepAlive {
                let channel = context.channel
                end.whenComplete { _ in channel.close(promise: nil) }
            }
            self.head = nil
        }
    }
}
