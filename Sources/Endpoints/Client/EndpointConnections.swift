import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// The open connections of all clients of one owner, who shuts them down at its end. Clients of the same settings share
/// connections and tokens.
package final class EndpointConnections: Sendable {
    /// What the library fixes for a whole client of its own.
    struct Route: Hashable {
        /// A tunnel, made with CONNECT or SOCKS.
        var tunnel: HTTPClient.Configuration.Proxy?
        /// Requests go to a forwarding proxy, their URI in absolute form.
        var forwarding: Forwarding?
        var allowsHTTP2: Bool
        /// The address to connect to instead of the URL's host, which stays the name that the certificate must have.
        var address: Address?

        struct Forwarding: Hashable {
            var authorization: String?
        }
        struct Address: Hashable {
            var name: String
            var host: String
        }
    }

    private struct Held {
        var client: HTTPClient
        var lastUse: ContinuousClock.Instant
    }

    private struct State {
        var isShutDown = false
        var clients: [Route: Held] = [:]
        var endpoints: [HTTPClientConfiguration: WeakEndpoint] = [:]
    }

    private struct WeakEndpoint {
        weak var endpoint: Endpoint?
    }

    private let state = Mutex(State())

    package init() {}

    /// Runs `body` with connections that are shut down when it returns.
    package static func with<T>(_ body: (EndpointConnections) async throws -> T) async rethrows -> T {
        let connections = EndpointConnections()
        do {
            let value = try await body(connections)
            await connections.shutdown()
            return value
        } catch {
            await connections.shutdown()
            throw error
        }
    }

    /// A client for these settings. Nothing is opened or read before its first request.
    package func client(_ configuration: HTTPClientConfiguration = HTTPClientConfiguration()) -> EndpointClient {
        let endpoint = state.withLock { state in
            if let known = state.endpoints[configuration]?.endpoint { return known }
            state.endpoints = state.endpoints.filter { $0.value.endpoint != nil }
            let endpoint = Endpoint(configuration)
            state.endpoints[configuration] = WeakEndpoint(endpoint: endpoint)
            return endpoint
        }
        return EndpointClient(endpoint: endpoint, connections: self)
    }

    /// Closes everything; requests that still run fail, and so do later ones.
    package func shutdown() async {
        let clients = state.withLock { state in
            state.isShutDown = true
            defer { state.clients = [:] }
            return state.clients.values.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }

    /// The library's client for a route. Routes that nobody took for a long time are closed, since targets come and go.
    func client(for route: Route) async throws(EndpointError) -> HTTPClient {
        let now = ContinuousClock.now
        let (client, stale) = state.withLock { state -> (HTTPClient?, [HTTPClient]) in
            if state.isShutDown { return (nil, []) }
            if let held = state.clients[route] {
                state.clients[route]?.lastUse = now
                return (held.client, [])
            }
            let old = state.clients.filter { now - $0.value.lastUse > .seconds(3_600) }
            for key in old.keys { state.clients[key] = nil }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.configuration(route))
            state.clients[route] = Held(client: client, lastUse: now)
            return (client, old.values.map(\.client))
        }
        for client in stale { try? await client.shutdown() }
        guard let client else { throw EndpointError("the client was shut down") }
        return client
    }

    private static func configuration(_ route: Route) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(30)),
            // As Prometheus: longer than any sane scrape interval.
            connectionPool: .init(idleTimeout: .seconds(300)),
            proxy: route.tunnel,
            decompression: .enabled(limit: .none))
        // Go's default floor, where no tls_config says otherwise.
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        configuration.tlsConfiguration = tls
        // A refused connection is told at once instead of being tried until the deadline.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = route.allowsHTTP2 && route.forwarding == nil ? .automatic : .http1Only
        if let address = route.address { configuration.dnsOverride = [address.name: address.host] }
        if let forwarding = route.forwarding {
            let authorization = forwarding.authorization
            // The library itself would ask for a tunnel even for plain HTTP, which most proxies refuse.
            configuration.http1_1ConnectionDebugInitializer = { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let encoder = try pipeline.context(handlerType: HTTPRequestEncoder.self)
                    try pipeline.addHandler(
                        AbsoluteFormHandler(authorization: authorization), position: .after(encoder.handler))
                }
            }
        }
        return configuration
    }
}

/// Writes each request's URI in absolute form (RFC 9112, 3.2.2), as a forwarding proxy wants it.
private final class AbsoluteFormHandler: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let authorization: String?

    init(authorization: String?) { self.authorization = authorization }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .head(var head) = unwrapOutboundIn(data), let host = head.headers.first(name: "host") {
            head.uri = "http://\(host)\(head.uri)"
            if let authorization { head.headers.replaceOrAdd(name: "Proxy-Authorization", value: authorization) }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        } else {
            context.write(data, promise: promise)
        }
    }
}
