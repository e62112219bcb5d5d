import Alerting
import AsyncHTTPClient
import Endpoints
import EventStore
import Foundation
import LogQL
import Logging
import NIOCore
import PromQL
import RemoteWriting
import Scraping
import SeriesStore
import ServiceInstrumentation
import Storage
import Synchronization
import Telemetry
import YAMLReading

/// One collector: the stores, what fills them, what watches them and what asks them.
package final class ServerProcess: Sendable {
    package let options: ServeOptions
    package let logger: Logger
    package let folder: DataFolder
    package let series: EmbeddedSeriesStore
    package let events: EmbeddedEventStore
    package let metrics: SelfMetrics
    package let budget: MemoryBudget
    package let queries: QueryList
    package let disk: DiskSpace
    package let cardinality: CardinalityGuard
    package let gateway: IngestGateway
    package let remoteWrites: RemoteWriteManager
    package let scrapes: ScrapeManager
    package let rules: RuleManager
    package let dispatcher: Dispatcher
    package let startTime = TimeParameters.nowMilliseconds
    let connections = EndpointConnections()
    let elasticsearch = ElasticsearchState()
    let journalResends: JournalResends
    /// What came by Elasticsearch's protocol with an id.
    let documents: DocumentWindow
    let logLevel: LogLevelControl
    let firehoseAccessKey: String?
    private let alertmanagers: AlertmanagerClient
    private let state: Mutex<State>

    private struct State {
        var configuration: ServerConfiguration
        var isReady = false
        var listen: ListenAddress
        var reloadFailure: String?
        var lastReload = TimeParameters.nowMilliseconds
    }

    /// Opens the data folder and replays its journals; listens to nothing yet.
    package init(options: ServeOptions, logger: Logger) async throws {
        self.options = options
        logLevel = LogLevelControl(logger.logLevel)
        let logger = logLevel.adjustable(logger)
        self.logger = logger
        let configuration = try ServerProcess.loadConfiguration(options)
        firehoseAccessKey = try options.logs.firehoseAccessKey()
        state = Mutex(State(configuration: configuration, listen: options.listen))
        folder = try DataFolder(opening: options.dataFolder)
        metrics = SelfMetrics()
        let budget = MemoryBudget(limit: options.memoryLimit ?? MemoryLimit.atStart / 10 * 6)
        self.budget = budget
        queries = QueryList(places: options.queryConcurrency)
        disk = DiskSpace(path: options.dataFolder)
        disk.look()
        cardinality = CardinalityGuard(
            limits: ServerProcess.cardinalityLimits(options, memory: budget.limit), pressure: budget.pressure)
        do {
            var journal = JournalOptions()
            if options.syncAlways { journal.sync = .always }
            var seriesOptions = SeriesStoreOptions()
            seriesOptions.retention = configuration.retention.metrics
            seriesOptions.journal = journal
            seriesOptions.rowLimit = min(seriesOptions.rowLimit, budget.limit / 128)
            seriesOptions.flushRows = min(seriesOptions.flushRows, seriesOptions.rowLimit / 4)
            seriesOptions.guards.cardinality = cardinality
            seriesOptions.guards.pressure = budget.pressure
            seriesOptions.guards.budget = budget
            seriesOptions.guards.disk = disk
            series = try EmbeddedSeriesStore.open(folder: folder, options: seriesOptions)
            var eventOptions = EventStoreOptions()
            eventOptions.journal = journal
            eventOptions.memoryLimit = min(eventOptions.memoryLimit, budget.limit / 8)
            eventOptions.sealBytes = min(eventOptions.sealBytes, eventOptions.memoryLimit / 4)
            eventOptions.budget = budget
            events = try EmbeddedEventStore(opening: folder, options: eventOptions)
        } catch {
            try? folder.close()
            throw error
        }
        journalResends = JournalResends(reader: events)
        var identities = JournalOptions()
        if options.syncAlways { identities.sync = .always }
        self.documents = DocumentWindow(folder: folder, options: identities, logger: logger)
        remoteWrites = ServerProcess.remoteWrites(folder, options, series, connections, logger)
        let stored = ForwardingSeriesStorage(base: series, queues: remoteWrites)
        gateway = IngestGateway(
            series: stored, events: events, metrics: metrics, pressure: budget.pressure, disk: disk,
            cardinality: cardinality)
        scrapes = ScrapeManager(store: stored, logger: logger, now: { TimeParameters.nowMilliseconds })
        let documents = CatalogDocuments(folder.catalog)
        do {
            dispatcher = try Dispatcher(
                documents: documents, connections: connections, logger: logger, now: { TimeParameters.nowMilliseconds })
        } catch {
            // The connections insist on being shut down before they go, and the folder should not stay locked.
            await connections.shutdown()
            try? folder.close()
            throw error
        }
        alertmanagers = AlertmanagerClient(connections: connections, logger: logger)
        let dispatcher = dispatcher
        let alertmanagers = alertmanagers
        rules = RuleManager(
            language: RuleLanguage(reader: series, options: options, budget: budget, queries: queries),
            logLanguage: LogRuleLanguage(
                engine: LogQLEngine(reader: events), options: options, budget: budget, queries: queries),
            store: stored,
            documents: documents,
            logger: logger, now: { TimeParameters.nowMilliseconds },
            send: { alerts in
                dispatcher.receive(alerts)
                await alertmanagers.send(alerts, to: dispatcher.configuration)
            })
        do { try apply(configuration) } catch {
            await close()
            throw error
        }
        registerNotificationMetrics()
        registerMemoryMetrics()
        registerQueryMetrics()
        registerRemoteWriteMetrics()
        registerScrapeMetrics()
    }

    private static func loadConfiguration(_ options: ServeOptions) throws -> ServerConfiguration {
        if let built = options.builtConfiguration { return built }
        var configuration = ServerConfiguration()
        if let file = options.configurationFile { configuration = try ServerConfiguration.load(path: file) }
        configuration.retention.apply(options.retention)
        return configuration
    }

    package var configuration: ServerConfiguration { state.withLock { $0.configuration } }
    package var isReady: Bool { state.withLock { $0.isReady } }
    package var lastReload: (time: Int64, failure: String?) { state.withLock { ($0.lastReload, $0.reloadFailure) } }

    package var externalURL: String {
        options.externalURL ?? "http://\(state.withLock { $0.listen })"
    }

    /// The main listener is up at this address (its port was perhaps 0 before).
    func didStartListening(at address: ListenAddress) { state.withLock { $0.listen = address } }

    /// All listeners are up: scraping begins. The address of every API.
    func becomeReady() -> ListenAddress {
        let (configuration, listen) = state.withLock { state in
            state.isReady = true
            return (state.configuration, state.listen)
        }
        do { try apply(configuration) } catch { logger.error("\(error)") }
        return listen
    }

    /// Reads the configuration and the rule files again. Where anything is wrong, the old ones stay and the error is
    /// thrown.
    package func reload() throws {
        do {
            try take(ServerProcess.loadConfiguration(options))
            logger.info("configuration loaded")
        } catch {
            state.withLock { $0.reloadFailure = "\(error)" }
            metrics.reloadSuccessful.set(0)
            logger.error("the configuration was not reloaded; the old one stays", metadata: ["error": "\(error)"])
            throw error
        }
    }

    func take(_ configuration: ServerConfiguration) throws {
        try apply(configuration)
        state.withLock {
            $0.configuration = configuration
            $0.reloadFailure = nil
            $0.lastReload = TimeParameters.nowMilliseconds
        }
    }

    private func apply(_ configuration: ServerConfiguration) throws {
        let groups = try ruleGroups(configuration)
        try remoteWrites.reload(configuration.remoteWrites, externalLabels: configuration.externalLabels)
        for warning in configuration.warnings { logger.warning("\(warning)") }
        var scrapeConfigurations = configuration.scrapes
        if options.selfScrapeInterval > 0, !scrapeConfigurations.contains(where: { $0.jobName == "needletail" }) {
            scrapeConfigurations.append(selfScrape())
        }
        rules.reload(groups, settings: ruleSettings(configuration))
        dispatcher.reload(configuration.alerting, externalURL: externalURL)
        var translation = configuration.otlp
        translation.longestAge = configuration.retention.metrics
        translation.longestLead = SeriesStoreOptions().futureLimit
        gateway.use(translation)
        gateway.logMapping.set(configuration.otlpLogs)
        if isReady { scrapes.reload(scrapeConfigurations, baseFolder: configuration.folder) }
        metrics.reloadSuccessful.set(1)
        metrics.reloadTime.set(Double(TimeParameters.nowMilliseconds) / 1000)
    }

    private func selfScrape() -> ScrapeConfiguration {
        var own = ScrapeConfiguration(jobName: "needletail")
        own.interval = options.selfScrapeInterval
        own.timeout = min(10_000, options.selfScrapeInterval)
        let listen = state.withLock { $0.listen }
        let host = listen.host == "0.0.0.0" ? "127.0.0.1" : listen.host == "::" ? "::1" : listen.host
        own.staticGroups = [
            TargetGroup(
                targets: ["\(ListenAddress(host: host, port: listen.port))"], labels: .empty, source: "needletail")
        ]
        own.source = "\(listen)"
        return own
    }

    /// Seals what is in memory and lets go of the folder.
    func close() async {
        do {
            try remoteWrites.close()
            try await series.close()
            await documents.close()
            try await events.close()
            try folder.close()
        } catch {
            logger.error("closing the data folder failed; the journal has everything", metadata: ["error": "\(error)"])
        }
        await connections.shutdown()
    }

    private func registerNotificationMetrics() {
        let registry = metrics.registry
        let dispatcher = dispatcher
        let delivered = registry.counter(
            "needletail_notifications_delivered_total", help: "Notifications that a receiver took.")
        let failed = registry.counter(
            "needletail_notification_attempts_failed_total", help: "Attempts that a receiver did not take.")
        registry.onCollect {
            let statistics = dispatcher.statistics
            delivered.set(Double(statistics.delivered))
            failed.set(Double(statistics.failedAttempts))
        }
    }
}

/// The catalog's documents for alert state, silences and the notification log.
struct CatalogDocuments: DocumentStore {
    let catalog: Catalog
    init(_ catalog: Catalog) { self.catalog = catalog }

    func documents(kind: String) throws -> [String: String] {
        Dictionary(try catalog.documents(kind: kind).map { ($0.key, $0.body) }) { $1 }
    }
    func put(kind: String, key: String, body: String) throws {
        try catalog.putDocument(kind: kind, key: key, body: body)
    }
    func delete(kind: String, key: String) throws { try catalog.deleteDocument(kind: kind, key: key) }
}
