import Endpoints
import Telemetry
import Wire
import YAMLReading

/// Something to scrape, after target relabelling.
package struct Target: Sendable, Hashable {
    /// Labels that every series of the target gets.
    package var labels: LabelSet
    /// Labels before relabelling, for the targets page.
    package var discoveredLabels: LabelSet
    package var url: String
    package var interval: Int64
    package var timeout: Int64
    /// The server listens on this socket; the URL says the rest.
    package var unixSocket: String?
    /// The configuration's, where relabelling did not change it.
    package var histograms = HistogramReading()

    package init(labels: LabelSet, discoveredLabels: LabelSet, url: String, interval: Int64, timeout: Int64) {
        self.labels = labels
        self.discoveredLabels = discoveredLabels
        self.url = url
        self.interval = interval
        self.timeout = timeout
    }

    private static let nativeLabel = "__scrape_native_histograms__"
    private static let customBucketsLabel = "__convert_classic_histograms_to_nhcb__"
    private static let classicLabel = "__always_scrape_classic_histograms__"

    /// Makes the targets of a configuration. Those that relabelling dropped come back apart, with their discovered
    /// labels.
    package static func resolve(
        _ configuration: ScrapeConfiguration, groups: [TargetGroup]
    ) -> (active: [Target], dropped: [LabelSet], problems: [String]) {
        var active: [Target] = []
        var dropped: [LabelSet] = []
        var problems: [String] = []
        // Targets are the same when their labels and address are; where they were found does not matter.
        var seen: Set<LabelSet> = []
        for group in groups {
            for address in group.targets {
                let discovered = discoveredLabels(address, group, configuration)
                do {
                    guard let target = try target(discovered, configuration) else {
                        dropped.append(discovered)
                        continue
                    }
                    if seen.insert(target.identity).inserted { active.append(target) }
                } catch {
                    problems.append("target \(address) of job \(configuration.jobName): \(error.reason)")
                }
            }
        }
        return (active, dropped, problems)
    }

    /// What relabelling begins with.
    private static func discoveredLabels(
        _ address: String, _ group: TargetGroup, _ configuration: ScrapeConfiguration
    ) -> LabelSet {
        var labels = group.labels.labels
        labels.append(Label("__address__", address))
        func fallback(_ name: String, _ value: String) {
            if group.labels[name] == nil { labels.append(Label(name, value)) }
        }
        fallback("job", configuration.jobName)
        fallback("__scheme__", configuration.scheme)
        fallback("__metrics_path__", configuration.metricsPath)
        fallback("__scrape_interval__", text(configuration.interval))
        fallback("__scrape_timeout__", text(configuration.timeout))
        let histograms = configuration.settings.histograms
        fallback(nativeLabel, "\(histograms.native)")
        fallback(customBucketsLabel, "\(histograms.customBuckets)")
        fallback(classicLabel, "\(histograms.alwaysClassic)")
        for (name, values) in configuration.parameters {
            if let first = values.first { fallback("__param_\(name)", first) }
        }
        return LabelSet(labels)
    }

    private struct Defect: Error {
        var reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// Nil where relabelling drops it.
    private static func target(
        _ discovered: LabelSet, _ configuration: ScrapeConfiguration
    ) throws(Defect) -> Target? {
        guard let relabelled = configuration.relabelRules.apply(discovered),
            let address = relabelled["__address__"], !address.isEmpty
        else { return nil }
        guard !address.contains("/") else { throw Defect("\"\(address)\" is not a valid hostname") }
        let interval = relabelled["__scrape_interval__"].flatMap(milliseconds) ?? 0
        let timeout = relabelled["__scrape_timeout__"].flatMap(milliseconds) ?? 0
        guard interval > 0, timeout > 0, timeout <= interval else {
            throw Defect(
                "scrape interval and timeout after relabelling must be durations, the timeout not the longer one")
        }
        var kept = relabelled.filter { !$0.hasPrefix("__") }
        if kept["instance"] == nil { kept = kept.setting("instance", to: address) }
        var target = Target(
            labels: kept, discoveredLabels: discovered, url: url(of: relabelled, address: address, configuration),
            interval: interval, timeout: timeout)
        target.unixSocket = relabelled["__unix_socket__"]
        target.histograms = configuration.settings.histograms
        target.histograms.native = try flag(relabelled, nativeLabel, target.histograms.native)
        target.histograms.customBuckets = try flag(relabelled, customBucketsLabel, target.histograms.customBuckets)
        target.histograms.alwaysClassic = try flag(relabelled, classicLabel, target.histograms.alwaysClassic)
        return target
    }

    private static func flag(_ labels: LabelSet, _ name: String, _ fallback: Bool) throws(Defect) -> Bool {
        guard let text = labels[name] else { return fallback }
        guard let value = Bool(text) else { throw Defect("\(name) must be true or false, and is \"\(text)\"") }
        return value
    }

    private static func url(of labels: LabelSet, address: String, _ configuration: ScrapeConfiguration) -> String {
        var query: [String] = []
        var first: Set<String> = []
        labels.forEach { name, value in
            if name.hasPrefix("__param_") {
                let key = String(name.dropFirst("__param_".count))
                first.insert(key)
                query.append("\(FormEncoding.escape(key))=\(FormEncoding.escape(value))")
            }
        }
        for (name, values) in configuration.parameters {
            for value in values.dropFirst(first.contains(name) ? 1 : 0) {
                query.append("\(FormEncoding.escape(name))=\(FormEncoding.escape(value))")
            }
        }
        let path = labels["__metrics_path__"] ?? "/metrics"
        let scheme = labels["__scheme__"] ?? "http"
        return "\(scheme)://\(address)\(path)" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    /// A place inside the interval that stays the same over restarts, so that targets do not all answer at once.
    package var offset: Int64 {
        Int64(identity.stableHash % UInt64(max(1, interval)))
    }

    private var identity: LabelSet { labels.setting("__url__", to: url) }
}

private func text(_ milliseconds: Int64) -> String { PrometheusDuration.format(milliseconds) }
private func milliseconds(_ text: String) -> Int64? { PrometheusDuration.parse(text) }
