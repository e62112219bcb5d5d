import Scraping
import ServiceInstrumentation
import Storage

extension ServerProcess {
    /// What scraping says about itself, under Prometheus' names where it has them.
    func registerScrapeMetrics() {
        let registry = metrics.registry
        let up = registry.gauge("needletail_targets", help: "Scrape targets by health.")
        let rejected = registry.counter(
            "needletail_scrape_samples_rejected_total", help: "Scraped samples that were not stored, by reason.")
        let deltas = registry.gauge(
            "needletail_delta_series", help: "Series of OTLP delta metrics whose running totals are in memory.")
        let discovered = registry.gauge(
            "prometheus_sd_discovered_targets", help: "Targets that service discovery found, by job and kind.")
        let updates = registry.counter(
            "prometheus_sd_updates_total", help: "Answers of service discovery, by job and kind.")
        let failures = registry.counter(
            "prometheus_sd_refresh_failures_total", help: "Failures of service discovery, by job and mechanism.")
        let ingested = metrics.ingested
        registry.onCollect { [scrapes, gateway] in
            var counts: [String: Double] = ["up": 0, "down": 0, "unknown": 0]
            for target in scrapes.targets { counts[target.health.rawValue, default: 0] += 1 }
            for (health, count) in counts { up.set(count, ["health": health]) }
            ingested.set(Double(scrapes.storedSamples), ["signal": "metrics", "protocol": "scrape"])
            let reasons = scrapes.rejectedSamples
            for reason in RejectionReason.allCases {
                rejected.set(Double(reasons[reason] ?? 0), ["reason": reason.rawValue])
            }
            deltas.set(Double(gateway.deltaSeriesCount))
            for (key, sum) in discoverySums(scrapes.discovery.statuses) {
                discovered.set(Double(sum.targets), ["name": key.kind, "config": key.job])
                updates.set(Double(sum.updates), ["name": key.kind, "config": key.job])
                failures.set(Double(sum.failures), ["mechanism": key.kind, "config": key.job])
            }
        }
    }
}

private struct DiscoveryKey: Hashable {
    var job: String
    var kind: String
}

/// A job may have several entries of one kind, and a metric has one series for each label set.
private func discoverySums(
    _ statuses: [DiscoveryRunner.Status]
) -> [DiscoveryKey: (targets: Int, updates: Int, failures: Int)] {
    var sums: [DiscoveryKey: (targets: Int, updates: Int, failures: Int)] = [:]
    for status in statuses {
        let key = DiscoveryKey(job: status.job, kind: status.kind)
        sums[key, default: (0, 0, 0)].targets += status.targets
        sums[key, default: (0, 0, 0)].updates += status.updates
        sums[key, default: (0, 0, 0)].failures += status.failures
    }
    return sums
}
