import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// Takes connections until the process stops. What a connection's handler does not read, its sender cannot send: that
/// is how a sender is slowed down while the store is busy.
struct StreamListener: Service, CustomStringConvertible {
    typealias Inbound = NIOAsyncChannelInboundStream<ByteBuffer>
    typealias Outbound = NIOAsyncChannelOutboundWriter<ByteBuffer>
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let description: String
    let address: ListenAddress
    var tls: NIOSSLContext?
    let logger: Logger
    /// Called when the port is open.
    let onListening: @Sendable () -> Void
    let handler: @Sendable (Inbound, Outbound) async throws -> Void

    func run() async throws {
        let tls = tls
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // Who has sent all and closes that side still waits for acknowledgements.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 16 << 10, maximum: 256 << 10)
            )
            .bind(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        onListening()
        try await withGracefulShutdownHandler {
            try await accept(server)
        } onGracefulShutdown: {
            server.channel.close(promise: nil)
        }
    }

    private func accept(_ server: NIOAsyncChannel<Connection, Never>) async throws {
        try await server.executeThenClose { connections in
            await withDiscardingTaskGroup { group in
                do {
                    for try await connection in connections { group.addTask { await serve(connection) } }
                } catch {
                    logger.error("\(description) takes no more connections", metadata: ["error": "\(error)"])
                }
                // The process stops: what was not acknowledged is sent again to the next one.
                group.cancelAll()
            }
        }
    }

    private func serve(_ connection: Connection) async {
        do {
            try await connection.executeThenClose { inbound, outbound in try await handler(inbound, outbound) }
        } catch {
            logger.debug("a connection to \(description) ended", metadata: ["error": "\(error)"])
        }
    }
}
