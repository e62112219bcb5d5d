import Endpoints
import Telemetry
import Wire
import YAMLReading

extension ScrapeConfiguration {
    private static let keys =
        [
            "job_name", "scrape_interval", "scrape_timeout", "fallback_scrape_protocol", "metrics_path", "honor_labels",
            "honor_timestamps", "track_timestamps_staleness", "scheme", "params", "enable_compression",
            "static_configs",
            "relabel_configs", "metric_relabel_configs", "native_histogram_bucket_limit",
            "native_histogram_min_bucket_factor",
        ] + ScrapeSettings.keys + DiscoveryKinds.keys + HTTPClientConfiguration.keys

    package static func read(_ node: YAMLNode, defaults: ScrapeDefaults) throws(YAMLError) -> ScrapeConfiguration {
        let keys = try node.mapping(keys)
        guard let job = try keys["job_name"]?.string(), !job.isEmpty else {
            throw node.error("job_name is empty or missing")
        }
        var scrape = ScrapeConfiguration(jobName: job, defaults: defaults)
        try scrape.readTimes(keys, node, defaults)
        scrape.metricsPath = try keys["metrics_path"]?.string() ?? "/metrics"
        scrape.scheme = try keys["scheme"]?.string() ?? "http"
        guard scrape.scheme == "http" || scrape.scheme == "https" else {
            throw (keys["scheme"] ?? node).error("\"\(scrape.scheme)\" is neither http nor https")
        }
        try scrape.readExposition(keys)
        for (name, values) in try keys["params"]?.entries() ?? [] {
            scrape.parameters.append((name, try values.strings()))
        }
        for group in try keys["static_configs"]?.list() ?? [] {
            scrape.staticGroups.append(try checked(TargetGroup.read(group), at: group))
        }
        (scrape.discoveries, scrape.discoverySources) = try DiscoveryKinds.read(keys)
        for rule in try keys["relabel_configs"]?.list() ?? [] { scrape.relabelRules.append(try RelabelRule.read(rule)) }
        for rule in try keys["metric_relabel_configs"]?.list() ?? [] {
            scrape.metricRelabelRules.append(try RelabelRule.read(rule))
        }
        scrape.http = try HTTPClientConfiguration.read(keys)
        // With what `global` lends it: a reload that changes only that also makes new targets.
        scrape.source = "\(node.text)\n\(scrape.settings)"
        scrape.unsupportedDiscovery = DiscoveryKinds.unsupported.filter { keys[$0] != nil }
        return scrape
    }

    private mutating func readTimes(
        _ keys: [String: YAMLNode], _ node: YAMLNode, _ defaults: ScrapeDefaults
    ) throws(YAMLError) {
        if let written = try keys["scrape_interval"]?.duration(), written > 0 { interval = written }
        guard let written = try keys["scrape_timeout"]?.duration(), written > 0 else {
            timeout = min(defaults.timeout, interval)
            return
        }
        timeout = written
        if written > interval {
            throw (keys["scrape_timeout"] ?? node).error(
                "scrape timeout greater than scrape interval for scrape config with job name \"\(jobName)\"")
        }
    }

    private mutating func readExposition(_ keys: [String: YAMLNode]) throws(YAMLError) {
        honorLabels = try keys["honor_labels"]?.bool() ?? false
        honorTimestamps = try keys["honor_timestamps"]?.bool() ?? true
        trackTimestampsStaleness = try keys["track_timestamps_staleness"]?.bool() ?? false
        enableCompression = try keys["enable_compression"]?.bool()
        if let node = keys["fallback_scrape_protocol"] {
            fallbackProtocol = try ScrapeSettings.choice(
                node, ScrapeProtocol.allCases.map(\.rawValue), ScrapeProtocol.init)
        }
        try settings.read(keys)
        try ScrapeSettings.limit(keys["native_histogram_bucket_limit"], &settings.histograms.bucketLimit)
        settings.histograms.minimalFactor = try keys["native_histogram_min_bucket_factor"]?.double() ?? 0
    }

    private static func checked(_ group: TargetGroup, at node: YAMLNode) throws(YAMLError) -> TargetGroup {
        for target in group.targets where target.contains("/") {
            throw node.error("\"\(target)\" is not a valid hostname: write host:port, and the path in metrics_path")
        }
        return group
    }
}
