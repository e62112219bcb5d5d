import Endpoints
import Telemetry
import Wire
import YAMLReading

/// What `global` says about scraping. Times in milliseconds.
package struct ScrapeDefaults: Sendable, Hashable {
    package var interval: Int64 = 60_000
    package var timeout: Int64 = 10_000
    package var settings = ScrapeSettings()
    package init() {}
}

/// A group of targets with labels in common.
package struct TargetGroup: Sendable, Hashable {
    package var targets: [String]
    package var labels: LabelSet
    package var source: String

    package init(targets: [String], labels: LabelSet, source: String) {
        self.targets = targets
        self.labels = labels
        self.source = source
    }

    static func read(_ node: YAMLNode) throws(YAMLError) -> TargetGroup {
        let keys = try node.mapping(["targets", "labels"])
        return TargetGroup(
            targets: try keys["targets"]?.strings() ?? [], labels: LabelSet(try keys["labels"]?.stringMapping() ?? [:]),
            source: node.path)
    }
}

/// One entry of `scrape_configs`.
package struct ScrapeConfiguration: Sendable {
    package var jobName: String
    package var interval: Int64
    package var timeout: Int64
    package var metricsPath = "/metrics"
    package var scheme = "http"
    package var parameters: [(name: String, values: [String])] = []
    package var honorLabels = false
    package var honorTimestamps = true
    package var trackTimestampsStaleness = false
    /// Nil where nothing is said: compressed, but for a target on this machine, where it only costs both sides time.
    package var enableCompression: Bool?
    package var fallbackProtocol: ScrapeProtocol?
    package var settings = ScrapeSettings()
    package var staticGroups: [TargetGroup] = []
    /// One for each entry of the `*_sd_configs` lists.
    package var discoveries: [any TargetDiscovery] = []
    /// The entries as written, as far as they were.
    package var discoverySources: [String] = []
    package var relabelRules: [RelabelRule] = []
    package var metricRelabelRules: [RelabelRule] = []
    package var http = HTTPClientConfiguration()
    /// Kinds of discovery that are configured but not built in yet; their targets are not scraped.
    package var unsupportedDiscovery: [String] = []
    /// The entry as written and its settings: a target whose entry changed is a new target after a reload.
    package var source = ""

    package init(jobName: String, defaults: ScrapeDefaults = ScrapeDefaults()) {
        self.jobName = jobName
        interval = defaults.interval
        timeout = defaults.timeout
        settings = defaults.settings
    }
}
