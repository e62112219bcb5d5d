import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle

/// One port on which routes are answered. Hummingbird's server with what its `Application` puts around one left out: a
/// service group of its own and a logger for each request, which nobody here reads, cost a start 3 ms.
struct HTTPListener: Service, CustomStringConvertible {
    let description: String
    let address: ListenAddress
    let responder: RouteResponder
    var server = HTTPServerBuilder.http1(configuration: .init(additionalChannelHandlers: [ExpectContinue()]))
    /// Called when the port is open.
    let onListening: @Sendable (any Channel) -> Void
    let logger: Logger

    /// The answer was cut off by its own client; nothing more can be said to it.
    private struct ClientGone: Error {}

    func run() async throws {
        let onListening = onListening
        var quiet = logger
        quiet.logLevel = max(.notice, logger.logLevel)
        let service = try server.buildServer(
            configuration: .init(address: .hostname(address.host, port: address.port), serverName: "needletail"),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet,
            responder: HTTPListener.answering(responder), onServerRunning: { onListening($0) })
        try await service.run()
    }

    /// What a connection asks for each of its requests.
    static func answering(_ responder: RouteResponder) -> HTTPChannelHandler.Responder {
        let clock = HTTPDate()
        return { (request, writer: consuming ResponseWriter, channel) in
            var response = await responder.respond(to: request, from: ClientConnection(channel: channel))
            response.headers[.date] = clock.text
            response.headers[.server] = "needletail"
            do {
                try await writer.write(response: response.head, body: response.body)
            } catch is HTTPParserError {
                // Thrown on, it would have another answer written behind this one.
                throw ClientGone()
            }
        }
    }
}
