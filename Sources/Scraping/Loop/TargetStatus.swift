import Telemetry

/// How a target's last scrape went, for `/api/v1/targets`.
package struct TargetStatus: Sendable {
    package enum Health: String, Sendable { case unknown, up, down }

    package var target: Target
    package var job: String
    package var health = Health.unknown
    package var lastError = ""
    /// Milliseconds since 1970; nil before the first scrape.
    package var lastScrape: Int64?
    /// Seconds.
    package var lastDuration = 0.0
    package var samples = 0
    /// What the target says about its metrics, by family.
    package var metadata: [String: MetricMetadata] = [:]

    package init(target: Target, job: String) {
        self.target = target
        self.job = job
    }
}
