import Endpoints
import Storage
import Telemetry
import Wire

/// Turns what a target exposed into what is stored: target labels, metric relabelling, limits, staleness, report series.
///
/// Pure state: fed with bytes and times, it answers batches, so that a test drives it without a socket.
package struct ScrapeAssembly: Sendable {
    package struct Report: Sendable {
        package var scraped = 0
        package var kept = 0
        package var added = 0
        /// Why the scrape failed; nil when it did not.
        package var failure: String?
    }

    private let configuration: ScrapeConfiguration
    private let target: Target
    /// From the exposed labels to the stored ones; nil where relabelling drops the series.
    private var finalLabels: [LabelSet: LabelSet?] = [:]
    /// Series of the last good scrape that get a stale marker when they vanish.
    private var previous: Set<LabelSet> = []

    package init(configuration: ScrapeConfiguration, target: Target) {
        self.configuration = configuration
        self.target = target
    }

    /// The batch of a good answer. Where a limit or a parse error fails the scrape, the batch ends all series instead.
    package mutating func accept(
        _ body: [UInt8], format: ExpositionFormat, timestamp: Int64, duration: Double
    ) -> (batch: SeriesBatch, report: Report) {
        var report = Report()
        do {
            let parsed = try ExpositionParser.parse(body, format: format, defaultTimestamp: timestamp)
            let batch = try assemble(parsed, timestamp: timestamp, duration: duration, report: &report)
            return (batch, report)
        } catch {
            // What was counted before the limit struck is told: it says by how much the target is too large.
            return fail("\(error)", report, timestamp: timestamp, duration: duration)
        }
    }

    /// The batch of a scrape that failed: every series of the target ends, `up` is 0.
    package mutating func fail(
        _ reason: String, _ counted: Report = Report(), timestamp: Int64, duration: Double
    ) -> (batch: SeriesBatch, report: Report) {
        var batch = SeriesBatch()
        for labels in previous {
            batch.addSample(batch.addSeries(labels), timestamp: timestamp, value: SpecialValue.staleMarker)
        }
        previous = []
        var report = counted
        report.failure = reason
        addReport(report, up: 0, timestamp: timestamp, duration: duration, to: &batch)
        return (batch, report)
    }

    /// The batch that ends a target which is not scraped any more, its report series too.
    package mutating func end(timestamp: Int64) -> SeriesBatch {
        var batch = SeriesBatch()
        for labels in previous {
            batch.addSample(batch.addSeries(labels), timestamp: timestamp, value: SpecialValue.staleMarker)
        }
        for name in ScrapeAssembly.reportNames {
            let series = batch.addSeries(target.labels.setting("__name__", to: name))
            batch.addSample(series, timestamp: timestamp, value: SpecialValue.staleMarker)
        }
        previous = []
        return batch
    }

    private mutating func assemble(
        _ parsed: ExpositionResult, timestamp: Int64, duration: Double, report: inout Report
    ) throws -> SeriesBatch {
        var batch = SeriesBatch()
        batch.metadata = parsed.metadata
        var indexes: [LabelSet: UInt32] = [:]
        indexes.reserveCapacity(parsed.samples.count)
        var current: Set<LabelSet> = []
        current.reserveCapacity(parsed.samples.count)
        var kept: [LabelSet: LabelSet?] = [:]
        kept.reserveCapacity(parsed.samples.count)
        for sample in parsed.samples {
            report.scraped += 1
            let final: LabelSet?
            if let known = kept[sample.labels] ?? finalLabels[sample.labels] {
                final = known
            } else {
                final = try storedLabels(of: sample.labels)
            }
            kept[sample.labels] = .some(final)
            guard let labels = final else { continue }
            report.kept += 1
            if configuration.sampleLimit > 0 && report.kept > configuration.sampleLimit { continue }
            let hasOwnTime = configuration.honorTimestamps && sample.timestamp != nil
            let time = hasOwnTime ? sample.timestamp ?? timestamp : timestamp
            let series: UInt32
            if let known = indexes[labels] {
                series = known
            } else {
                series = batch.addSeries(labels)
                indexes[labels] = series
                if !previous.contains(labels) { report.added += 1 }
            }
            batch.addSample(series, timestamp: time, value: sample.value)
            if let exemplar = sample.exemplar {
                batch.exemplars.append(.init(series: series, exemplar: exemplar))
            }
            if !hasOwnTime || configuration.trackTimestampsStaleness { current.insert(labels) }
        }
        if configuration.sampleLimit > 0 && report.kept > configuration.sampleLimit {
            throw ScrapeFailure.limit("sample_limit of \(configuration.sampleLimit) exceeded")
        }
        for gone in previous where !current.contains(gone) && indexes[gone] == nil {
            batch.addSample(batch.addSeries(gone), timestamp: timestamp, value: SpecialValue.staleMarker)
        }
        finalLabels = kept
        previous = current
        addReport(report, up: 1, timestamp: timestamp, duration: duration, to: &batch)
        return batch
    }

    private func storedLabels(of exposed: LabelSet) throws -> LabelSet? {
        try checkLimits(exposed)
        var labels = exposed
        if configuration.honorLabels {
            target.labels.forEach { name, value in
                if exposed[name] == nil { labels = labels.setting(name, to: value) }
            }
        } else {
            target.labels.forEach { name, value in
                if let own = exposed[name] {
                    var renamed = "exported_" + name
                    while exposed[renamed] != nil || target.labels[renamed] != nil { renamed = "exported_" + renamed }
                    labels = labels.setting(renamed, to: own)
                }
                labels = labels.setting(name, to: value)
            }
        }
        guard let relabelled = configuration.metricRelabelRules.apply(labels) else { return nil }
        guard relabelled["__name__"] != nil else {
            throw ScrapeFailure.limit("metric relabelling left a series without a name: \(labels)")
        }
        return relabelled
    }

    private func checkLimits(_ labels: LabelSet) throws {
        let limits = configuration
        guard limits.labelLimit > 0 || limits.labelNameLengthLimit > 0 || limits.labelValueLengthLimit > 0 else {
            return
        }
        if limits.labelLimit > 0, labels.count + target.labels.count > limits.labelLimit {
            throw ScrapeFailure.limit("label_limit exceeded (metric: \(labels), limit: \(limits.labelLimit))")
        }
        try labels.forEach { name, value in
            if limits.labelNameLengthLimit > 0, name.utf8.count > limits.labelNameLengthLimit {
                throw ScrapeFailure.limit(
                    "label_name_length_limit exceeded (label name: \(name), limit: \(limits.labelNameLengthLimit))")
            }
            if limits.labelValueLengthLimit > 0, value.utf8.count > limits.labelValueLengthLimit {
                throw ScrapeFailure.limit(
                    "label_value_length_limit exceeded (label name: \(name), limit: \(limits.labelValueLengthLimit))")
            }
        }
    }

    private static let reportNames = [
        "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    ]

    private func addReport(
        _ report: Report, up: Double, timestamp: Int64, duration: Double, to batch: inout SeriesBatch
    ) {
        let values = [up, duration, Double(report.scraped), Double(report.kept), Double(report.added)]
        for (name, value) in zip(ScrapeAssembly.reportNames, values) {
            batch.addSample(
                batch.addSeries(target.labels.setting("__name__", to: name)), timestamp: timestamp, value: value)
        }
    }
}

enum ScrapeFailure: Error, CustomStringConvertible {
    case limit(String)
    case http(String)

    var description: String {
        switch self {
        case .limit(let text), .http(let text): text
        }
    }
}
