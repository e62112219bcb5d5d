import NIOCore
import Synchronization

/// Sees a client hang up while its request is being answered.
///
/// The server reads on while it works, so that the end of the client's side reaches the pipeline; here it is passed on to
/// whoever asked. One handler for each connection.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private struct State {
        var isGone = false
        var next = 0
        var actions: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { gone() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        gone()
        context.fireChannelInactive()
    }

    private func gone() {
        let actions = state.withLock { state in
            defer { state.actions = [:] }
            state.isGone = true
            return state.actions
        }
        for action in actions.values { action() }
    }

    /// Runs the action once when the client goes, at once where it has gone already. The number takes it back.
    func whenGone(_ action: @escaping @Sendable () -> Void) -> Int? {
        let number: Int? = state.withLock { state in
            guard !state.isGone else { return nil }
            state.next &+= 1
            state.actions[state.next] = action
            return state.next
        }
        if number == nil { action() }
        return number
    }

    func forget(_ number: Int) { state.withLock { _ = $0.actions.removeValue(forKey: number) } }
}

/// The connection that a request came by.
package struct ClientConnection: Sendable {
    let channel: any Channel
    private let found: ConnectionWatch?

    init(channel: any Channel) {
        self.channel = channel
        // Requests are read on the connection's own thread, where looking needs no way there and back.
        found =
            channel.eventLoop.inEventLoop
            ? try? channel.pipeline.syncOperations.handler(type: ConnectionWatch.self) : nil
    }

    /// `address:port` of the other side.
    package var address: String {
        guard let address = channel.remoteAddress else { return "" }
        guard let host = address.ipAddress, let port = address.port else { return "\(address)" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Nil where the connection is not one that is watched.
    func watch() async -> ConnectionWatch? {
        if let found { return found }
        let channel = channel
        return try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: ConnectionWatch.self)
        }.get()
    }
}
