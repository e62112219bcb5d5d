import Telemetry

extension ScrapeAssembly {
    /// What a scrape says about itself.
    package struct Report: Sendable {
        package var scraped = 0
        package var kept = 0
        package var added = 0
        /// Samples left out because their series stood in the answer before.
        package var duplicates = 0
        /// Uncompressed; -1 where it reached its limit, 0 where there was none.
        package var bodySize = 0
        /// Why the scrape failed; nil when it did not.
        package var failure: String?
    }
}

/// The report series of one target, which have its labels and are not relabelled.
struct ReportSeries: Sendable {
    private static let names = [
        "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    ]
    private static let extraNames = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"]

    let labels: [LabelSet]
    let keys: [SeriesKey]
    private let timeout: Double
    private let sampleLimit: Double

    init(target: Target, settings: ScrapeSettings) {
        let names = ReportSeries.names + (settings.extraScrapeMetrics ? ReportSeries.extraNames : [])
        labels = names.map { target.labels.setting("__name__", to: $0) }
        keys = labels.map(ScrapeKeys.key)
        timeout = Double(target.timeout) / 1000
        sampleLimit = Double(settings.sampleLimit)
    }

    func values(_ report: ScrapeAssembly.Report, duration: Double) -> [Double] {
        let all = [
            report.failure == nil ? 1 : 0, duration, Double(report.scraped), Double(report.kept), Double(report.added),
            timeout, sampleLimit, Double(report.bodySize),
        ]
        return Array(all.prefix(labels.count))
    }
}
