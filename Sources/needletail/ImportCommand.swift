import ArgumentParser
import Foundation

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take over the data of another program.",
        subcommands: [ImportPrometheusCommand.self])
}

struct ImportPrometheusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prometheus", abstract: "Read a Prometheus data folder, bit for bit.",
        discussion: """
            DIR is Prometheus' --storage.tsdb.path, a snapshot of it, or a single block. Blocks, the log, the head's \
            chunks and what came out of order are read; deleted samples stay deleted. Without --server the data goes \
            into a folder that no server has open. Doing it twice changes nothing.
            """)

    @Argument(help: ArgumentHelp("Prometheus' data folder.", valueName: "dir"), completion: .directory)
    var source: String

    @Option(help: ArgumentHelp("Folder of needletail's data; made when it is not there.", valueName: "dir"))
    var dataDir = "./data"

    @Option(help: ArgumentHelp("Send to this running server by remote write instead.", valueName: "url"))
    var server: String?

    @Flag(help: "Leave out what is damaged and go on.")
    var keepGoing = false

    @Flag(help: "No progress on standard error.")
    var quiet = false

    func run() async throws {
        let folder = try PrometheusFolder(source)
        let target: any ImportTarget
        if let server {
            var options = try ServerOptions.parse([])
            options.url = server
            target = ServerTarget(client: try options.client)
        } else {
            target = try StoreTarget(dataFolder: dataDir)
        }
        var run = FolderImport(folder: folder, target: target, keepsGoing: keepGoing, isQuiet: quiet)
        let failure: (any Error)?
        do {
            try await run.run()
            failure = nil
        } catch {
            failure = error
        }
        run.progress.end()
        // What was read until then is kept, and the next run finds it there.
        try await target.finish()
        run.report.print()
        if let failure { throw failure }
        if run.report.samples + run.report.histograms == 0 { throw CommandFailure("\(source) holds no samples") }
    }
}
