import NIOCore
import NIOWebSocket
import ServiceLifecycle

/// The server's end of a WebSocket that only the server says something on: texts go out, pings are answered, and the
/// session is cancelled when the client closes or goes away.
package struct WebSocketConnection: Sendable {
    private let writer: NIOAsyncChannelOutboundWriter<WebSocketFrame>

    /// Frames of clients are small: they close, ping and pong.
    private static let largestControl = 125

    static func serve(
        _ channel: NIOAsyncChannel<WebSocketFrame, WebSocketFrame>, _ session: @escaping WebSocketRoute.Session
    ) async throws {
        try await channel.executeThenClose { inbound, outbound in
            let connection = WebSocketConnection(writer: outbound)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await connection.answer(inbound) }
                group.addTask {
                    do {
                        try await cancelWhenGracefulShutdown { try await session(connection) }
                        try await connection.close(.normalClosure, "")
                    } catch is CancellationError {
                        try? await connection.close(.goingAway, "")
                    } catch {
                        try? await connection.close(.unexpectedServerError, "\(error)")
                    }
                }
                // Whichever ends first, the other has nothing left to do.
                try await group.next()
                group.cancelAll()
            }
        }
    }

    package func send(text: [UInt8]) async throws {
        try await writer.write(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: text)))
    }

    package func ping() async throws {
        try await writer.write(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer()))
    }

    private func close(_ code: WebSocketErrorCode, _ reason: String) async throws {
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        var text = Substring(reason)
        while text.utf8.count > WebSocketConnection.largestControl - 2 { text.removeLast() }
        data.writeString(String(text))
        try await writer.write(WebSocketFrame(fin: true, opcode: .connectionClose, data: data))
    }

    private func answer(_ frames: NIOAsyncChannelInboundStream<WebSocketFrame>) async throws {
        for try await frame in frames {
            switch frame.opcode {
            case .ping:
                try await writer.write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
            case .connectionClose:
                try? await writer.write(WebSocketFrame(fin: true, opcode: .connectionClose, data: frame.unmaskedData))
                return
            default: continue
            }
        }
    }
}
