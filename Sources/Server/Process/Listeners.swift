import GRPCCore
import GRPCNIOTransportHTTP2
import Logging
import NIOCore
import ServiceLifecycle
import Storage
import UnixSignals

extension ServerProcess {
    /// Runs the collector until SIGTERM, SIGINT or cancellation: drains, seals, returns.
    ///
    /// The port of every API is opened first, since what is kept can be asked for from then on; all the rest begins
    /// behind it. `onReady` is told its address once all ports are open.
    package func run(
        handlingSignals: Bool = true, alongside others: [any Service] = [],
        onReady: @escaping @Sendable (ListenAddress) async -> Void = { _ in }
    ) async throws {
        let obstacles = [
            (options.listen, "--listen"), (options.otlpHTTP, "--otlp-http"), (options.otlpGRPC, "--otlp-grpc"),
        ]
        for (address, flag) in obstacles {
            if let obstacle = address.obstacle(flag: flag) {
                await close()
                throw obstacle
            }
        }
        let logs: (services: [any Service], gates: [StartGate])
        do {
            try options.logs.check()
            logs = try logListeners()
        } catch {
            await close()
            throw error
        }
        var quiet = logger
        quiet.logLevel = max(.notice, logger.logLevel)
        let gates = (main: StartGate(), http: StartGate(), grpc: StartGate())
        let responder = allRoutes().responder()
        let main = HTTPListener(
            description: "every API", address: options.listen, responder: responder,
            server: UpgradableChannel.builder(LokiAPI(process: self).tailRoute),
            onListening: { [self] channel in
                let port = channel.localAddress?.port ?? options.listen.port
                didStartListening(at: ListenAddress(host: options.listen.host, port: port))
                gates.main.open()
            }, logger: logger)
        let otlp = HTTPListener(
            description: "OTLP over HTTP", address: options.otlpHTTP, responder: responder,
            onListening: { _ in gates.http.open() }, logger: logger)
        // Shut down in reverse: first nothing new comes in, at last the stores close.
        let stores = Room("stores") { [self] in
            try? await gracefulShutdown()
            await close()
        }
        var services: [any Service] = [
            Room("readiness") { [self] in
                for gate in [gates.main, gates.http, gates.grpc] + logs.gates { await gate.wait() }
                if !Task.isShuttingDownGracefully { await onReady(becomeReady()) }
                try? await gracefulShutdown()
            },
            Room("maintenance", untilShutdown: { [self] in await maintain() }),
            Room("memory and disk", untilShutdown: { [self] in await watchResources() }),
            Room("notifications", untilShutdown: { [self] in await dispatcher.run() }),
            Room("rules", untilShutdown: { [self] in await rules.run() }),
            Room("remote writes", untilShutdown: { [self] in await remoteWrites.run() }),
            Room("scrapes", untilShutdown: { [self] in await scrapes.run() }),
        ]
        services += logs.services
        services += [
            Draining(
                description: "OTLP over gRPC", service: GRPCListener(process: self, gate: gates.grpc), patience: .seconds(1),
                logger: logger),
            Draining(description: otlp.description, service: otlp, patience: .seconds(1), logger: logger),
        ]
        services = services.map { Gated(service: $0, gate: gates.main) }
        services.insert(stores, at: 0)
        services.append(Draining(description: main.description, service: main, patience: .seconds(2), logger: logger))
        services += others
        if handlingSignals {
            services.append(Room("reload on SIGHUP", untilShutdown: { [self] in await reloadOnSignal() }))
        }
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: handlingSignals ? [.sigterm, .sigint] : [], logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(30)
        try await ServiceGroup(configuration: configuration).run()
    }

    private func reloadOnSignal() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { try? reload() }
    }
}

/// A part of the process with its life.
struct Room: Service, CustomStringConvertible {
    let description: String
    private let body: @Sendable () async throws -> Void

    init(_ name: String, body: @escaping @Sendable () async throws -> Void) {
        description = name
        self.body = body
    }

    /// Cancelled when the process begins to stop.
    init(_ name: String, untilShutdown body: @escaping @Sendable () async -> Void) {
        description = name
        self.body = { await cancelWhenGracefulShutdown { await body() } }
    }

    func run() async throws { try await body() }
}

/// OTLP over gRPC.
private struct GRPCListener: Service {
    let process: ServerProcess
    let gate: StartGate

    func run() async throws {
        let address = process.options.otlpGRPC
        var config = HTTP2ServerTransport.Posix.Config.defaults
        // The default window of 64 KiB holds throughput to a sixth (measured).
        config.http2.targetWindowSize = 8 << 20
        config.http2.maxFrameSize = 1 << 20
        // The transport ends the call where a message is longer, which clients take for a reason to try again; up to
        // twice the limit we can say that it is not.
        config.rpc.maxRequestPayloadSize = process.options.bodyLimit &* 2
        config.compression.enabledAlgorithms = [.gzip, .deflate]
        config.connection.keepalive.clientBehavior.allowWithoutCalls = true
        config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(5)
        let transport = HTTP2ServerTransport.Posix(
            address: address.host.contains(":")
                ? .ipv6(host: address.host, port: address.port)
                : .ipv4(host: resolved(address.host), port: address.port),
            transportSecurity: .plaintext, config: config)
        let server = GRPCServer(transport: transport, services: [OTLPGRPCService(gateway: process.gateway, limit: process.options.bodyLimit)])
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup { group in
                group.addTask { try await server.serve() }
                group.addTask {
                    _ = try await server.listeningAddress
                    gate.open()
                }
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }

    private func resolved(_ host: String) -> String { host == "localhost" ? "127.0.0.1" : host }
}
