import Endpoints
import Telemetry
import YAMLReading

extension ScrapeConfiguration {
    private static let keys =
        [
            "job_name", "scrape_interval", "scrape_timeout", "scrape_protocols", "fallback_scrape_protocol",
            "scrape_native_histograms", "scrape_classic_histograms", "always_scrape_classic_histograms",
            "convert_classic_histograms_to_nhcb", "metrics_path", "honor_labels", "honor_timestamps",
            "track_timestamps_staleness", "scheme", "params", "enable_compression", "scrape_failure_log_file",
            "static_configs", "relabel_configs", "metric_relabel_configs", "body_size_limit",
            "sample_limit", "label_limit", "label_name_length_limit", "label_value_length_limit", "target_limit",
            "keep_dropped_targets", "metric_name_validation_scheme", "metric_name_escaping_scheme",
            "native_histogram_bucket_limit", "native_histogram_min_bucket_factor", "extra_scrape_metrics",
        ] + DiscoveryKinds.keys + HTTPClientConfiguration.keys

    package static func read(_ node: YAMLNode, defaults: ScrapeDefaults) throws(YAMLError) -> ScrapeConfiguration {
        let keys = try node.mapping(keys)
        guard let job = try keys["job_name"]?.string(), !job.isEmpty else {
            throw node.error("job_name is empty or missing")
        }
        var scrape = ScrapeConfiguration(jobName: job, defaults: defaults)
        scrape.source = node.text
        if let interval = try keys["scrape_interval"]?.duration(), interval > 0 { scrape.interval = interval }
        if let timeout = try keys["scrape_timeout"]?.duration(), timeout > 0 {
            scrape.timeout = timeout
            if timeout > scrape.interval {
                throw (keys["scrape_timeout"] ?? node).error(
                    "scrape timeout greater than scrape interval for scrape config with job name \"\(job)\"")
            }
        } else {
            scrape.timeout = min(defaults.timeout, scrape.interval)
        }
        scrape.metricsPath = try keys["metrics_path"]?.string() ?? "/metrics"
        scrape.scheme = try keys["scheme"]?.string() ?? "http"
        guard scrape.scheme == "http" || scrape.scheme == "https" else {
            throw (keys["scheme"] ?? node).error("\"\(scrape.scheme)\" is neither http nor https")
        }
        scrape.honorLabels = try keys["honor_labels"]?.bool() ?? false
        scrape.honorTimestamps = try keys["honor_timestamps"]?.bool() ?? true
        scrape.trackTimestampsStaleness = try keys["track_timestamps_staleness"]?.bool() ?? false
        scrape.enableCompression = try keys["enable_compression"]?.bool() ?? true
        scrape.fallbackProtocol = try keys["fallback_scrape_protocol"]?.string()
        for (name, values) in try keys["params"]?.entries() ?? [] {
            scrape.parameters.append((name, try values.strings()))
        }
        for group in try keys["static_configs"]?.list() ?? [] {
            scrape.staticGroups.append(try checked(TargetGroup.read(group), at: group))
        }
        scrape.discoveries = try DiscoveryKinds.read(keys)
        for rule in try keys["relabel_configs"]?.list() ?? [] { scrape.relabelRules.append(try RelabelRule.read(rule)) }
        for rule in try keys["metric_relabel_configs"]?.list() ?? [] {
            scrape.metricRelabelRules.append(try RelabelRule.read(rule))
        }
        scrape.bodySizeLimit = try keys["body_size_limit"]?.byteSize() ?? 0
        scrape.sampleLimit = try keys["sample_limit"]?.integer() ?? 0
        scrape.labelLimit = try keys["label_limit"]?.integer() ?? 0
        scrape.labelNameLengthLimit = try keys["label_name_length_limit"]?.integer() ?? 0
        scrape.labelValueLengthLimit = try keys["label_value_length_limit"]?.integer() ?? 0
        scrape.targetLimit = try keys["target_limit"]?.integer() ?? 0
        scrape.http = try HTTPClientConfiguration.read(keys)
        scrape.unsupportedDiscovery = DiscoveryKinds.unsupported.filter { keys[$0] != nil }
        return scrape
    }

    private static func checked(_ group: TargetGroup, at node: YAMLNode) throws(YAMLError) -> TargetGroup {
        for target in group.targets where target.contains("/") {
            throw node.error("\"\(target)\" is not a valid hostname: write host:port, and the path in metrics_path")
        }
        return group
    }
}
