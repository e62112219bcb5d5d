import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Tells a client that asks before it sends a large body (`Expect: 100-continue`, as curl does) to go on: it would wait
/// for a second otherwise, and some wait for ever. What is wrong with a request is said in its answer.
final class ExpectContinue: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let request) = unwrapInboundIn(data),
            request.headerFields[.expect]?.lowercased() == "100-continue"
        {
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        }
        context.fireChannelRead(data)
    }
}
