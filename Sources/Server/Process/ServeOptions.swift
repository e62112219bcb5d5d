import PromQL
import Scraping

/// What the command line decides.
package struct ServeOptions: Sendable {
    /// nil runs without a file: self-scraping and the receivers.
    package var configurationFile: String?
    package var dataFolder = "./data"
    package var listen = ListenAddress(host: "127.0.0.1", port: 9090)
    package var otlpHTTP = ListenAddress(host: "127.0.0.1", port: 4318)
    package var otlpGRPC = ListenAddress(host: "127.0.0.1", port: 4317)
    /// Ways in for logs besides those of the main address; all off where nothing is said.
    package var logs = LogListenOptions()
    /// Where people reach this server; the listen address where it is nil.
    package var externalURL: String?
    /// fsync before each acknowledgement instead of every 100 ms.
    package var syncAlways = false
    /// Bytes that one query may hold.
    package var queryMemory = 512 << 20
    package var queryMaxSamples = 50_000_000
    /// Clients' queries that run at once; others wait.
    package var queryConcurrency = 20
    /// What is switched on of Prometheus' `--enable-feature`.
    package var queryFeatures: Set<QueryFeature> = []
    /// Bytes of the whole process. Nil: 60 % of the machine or the control group.
    package var memoryLimit: Int?
    /// Series in memory of one target, one metric and all together. Nil: what fits the memory limit. 0 is no limit.
    package var seriesLimitPerTarget: Int?
    package var seriesLimitPerMetric: Int?
    package var seriesLimit: Int?
    package var retention = RetentionConfiguration.Flags()
    /// Whether `/api/v1/admin/tsdb` answers; Prometheus' `--web.enable-admin-api`.
    package var enablesAdminAPI = false
    /// Whether `POST /-/quit` ends the process; Prometheus' `--web.enable-lifecycle`.
    package var enablesLifecycle = false
    /// Milliseconds.
    package var queryTimeout: Int64 = 120_000
    /// Largest request body, before and after decompression.
    package var bodyLimit = 64 << 20
    /// Scrape our own `/metrics` as job `needletail`; milliseconds between, 0 is off.
    package var selfScrapeInterval: Int64 = 15_000
    /// Used instead of a file: a configuration made by the program itself (the demo).
    package var builtConfiguration: ServerConfiguration?

    package init() {}
}
