import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import Shop

struct ShopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop", abstract: "Run an instrumented shop that sends its telemetry to a collector.",
        discussion: """
            Eight real HTTP services with customers. Faults are switched while it runs: \
            curl -X POST 'http://127.0.0.1:18070/faults/payment-errors?on=true'. Faults: \
            \(Fault.allCases.map(\.rawValue).joined(separator: ", ")).
            """)

    @Option(
        help: ArgumentHelp("Description of the fleet; the built-in shopstack where none is given.", valueName: "file"))
    var fleet: String?

    @Option(help: ArgumentHelp("OTLP/HTTP receiver for spans and logs.", valueName: "url"))
    var otlp = "http://127.0.0.1:4318"

    @Option(help: "Requests per second of all customers; 0 for none.")
    var rate: Double?

    @Option(help: "First port; services take it and the following.")
    var basePort: Int?

    @Option(help: "Port where faults are switched.")
    var controlPort: Int?

    @Option(help: "Seed of customers and failures.")
    var seed: UInt64?

    @Option(help: ArgumentHelp("Keep the shop's own data here between runs.", valueName: "dir"))
    var dataDir: String?

    @Option(help: "Faults that are on from the start.")
    var fault: [String] = []

    @Flag(help: "Print the scrape_configs entry for a configuration file and end.")
    var printScrapeConfig = false

    func validate() throws {
        for port in [basePort, controlPort] {
            if let port, !(0...65535).contains(port) { throw ValidationError("ports are from 0 to 65535") }
        }
        if let rate, rate < 0 || rate > 100_000 { throw ValidationError("--rate must be from 0 to 100000") }
        for name in fault where Fault(rawValue: name) == nil {
            throw ValidationError(
                "there is no fault \"\(name)\"; there are \(Fault.allCases.map(\.rawValue).joined(separator: ", "))")
        }
    }

    func run() async throws {
        let description =
            try fleet.map { path in
                let text: String
                do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
                    throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)")
                }
                return try FleetDescription(yaml: text, file: path)
            } ?? FleetDescription.shopstack()
        var options = ShopOptions()
        options.otlpEndpoint = otlp
        options.basePort = basePort
        options.controlPort = controlPort
        options.rate = rate
        options.seed = seed
        options.dataFolder = dataDir
        if printScrapeConfig {
            let base = basePort ?? description.basePort
            Terminal.line("scrape_configs:")
            for (i, service) in description.services.enumerated() {
                Terminal.line(
                    "  - job_name: \(service.name)\n    scrape_interval: 5s\n    static_configs:\n      - targets: ['127.0.0.1:\(service.port ?? base + i)']"
                )
            }
            return
        }
        let logger = CommandLogger.make(.info)
        let shop = ShopFleet(description: description, options: options) { fleet in
            for (service, address) in fleet.scrapeTargets { Terminal.line("\(service)\thttp://\(address)/metrics") }
            if let control = fleet.controlAddress { Terminal.line("faults\thttp://\(control)/faults") }
        }
        for name in fault { try shop.setFault(name, on: true) }
        var quiet = logger
        quiet.logLevel = .warning
        try await ServiceGroup(
            configuration: .init(
                services: [.init(service: shop, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        ).run()
    }
}
