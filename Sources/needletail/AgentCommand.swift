import Agent
import ArgumentParser
import Endpoints
import Foundation
import Logging
import Telemetry
import YAMLReading

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Tail files, containers' logs and the journal, and send them to a server.",
        discussion: """
            Sends by Loki push, to Needletail or to Loki. What was read is in the spool on disk before it is sent, and \
            positions survive a restart. SIGTERM sends what is there and ends, SIGHUP reads the configuration again.
            Example: needletail agent --server http://127.0.0.1:9090 --file '/var/log/*.log' --label job=system
            """)

    @Option(help: ArgumentHelp("Configuration file; flags add to it and replace what it says.", valueName: "agent.yml"))
    var config: String?

    @Option(help: ArgumentHelp("Address of the server; without a path, that of Loki's push API is taken.", valueName: "url"))
    var server: String?

    @Option(
        name: .customLong("file"),
        help: ArgumentHelp("Files to tail: *, ?, […] and ** for folders. Can be given more than once.", valueName: "pattern"))
    var files: [String] = []

    @Option(name: .customLong("exclude"), help: ArgumentHelp("Files that are not to be tailed.", valueName: "pattern"))
    var excludes: [String] = []

    @Option(
        name: .customLong("label"), help: ArgumentHelp("A label for every entry. Can be given more than once.", valueName: "name=value"))
    var labels: [String] = []

    @Flag(name: .customLong("docker"), help: "Read the logs of Docker's containers (json-file).")
    var readsDocker = false

    @Option(help: ArgumentHelp("Docker's folder of containers.", valueName: "dir"))
    var dockerPath = "/var/lib/docker/containers"

    @Flag(name: .customLong("journal"), help: "Read systemd's journal.")
    var readsJournal = false

    @Option(
        help: ArgumentHelp(
            "Join stack traces: auto, java, python, go, node, ruby, dotnet, php, rust or generic.", valueName: "language"))
    var multiline: String?

    @Flag(name: .customLong("from-end"), help: "At the very first start, pass over what is in the files already.")
    var startsAtEnd = false

    @Option(help: ArgumentHelp("Tenant (X-Scope-OrgID).", valueName: "name"))
    var tenant: String?

    @Option(help: ArgumentHelp("File with a token for Authorization: Bearer.", valueName: "file"))
    var bearerTokenFile: String?

    @Option(help: ArgumentHelp("Folder of positions and spool; made when it is not there.", valueName: "dir"))
    var dataDir: String?

    @Option(help: ArgumentHelp("Address of /metrics; none by default.", valueName: "host:port"))
    var listen: String?

    @Option(help: "trace, debug, info, notice, warning, error.")
    var logLevel = Logger.Level.info

    func validate() throws {
        do { _ = try flags(AgentConfiguration()) } catch { throw ValidationError("\(error)") }
    }

    func run() async throws {
        let command = self
        try await Agent.run(try command.load(), logger: CommandLogger.make(logLevel)) { try command.load() }
    }

    private func load() throws -> AgentConfiguration {
        var configuration = AgentConfiguration()
        if let config { configuration = try AgentFile.load(config) }
        return try flags(configuration)
    }

    private func flags(_ configuration: AgentConfiguration) throws -> AgentConfiguration {
        var configuration = configuration
        if let server { configuration.server.url = try AgentConfiguration.pushURL(server) }
        if let tenant { configuration.server.tenant = tenant }
        if let bearerTokenFile {
            configuration.server.http.credentials = .header(type: "Bearer", credentials: .file(bearerTokenFile))
        }
        if let dataDir { configuration.dataFolder = dataDir }
        if let listen {
            guard let address = AgentConfiguration.address(listen) else {
                throw CommandFailure("--listen \(listen) is not host:port")
            }
            configuration.listen = address
        }
        for text in labels {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, LabelNames.isValid(String(parts[0])) else {
                throw CommandFailure("--label \(text) is not name=value")
            }
            configuration.labels.append(Label(String(parts[0]), String(parts[1])))
        }
        var treatment = AgentConfiguration.Treatment()
        if let multiline {
            guard let traces = StageReading.traces(named: multiline) else {
                throw CommandFailure("--multiline \(multiline) is none of the languages that are known")
            }
            treatment.multiline = MultilineRule(.stackTraces(traces))
        }
        if !files.isEmpty {
            var source = AgentConfiguration.Files(name: "--file")
            source.include = try files.map { try PathPattern(AgentConfiguration.absolute($0)) }
            source.exclude = try excludes.map { try PathPattern(AgentConfiguration.absolute($0)) }
            source.treatment = treatment
            source.startsAtEnd = startsAtEnd
            configuration.files.append(source)
        }
        if readsDocker {
            var source = try AgentConfiguration.dockerFiles(
                name: "--docker", root: AgentConfiguration.absolute(dockerPath))
            source.treatment = treatment
            source.startsAtEnd = startsAtEnd
            configuration.files.append(source)
        }
        if readsJournal {
            var source = AgentConfiguration.Journal(name: "journal")
            source.treatment = treatment
            source.startsAtEnd = startsAtEnd
            configuration.journals.append(source)
        }
        return configuration
    }
}

enum AgentFile {
    static func load(_ path: String) throws -> AgentConfiguration {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)")
        }
        return try AgentConfiguration.read(text, file: path)
    }
}
