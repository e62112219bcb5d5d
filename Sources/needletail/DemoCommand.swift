import ArgumentParser
import Foundation
import Logging
import Server
import Shop

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See it work: collector, shop, load, rules, a webhook receiver and one fault, in one command.",
        discussion: """
            Goes on until Ctrl-C or --duration. With -o json the only thing on standard output is one JSON object at the end, and \
            what happens meanwhile is told on standard error.
            """)

    @Option(help: "End after so long: 120s, 5m.")
    var duration: String?

    @Option(name: [.customShort("o"), .long], help: "table for people, json for scripts.")
    var output: OutputFormat = .table

    @Option(
        help: ArgumentHelp(
            "Keep the data here; a temporary folder, removed at the end, where none is given.", valueName: "dir"))
    var dataDir: String?

    @Option(help: "Requests per second of the shop's customers.")
    var rate: Double = 20

    @Option(help: "The fault that is switched on after a while.")
    var fault = Fault.paymentErrors

    @Option(help: ArgumentHelp("Address of every API; a free port where 9090 is taken.", valueName: "host:port"))
    var listen: ListenAddress?

    func validate() throws {
        guard output == .table || output == .json else { throw ValidationError("the demo prints table or json") }
        if let duration { _ = try TimeWindow.duration(duration) }
        guard rate > 0, rate <= 10_000 else { throw ValidationError("--rate must be above 0 and at most 10000") }
    }

    func run() async throws {
        var settings = DemoSettings()
        settings.duration = try duration.map(TimeWindow.duration)
        settings.dataFolder = dataDir
        settings.rate = rate
        settings.fault = fault
        settings.listen = listen
        let isJSON = output == .json
        let demo = Demo(settings: settings, say: { line in isJSON ? Terminal.complain(line) : Terminal.line(line) })
        let summary = try await demo.run(logger: CommandLogger.make(.warning))
        if isJSON {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            Terminal.json(try encoder.encode(summary))
        } else {
            for line in summary.lines { Terminal.line(line) }
        }
    }
}

extension Fault: ExpressibleByArgument {}
