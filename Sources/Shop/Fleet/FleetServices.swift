import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceInstrumentation
import ServiceLifecycle

/// Exports the telemetry of all services, and at the end what is still queued.
struct TelemetryExport: Service {
    let telemetries: [ServiceTelemetry]

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for telemetry in telemetries { group.addTask { await telemetry.run() } }
            }
        }
        await withDiscardingTaskGroup { group in
            for telemetry in telemetries { group.addTask { await telemetry.shutdown() } }
        }
    }
}

/// Announces the fleet when it is complete, then lets the customers in.
struct Customers: Service {
    let fleet: ShopFleet
    let directory: ServiceDirectory
    let load: LoadGenerator
    let onReady: @Sendable (ShopFleet) async -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            guard (try? await directory.waitUntilComplete()) != nil else { return }
            await onReady(fleet)
            await load.run()
        }
        // Without customers the shop stays open.
        try? await gracefulShutdown()
    }
}

/// The HTTP server of one service: its routes, `/metrics` and its health check.
struct ServiceServer: Service {
    let environment: ServiceEnvironment
    let service: any ShopService
    let directory: ServiceDirectory

    func run() async throws {
        let description = environment.service
        let router = ShopRouter()
        router.add(middleware: TelemetryMiddleware(environment))
        service.addRoutes(to: router)
        if let health = description.health, health != "/" || description.role != .web {
            router.get(RouterPath(health)) { _, _ in
                try JSON.response(["status": "ok", "service": description.name])
            }
        }
        let metrics = environment.metrics
        router.get("/metrics") { request, _ in
            let format = ExpositionFormat(accept: request.headers[.accept])
            return Response(
                status: .ok, headers: [.contentType: format.contentType],
                body: .init(byteBuffer: ByteBuffer(string: metrics.render(format))))
        }
        try await Listener.run(
            router, name: description.name, host: directory.host, port: description.port ?? 0
        ) { [directory] port in directory.register(description.role, port: port) }
    }
}

/// Switches faults from outside the process.
struct ControlServer: Service {
    private struct FaultState: Encodable {
        let name: String
        let on: Bool
    }

    private struct Target: Encodable {
        let service: String
        let address: String
    }

    let fleet: ShopFleet
    let directory: ServiceDirectory

    func run() async throws {
        let router = ShopRouter()
        router.get("/faults") { _, _ in try states() }
        router.post("/faults/{name}") { request, context in
            guard let text = request.uri.queryParameters.get("on"), let on = Bool(text) else {
                return JSON.error("say ?on=true or ?on=false", status: .badRequest)
            }
            do {
                try fleet.setFault(try context.parameter("name"), on: on)
            } catch {
                return JSON.error("\(error)", status: .notFound)
            }
            return try states()
        }
        router.get("/services") { _, _ in
            try JSON.response(fleet.scrapeTargets.map { Target(service: $0.service, address: $0.address) })
        }
        try await Listener.run(
            router, name: "the control endpoint", host: directory.host, port: fleet.description.controlPort
        ) { [directory] port in directory.registerControl(port: port) }
    }

    private func states() throws -> Response {
        try JSON.response(fleet.faultStates.map { FaultState(name: $0.fault.rawValue, on: $0.isOn) })
    }
}

enum Listener {
    /// Serves until shutdown.
    /// - Throws: `FleetError` that names the service when its port cannot be had.
    static func run(
        _ router: ShopRouter, name: String, host: String, port: Int, onPort: @escaping @Sendable (Int) -> Void
    ) async throws {
        let application = Application(
            router: router, configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in onPort(channel.localAddress?.port ?? port) },
            logger: Logger(label: name) { _ in SwiftLogNoOpLogHandler() })
        do {
            try await application.run()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw FleetError.portInUse(service: name, host: host, port: port)
        } catch let error as IOError {
            throw FleetError.cannotListen(service: name, host: host, port: port, reason: "\(error)")
        }
    }
}
