import ArgumentParser
import Foundation
import Logging
import PromQL
import Server
import Storage
import YAMLReading

extension ListenAddress: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", _superCommandName: "needletail", abstract: "Run the collector.",
        discussion: """
            Works without a configuration: it receives OTLP, remote write and Loki pushes, and scrapes itself. Logs \
            come in by Elasticsearch's bulk, Fluent Forward and syslog where their listeners are asked for. A \
            prometheus.yml is taken as it is. SIGHUP or POST /-/reload reads the configuration again; SIGTERM drains, \
            seals and ends.
            """, version: versionText)

    @Option(
        help: ArgumentHelp(
            "Configuration file: a prometheus.yml, with our own sections where wanted.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Folder of all data; made when it is not there.", valueName: "dir"))
    var dataDir = "./data"

    @Option(help: ArgumentHelp("Address of every API.", valueName: "host:port"))
    var listen = ListenAddress(host: "127.0.0.1", port: 9090)

    @Option(help: ArgumentHelp("Address of OTLP over HTTP.", valueName: "host:port"))
    var otlpHttp = ListenAddress(host: "127.0.0.1", port: 4318)

    @Option(help: ArgumentHelp("Address of OTLP over gRPC.", valueName: "host:port"))
    var otlpGrpc = ListenAddress(host: "127.0.0.1", port: 4317)

    @OptionGroup(title: "Logs from other shippers")
    var logs: LogListenFlags

    @OptionGroup(title: "What is kept")
    var retention: RetentionFlags

    @Option(
        help: ArgumentHelp(
            "Address under which people reach this server, for links in notifications.", valueName: "url"))
    var externalUrl: String?

    @Option(
        help: "When an acknowledged write is on the disk and not just in the kernel: 100ms (group commit) or always.")
    var fsync = "100ms"

    @Option(
        name: [.customLong("query.timeout"), .customLong("query-timeout")],
        help: ArgumentHelp("Longest time of one query, its waiting included.", valueName: "duration"))
    var queryTimeout = "2m"

    @Option(
        name: [.customLong("query.memory"), .customLong("query-memory")],
        help: ArgumentHelp(
            "Most memory of one query, in MiB; never more than a quarter of --memory-limit.", valueName: "MiB"))
    var queryMemory = 512

    @Option(
        name: .customLong("query.max-samples"),
        help: ArgumentHelp("Most samples that one query may hold in memory.", valueName: "count"))
    var queryMaxSamples = 50_000_000

    @Option(
        name: .customLong("query.max-concurrency"),
        help: ArgumentHelp("Queries that run at once; more of them wait for their turn.", valueName: "count"))
    var queryConcurrency = 20

    @Option(
        help: ArgumentHelp(
            "Memory of the process: bytes, 2GiB, or a share like 60% of the machine or its control group.",
            valueName: "size"))
    var memoryLimit = "60%"

    @Option(
        name: .customLong("metrics.series-limit"),
        help: ArgumentHelp(
            "Most series in memory, 0 for no limit; by default what fits half of the memory limit.", valueName: "count")
    )
    var seriesLimit: Int?

    @Option(
        name: .customLong("metrics.series-limit-per-target"),
        help: ArgumentHelp(
            "Most series in memory of one job and instance, 0 for no limit; new ones beyond it are refused.",
            valueName: "count"))
    var seriesLimitPerTarget: Int?

    @Option(
        name: .customLong("metrics.series-limit-per-metric"),
        help: ArgumentHelp("Most series in memory of one metric name, 0 for no limit.", valueName: "count"))
    var seriesLimitPerMetric: Int?

    @Flag(
        name: .customLong("web.enable-admin-api"),
        help: "Let /api/v1/admin/tsdb delete series, clean up, flush and make snapshots.")
    var enableAdminAPI = false

    @Flag(
        name: .customLong("web.enable-lifecycle"),
        help: "Let POST /-/quit end the server. /-/reload answers in any case.")
    var enableLifecycle = false

    @Option(
        name: .customLong("enable-feature"),
        help: ArgumentHelp(
            """
            Prometheus' features of queries: promql-delayed-name-removal, use-start-timestamps, type-and-unit-labels, \
            with commas between them. The experimental parts of the language are always on.
            """,
            valueName: "features"))
    var features: [String] = []

    @Option(help: "trace, debug, info, notice, warning, error.")
    var logLevel = Logger.Level.info

    func validate() throws {
        guard fsync == "always" || fsync == "100ms" else { throw ValidationError("--fsync is 100ms or always") }
        _ = try TimeWindow.duration(queryTimeout)
        guard (1...1_000_000).contains(queryMemory) else {
            throw ValidationError("--query.memory must be from 1 to 1000000 MiB")
        }
        guard queryMaxSamples > 0 else { throw ValidationError("--query.max-samples must be positive") }
        guard (1...10_000).contains(queryConcurrency) else {
            throw ValidationError("--query.max-concurrency must be from 1 to 10000")
        }
        _ = try memoryLimitBytes()
        _ = try queryFeatures()
        let limits = [
            ("--metrics.series-limit", seriesLimit), ("--metrics.series-limit-per-target", seriesLimitPerTarget),
            ("--metrics.series-limit-per-metric", seriesLimitPerMetric),
        ]
        for (flag, limit) in limits where limit ?? 0 < 0 { throw ValidationError("\(flag) must be 0 or more") }
    }

    private func queryFeatures() throws -> Set<QueryFeature> {
        do { return try QueryFeature.read(features) } catch {
            throw ValidationError("--enable-feature: \(error)")
        }
    }

    private func memoryLimitBytes() throws -> Int {
        guard let bytes = MemoryLimit.bytes(memoryLimit, of: MemoryLimit.atStart) else {
            throw ValidationError(
                "--memory-limit \(memoryLimit) is no size: write 2GiB, 512MB, a number of bytes or a share like 60%, "
                    + "and no less than \(MemoryLimit.text(MemoryLimit.least))")
        }
        return bytes
    }

    func run() async throws {
        var options = ServeOptions()
        options.configurationFile = config
        options.dataFolder = dataDir
        options.listen = listen
        options.otlpHTTP = otlpHttp
        options.otlpGRPC = otlpGrpc
        options.logs = logs.options
        options.retention = try retention.flags()
        options.externalURL = externalUrl
        options.syncAlways = fsync == "always"
        options.queryTimeout = try TimeWindow.duration(queryTimeout)
        options.queryMemory = queryMemory << 20
        options.queryMaxSamples = queryMaxSamples
        options.queryConcurrency = queryConcurrency
        options.memoryLimit = try memoryLimitBytes()
        options.seriesLimit = seriesLimit
        options.seriesLimitPerTarget = seriesLimitPerTarget
        options.seriesLimitPerMetric = seriesLimitPerMetric
        options.enablesAdminAPI = enableAdminAPI
        options.enablesLifecycle = enableLifecycle
        options.queryFeatures = try queryFeatures()
        let logger = CommandLogger.make(logLevel)
        let process = try await ServerProcess(options: options, logger: logger)
        if !listen.isLoopback {
            logger.warning("\(listen) can be reached from other machines, and there is no authentication")
        }
        for (flag, address) in logs.listening where ListenAddress(address)?.isLoopback == false {
            logger.warning("--\(flag) \(address) can be reached from other machines")
        }
        let used = options
        let listening = logs.listening
        try await process.run { address in
            var metadata: Logger.Metadata = [
                "api": "http://\(address)", "otlp-http": "\(used.otlpHTTP)", "otlp-grpc": "\(used.otlpGRPC)",
                "data": "\(used.dataFolder)",
            ]
            for (name, address) in listening { metadata[name] = "\(address)" }
            logger.info("ready", metadata: metadata)
        }
        logger.info("stopped")
    }
}

/// Logs go to standard error, so that standard output is what was asked for.
enum CommandLogger {
    static func make(_ level: Logger.Level) -> Logger {
        var logger = Logger(label: "needletail") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        return logger
    }
}
