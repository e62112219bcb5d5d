import Foundation
import Logging
import Server
import ServiceLifecycle
import Shop

/// Collector, shop, customers, rules, receiver and one fault, under one service group.
struct Demo: Sendable {
    let settings: DemoSettings
    let say: @Sendable (String) -> Void

    private struct Addresses {
        var listen: ListenAddress
        var otlpHTTP: ListenAddress
        var otlpGRPC: ListenAddress
        var receiver: Int
    }

    func run(logger: Logger) async throws -> DemoSummary {
        let started = Date()
        let folder =
            settings.dataFolder
            ?? FileManager.default.temporaryDirectory
            .appendingPathComponent("needletail-demo-\(UUID().uuidString.prefix(8))").path
        defer { if settings.dataFolder == nil { try? FileManager.default.removeItem(atPath: folder) } }
        let addresses = try freeAddresses()
        var options = ServeOptions()
        options.dataFolder = folder
        options.listen = addresses.listen
        options.otlpHTTP = addresses.otlpHTTP
        options.otlpGRPC = addresses.otlpGRPC
        options.selfScrapeInterval = 5000
        let ruleFile = try writeRules()
        defer { try? FileManager.default.removeItem(atPath: ruleFile) }
        options.builtConfiguration = try configuration(targets: [], ruleFile: ruleFile, receiver: addresses.receiver)
        let process = try await ServerProcess(options: options, logger: logger)
        let receiver = WebhookReceiver(port: addresses.receiver, logger: logger, tell: say)
        let shop = try makeShop(addresses) { fleet in
            let targets = fleet.scrapeTargets.map { ($0.service, $0.address) }
            do {
                try process.use(configuration(targets: targets, ruleFile: ruleFile, receiver: addresses.receiver))
            } catch {
                logger.error("\(error)")
            }
            say("shop: \(targets.count) services are up, the web shop is at http://\(fleet.webAddress ?? "?")/")
        }
        let director = DemoDirector(
            settings: settings, say: say, process: process, shop: shop, receiver: receiver, started: started)
        try await process.run(alongside: [receiver, shop, director]) { address in
            welcome(address, folder: folder)
        }
        return director.summary
    }

    private func makeShop(_ addresses: Addresses, onReady: @escaping @Sendable (ShopFleet) async throws -> Void) throws
        -> ShopFleet
    {
        let description = try FleetDescription.shopstack()
        var options = ShopOptions()
        options.otlpEndpoint = "http://\(addresses.otlpHTTP)"
        options.rate = settings.rate
        let ports = [description.controlPort] + description.services.indices.map { description.basePort + $0 }
        options.ephemeralPorts = ports.contains { ListenAddress(host: "127.0.0.1", port: $0).obstacle(flag: "") != nil }
        return ShopFleet(description: description, options: options) { fleet in try? await onReady(fleet) }
    }

    /// The usual ports where they are free, other ones where not: a demo starts beside whatever runs already.
    private func freeAddresses() throws -> Addresses {
        if let listen = settings.listen, let obstacle = listen.obstacle(flag: "--listen") { throw obstacle }
        func free(_ port: Int) throws -> ListenAddress {
            let wanted = ListenAddress(host: "127.0.0.1", port: port)
            if port != 0 && wanted.obstacle(flag: "") == nil { return wanted }
            guard let other = ListenAddress.free(host: "127.0.0.1") else {
                throw CommandFailure("this machine has no free port")
            }
            return other
        }
        return Addresses(
            listen: try settings.listen ?? free(9090), otlpHTTP: try free(4318), otlpGRPC: try free(4317),
            receiver: try free(0).port)
    }

    private func writeRules() throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "needletail-rules-\(UUID().uuidString).yml"
        ).path
        try DemoRules.text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func configuration(targets: [(String, String)], ruleFile: String, receiver: Int) throws
        -> ServerConfiguration
    {
        var yaml = """
            global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}
            rule_files: ["\(ruleFile)"]
            route: {receiver: demo, group_by: [alertname], group_wait: 1s, group_interval: 3s}
            receivers: [{name: demo, webhook_configs: [{url: "http://127.0.0.1:\(receiver)/"}]}]
            scrape_configs:

            """
        for (service, address) in targets {
            yaml += "  - {job_name: \(service), static_configs: [{targets: [\"\(address)\"]}]}\n"
        }
        return try ServerConfiguration.read(yaml, file: "demo")
    }

    private func welcome(_ address: ListenAddress, folder: String) {
        say("collector: http://\(address), data in \(folder)")
        let url = address.port == 9090 ? "" : " --url http://\(address)"
        say("try, in another terminal:")
        for command in [
            "services", "query 'sum by (job) (up)'",
            "logs '{service_name=\"payment\"} |= \"declined\"' --since 5m",
            "traces '{ resource.service.name = \"payment\" && status = error }'", "trace <a trace id of those>",
            "alerts",
        ] { say("  needletail \(command)\(url)") }
    }
}
