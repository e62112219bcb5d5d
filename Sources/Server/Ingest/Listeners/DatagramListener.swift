import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Takes datagrams in the groups in which the kernel hands them over: each group costs one write to the store.
struct DatagramListener: Service, CustomStringConvertible {
    enum Place: Sendable {
        case udp(ListenAddress)
        /// A path such as /dev/log.
        case unix(String)
    }

    typealias Group = [ByteBuffer]

    let description: String
    let place: Place
    let logger: Logger
    /// Called when datagrams are taken.
    let onListening: @Sendable () -> Void
    let handler: @Sendable (NIOAsyncChannelInboundStream<Group>) async throws -> Void

    /// Of one datagram; longer ones cannot exist in UDP.
    private static let longest = 65_535
    private static let together = 16

    func run() async throws {
        let bootstrap = DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.datagramVectorReadMessageCount, value: DatagramListener.together)
            .channelOption(.maxMessagesPerRead, value: 16)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: DatagramListener.longest * DatagramListener.together)
            )
            // Datagrams that come while the store is busy wait in the kernel, as many as it allows us.
            .channelOption(.socketOption(.so_rcvbuf), value: 4 << 20)
        let wrap: @Sendable (any Channel) -> EventLoopFuture<NIOAsyncChannel<Group, Never>> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(DatagramCollector())
                return try NIOAsyncChannel<Group, Never>(wrappingChannelSynchronously: channel)
            }
        }
        let channel: NIOAsyncChannel<Group, Never>
        switch place {
        case .udp(let address):
            channel = try await bootstrap.bind(host: address.host, port: address.port, channelInitializer: wrap)
        case .unix(let path):
            channel = try await bootstrap.bind(
                unixDomainSocketPath: path, cleanupExistingSocketFile: true, channelInitializer: wrap)
        }
        defer { if case .unix(let path) = place { unlink(path) } }
        onListening()
        try await withGracefulShutdownHandler {
            try await channel.executeThenClose { inbound in try await handler(inbound) }
        } onGracefulShutdown: {
            channel.channel.close(promise: nil)
        }
    }
}

/// Holds datagrams until the kernel has no more at the moment.
private final class DatagramCollector: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias InboundOut = DatagramListener.Group

    private var group: DatagramListener.Group = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        group.append(unwrapInboundIn(data).data)
        if group.count >= 512 { flush(context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush(context)
        context.fireChannelReadComplete()
    }

    private func flush(_ context: ChannelHandlerContext) {
        guard !group.isEmpty else { return }
        context.fireChannelRead(wrapInboundOut(group))
        group = []
    }
}

/// Answers the Forward protocol's heartbeats: each datagram with a zero byte.
struct HeartbeatListener: Service, CustomStringConvertible {
    let description: String
    let address: ListenAddress
    let onListening: @Sendable () -> Void

    func run() async throws {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Echo())
                }
            }
            .bind(host: address.host, port: address.port).get()
        onListening()
        try await withGracefulShutdownHandler {
            try await channel.closeFuture.get()
        } onGracefulShutdown: {
            channel.close(promise: nil)
        }
    }

    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let sender = unwrapInboundIn(data).remoteAddress
            let answer = AddressedEnvelope(remoteAddress: sender, data: ByteBuffer(bytes: [0]))
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }
}
