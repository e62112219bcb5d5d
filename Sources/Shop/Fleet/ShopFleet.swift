import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import ServiceInstrumentation
import ServiceLifecycle
import Synchronization

/// A running shop: eight HTTP services, their queue and data, customers, and a control endpoint, in one process.
/// It is a `Service`: graceful shutdown stops the customers first, then dispatch and the servers, and sends the
/// telemetry that is left before `run()` returns.
package struct ShopFleet: Service {
    package let description: FleetDescription
    package let options: ShopOptions
    private let directory: ServiceDirectory
    private let faults = FaultSwitches()
    private let running: RunningFleet
    private let onReady: @Sendable (ShopFleet) async -> Void

    /// - Parameter onReady: called once, when every service listens and before the first customer comes.
    package init(
        description: FleetDescription, options: ShopOptions = ShopOptions(),
        onReady: @escaping @Sendable (ShopFleet) async -> Void = { _ in }
    ) {
        var description = description
        if let basePort = options.basePort { description.basePort = basePort }
        if let controlPort = options.controlPort { description.controlPort = controlPort }
        if let rate = options.rate { description.load.rate = rate }
        if let seed = options.seed { description.load.seed = seed }
        if options.ephemeralPorts { description.controlPort = 0 }
        for index in description.services.indices {
            // A base port of 0 means any free port for everybody.
            let byPosition = description.basePort == 0 ? 0 : description.basePort &+ index
            let wanted = description.services[index].port ?? byPosition
            description.services[index].port = options.ephemeralPorts ? 0 : wanted
        }
        self.description = description
        self.options = options
        self.onReady = onReady
        directory = ServiceDirectory(host: options.host)
        running = RunningFleet()
    }

    /// The names of the services, in the order of the description.
    package var serviceNames: [String] { description.services.map(\.name) }

    /// `host:port` of every service's `/metrics`; complete when `onReady` is called, empty before the start.
    package var scrapeTargets: [(service: String, address: String)] {
        description.services.compactMap { service in
            directory.address(service.role).map { (service.name, $0) }
        }
    }

    /// Where customers go; nil before the start.
    package var webAddress: String? { directory.address(.web) }

    /// Where `GET /faults` and `POST /faults/{name}?on=true|false` are; nil before the start.
    package var controlAddress: String? { directory.controlPort.map(directory.address(port:)) }

    /// Messages that wait for dispatch.
    package var queueDepth: Int { running.queue?.depth ?? 0 }

    package var loadCounts: LoadCounts { running.load?.current ?? LoadCounts() }

    /// Spans and log records of all services together.
    package var exportCounts: (spans: ExportCounts, logs: ExportCounts) {
        var spans = ExportCounts()
        var logs = ExportCounts()
        for telemetry in running.telemetries {
            spans.add(telemetry.spanCounts)
            logs.add(telemetry.logCounts)
        }
        return (spans, logs)
    }

    /// Every fault and whether it is on.
    package var faultStates: [(fault: Fault, isOn: Bool)] { Fault.allCases.map { ($0, faults.isOn($0)) } }

    package func setFault(_ fault: Fault, on: Bool) { faults.set(fault, on: on) }

    /// - Throws: `FleetError.unknownFault`.
    package func setFault(_ name: String, on: Bool) throws {
        guard let fault = Fault(rawValue: name) else { throw FleetError.unknownFault(name) }
        faults.set(fault, on: on)
    }

    /// Runs the fleet until graceful shutdown or cancellation.
    /// - Throws: `FleetError` when a port or the data folder cannot be used.
    package func run() async throws {
        guard running.start() else { throw FleetError.alreadyRunning }
        for service in description.services {
            guard let port = service.port, (0...65535).contains(port) else {
                throw FleetError.badAddress(service: service.name, host: options.host, port: service.port ?? 0)
            }
        }
        let (folder, isTemporary) = dataFolder()
        let data = try ShopData(folder: folder)
        let client = HTTPClient(configuration: httpConfiguration)
        do {
            try await serve(data: data, client: client)
            await cleanUp(data, client, isTemporary ? folder : nil)
        } catch {
            await cleanUp(data, client, isTemporary ? folder : nil)
            throw error
        }
    }

    private func serve(data: ShopData, client: HTTPClient) async throws {
        let queue = try MessageQueue(name: "orders", system: description.systems.rabbitmq, data: data)
        let load = LoadGenerator(client: client, directory: directory, load: description.load)
        let names = Dictionary(description.services.map { ($0.role, $0.name) }, uniquingKeysWith: { first, _ in first })
        var servers: [any Service] = []
        var telemetries: [ServiceTelemetry] = []
        for service in description.services {
            let telemetry = telemetry(of: service, client: client)
            let serviceClient = ServiceClient(client: client, directory: directory, names: names, telemetry: telemetry)
            let environment = ServiceEnvironment(
                service: service, fleet: description, telemetry: telemetry,
                log: ServiceLog(logger: telemetry.logger(service.name), format: service.logFormat),
                client: serviceClient, data: data, queue: queue, faults: faults, seed: description.load.seed)
            telemetries.append(telemetry)
            let implementation = environment.makeService()
            servers.append(ServiceServer(environment: environment, service: implementation, directory: directory))
            if let dispatch = implementation as? DispatchService { servers.append(dispatch) }
        }
        servers.append(ControlServer(fleet: self, directory: directory))
        running.set(queue: queue, load: load, telemetries: telemetries)
        // Shut down in reverse order: customers, servers, then what the servers have still to tell.
        var services: [any Service] = [TelemetryExport(telemetries: telemetries)]
        services += servers
        services.append(Customers(fleet: self, directory: directory, load: load, onReady: onReady))
        let quiet = Logger(label: "shop") { _ in SwiftLogNoOpLogHandler() }
        try await ServiceGroup(configuration: .init(services: services, logger: quiet)).run()
    }

    private func telemetry(of service: ServiceDescription, client: HTTPClient) -> ServiceTelemetry {
        let resource = Resource(
            serviceName: service.name, serviceVersion: service.version ?? description.version,
            serviceNamespace: description.name,
            instanceID: "\(service.name)-\(ProcessInfo.processInfo.processIdentifier)",
            environment: description.environment)
        var exporter = ExporterConfiguration(endpoint: options.otlpEndpoint)
        // Without a collector, Ctrl-C must not take long.
        exporter.shutdownTimeout = .seconds(2)
        let telemetry = ServiceTelemetry(resource: resource, exporter: exporter, client: client)
        telemetry.metrics.registerProcessMetrics()
        return telemetry
    }

    private var httpConfiguration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        configuration.connectionPool.idleTimeout = .seconds(30)
        configuration.timeout.connect = .seconds(2)
        configuration.redirectConfiguration = .disallow
        return configuration
    }

    private func dataFolder() -> (URL, isTemporary: Bool) {
        if let folder = options.dataFolder { return (URL(fileURLWithPath: folder, isDirectory: true), false) }
        let name = "\(description.name)-\(UUID().uuidString)"
        return (FileManager.default.temporaryDirectory.appendingPathComponent(name, isDirectory: true), true)
    }

    private func cleanUp(_ data: ShopData, _ client: HTTPClient, _ temporaryFolder: URL?) async {
        try? await client.shutdown()
        data.close()
        if let temporaryFolder { try? FileManager.default.removeItem(at: temporaryFolder) }
    }
}

extension ServiceEnvironment {
    func makeService() -> any ShopService {
        switch service.role {
        case .web: WebService(environment: self)
        case .user: UserService(environment: self)
        case .catalogue: CatalogueService(environment: self)
        case .cart: CartService(environment: self)
        case .payment: PaymentService(environment: self)
        case .shipping: ShippingService(environment: self)
        case .ratings: RatingsService(environment: self)
        case .dispatch: DispatchService(environment: self)
        }
    }
}

extension ExportCounts {
    fileprivate mutating func add(_ other: ExportCounts) {
        exported &+= other.exported
        droppedByQueue &+= other.droppedByQueue
        failed &+= other.failed
    }
}

/// What exists only while the fleet runs.
private final class RunningFleet: Sendable {
    private struct State {
        var isStarted = false
        var queue: MessageQueue?
        var load: LoadGenerator?
        var telemetries: [ServiceTelemetry] = []
    }

    private let state = Mutex(State())

    var queue: MessageQueue? { state.withLock { $0.queue } }
    var load: LoadGenerator? { state.withLock { $0.load } }
    var telemetries: [ServiceTelemetry] { state.withLock { $0.telemetries } }

    /// False when it was started before.
    func start() -> Bool {
        state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted
        }
    }

    func set(queue: MessageQueue, load: LoadGenerator, telemetries: [ServiceTelemetry]) {
        state.withLock {
            $0.queue = queue
            $0.load = load
            $0.telemetries = telemetries
        }
    }
}
