import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// What answers on a WebSocket. Asked with a request's path and query before the connection is upgraded: nil leaves the
/// request to the ordinary routes, which say what is wrong with it.
package struct WebSocketRoute: Sendable {
    package typealias Session = @Sendable (WebSocketConnection) async throws -> Void
    package var accept: @Sendable (HTTPCall) -> Session?
}

/// HTTP/1 connections whose first request may turn them into a WebSocket.
struct UpgradableChannel: ServerChildChannel, HTTPChannelHandler {
    /// What the connection becomes is known when its first request is there.
    struct Value: ServerChildChannelValue {
        let upgraded: EventLoopFuture<Upgraded>
        let channel: any Channel
    }

    enum Upgraded: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket(NIOAsyncChannel<WebSocketFrame, WebSocketFrame>, WebSocketRoute.Session)
    }

    let responder: HTTPChannelHandler.Responder
    let route: WebSocketRoute

    static func builder(_ route: WebSocketRoute) -> HTTPServerBuilder {
        HTTPServerBuilder { UpgradableChannel(responder: $0, route: route) }
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            // Before all others, some of which keep to themselves that the client has closed its side.
            try channel.pipeline.syncOperations.addHandler(ConnectionWatch(), position: .first)
            // A client speaks to one route at a time, so what was accepted is what is upgraded.
            let upgrader = NIOTypedWebSocketServerUpgrader<Upgraded>(
                shouldUpgrade: { channel, head in
                    let isAccepted = route.accept(UpgradableChannel.call(head)) != nil
                    return channel.eventLoop.makeSucceededFuture(isAccepted ? HTTPHeaders() : nil)
                },
                upgradePipelineHandler: { channel, head in
                    channel.eventLoop.makeCompletedFuture {
                        guard let session = route.accept(UpgradableChannel.call(head)) else {
                            throw HTTPFailure(400, "this path is no WebSocket")
                        }
                        return .webSocket(
                            try NIOAsyncChannel(
                                wrappingChannelSynchronously: channel,
                                configuration: .init(isOutboundHalfClosureEnabled: false)), session)
                    }
                })
            let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Upgraded>(upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
                    try channel.pipeline.syncOperations.addHandler(ExpectContinue())
                    try channel.pipeline.syncOperations.addHandler(HTTPConnectionStateHandler(logger: logger))
                    return .http(
                        try NIOAsyncChannel(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true)))
                }
            }
            var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
            // As Hummingbird's own channel has it: requests are taken one by one there, and its writer checks headers.
            pipeline.enablePipelining = false
            pipeline.enableErrorHandling = false
            pipeline.enableResponseHeaderValidation = false
            pipeline.decoderConfiguration.maxHeaderFieldSize = 80 << 10
            pipeline.decoderConfiguration.maxHeaderListSize = 80 << 10
            pipeline.decoderConfiguration.maxHeaderFieldCount = 1_000
            let upgraded = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: pipeline)
            let upgradeHandler = try channel.pipeline.syncOperations.handler(
                type: NIOTypedHTTPServerUpgradeHandler<Upgraded>.self)
            try channel.pipeline.syncOperations.addHandler(
                FirstRequest(isAccepted: { route.accept(UpgradableChannel.call($0)) != nil }),
                position: .before(upgradeHandler))
            return Value(upgraded: upgraded, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.upgraded.get() {
            case .http(let channel):
                await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
                    await handleHTTP(asyncChannel: channel, logger: logger)
                }
            case .webSocket(let channel, let session):
                try await WebSocketConnection.serve(channel, session)
            }
        } catch {
            logger.debug("a connection ended", metadata: ["error": "\(error)"])
        }
    }

    private static func call(_ head: HTTPRequestHead) -> HTTPCall {
        let path = head.uri.prefix { $0 != "?" }
        let query = head.uri.dropFirst(path.count + 1)
        var headers: [String: String] = [:]
        for (name, value) in head.headers { headers[name.lowercased()] = value }
        return HTTPCall(path: String(path), parameters: Parameters(form: query.utf8), headers: headers)
    }
}

/// Looks after a connection until its first request is there.
///
/// Takes the wish for an upgrade out of a connection's first request where nobody grants it, so that the ordinary routes
/// answer with the reason: the upgrade handler itself would end the connection.
private final class FirstRequest: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let isAccepted: @Sendable (HTTPRequestHead) -> Bool

    init(isAccepted: @escaping @Sendable (HTTPRequestHead) -> Bool) { self.isAccepted = isAccepted }

    /// Of a connection that has not sent a request, nothing is lost when the server goes.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }

    /// A first request that is none, or whose address is longer than a header may be, would wait for ever.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        let isTooLong = if case .headerOverflow = error { true } else { false }
        let status: HTTPResponseStatus = isTooLong ? .requestHeaderFieldsTooLarge : .badRequest
        let head = HTTPResponseHead(
            version: .http1_1, status: status, headers: ["Connection": "close", "Content-Length": "0"])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        if head.headers.contains(name: "upgrade"), !isAccepted(head) {
            head.headers.remove(name: "upgrade")
            head.headers.remove(name: "connection")
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
        // What comes behind an upgrade is no HTTP any more, and only a first request can upgrade.
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
