import NIOCore
import NIOPosix
import Synchronization

/// A proxy: tunnels CONNECT for real, and answers requests in absolute form itself with the line it was asked.
final class ProxyTestServer: Sendable {
    let port: Int
    private let channel: any Channel
    private let heads: Heads

    /// The heads of all requests, whole.
    final class Heads: Sendable {
        private let list = Mutex<[String]>([])
        var all: [String] { list.withLock { $0 } }
        func add(_ head: String) { list.withLock { $0.append(head) } }
    }

    var requests: [String] { heads.all }

    private init() async throws {
        let heads = Heads()
        self.heads = heads
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ProxyHandler(heads))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    static func with<T>(_ body: (ProxyTestServer) async throws -> T) async throws -> T {
        let server = try await ProxyTestServer()
        do {
            let value = try await body(server)
            try await server.channel.close()
            return value
        } catch {
            try? await server.channel.close()
            throw error
        }
    }
}

private final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let heads: ProxyTestServer.Heads
    private var received = ""
    private var peer: (any Channel)?
    private var isTunnel = false

    init(_ heads: ProxyTestServer.Heads) { self.heads = heads }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if isTunnel {
            peer?.writeAndFlush(buffer, promise: nil)
            return
        }
        received += String(buffer: buffer)
        guard let end = received.range(of: "\r\n\r\n") else { return }
        let head = String(received[..<end.lowerBound])
        received = ""
        heads.add(head)
        let line = head.split(separator: " ")
        guard line.count > 2, line[0] == "CONNECT" else {
            let body = String(head.prefix { $0 != "\r\n" })
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            return
        }
        isTunnel = true
        let own = context.channel
        let place = line[1].split(separator: ":")
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RelayHandler(own))
                }
            }
            .connect(host: String(place[0]), port: Int(place[1]) ?? 0)
            .whenSuccess { channel in
                bound.value.peer = channel
                own.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"), promise: nil)
            }
    }

    func channelInactive(context: ChannelHandlerContext) { peer?.close(promise: nil) }
}

private final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel
    init(_ other: any Channel) { self.other = other }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }
    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
}
