import Storage
import Telemetry

/// One rule with its memory between evaluations.
package struct RuleState: Sendable {
    package enum Health: String, Sendable { case unknown, ok, err }

    package var rule: Rule
    package var health = Health.unknown
    package var lastError = ""
    /// Seconds.
    package var evaluationDuration = 0.0
    /// Milliseconds since 1970; nil before the first.
    package var lastEvaluation: Int64?
    package var alerts = AlertRuleState()
    /// Series written at the last evaluation: what is missing at the next one gets a stale marker.
    var written: Set<LabelSet> = []

    package init(rule: Rule) { self.rule = rule }
}

/// What templates see besides labels and value.
package struct TemplateSurroundings: Sendable {
    package var externalLabels: LabelSet
    package var externalURL: String
    package init(externalLabels: LabelSet = .empty, externalURL: String = "") {
        self.externalLabels = externalLabels
        self.externalURL = externalURL
    }
}

enum RuleError: Error, CustomStringConvertible {
    case duplicateLabels(LabelSet)
    case overLimit(count: Int, limit: Int)

    var description: String {
        switch self {
        case .duplicateLabels(let labels):
            "vector contains metrics with the same labelset after applying rule labels: \(labels)"
        case .overLimit(let count, let limit): "exceeded limit of \(limit) with \(count) series or alerts"
        }
    }
}

extension RuleState {
    /// Evaluates at `time` (milliseconds) and answers what is to be stored. An error leaves the alerts as they are.
    package mutating func evaluate(
        at time: Int64, group: RuleGroup, language: any RuleQuerying, surroundings: TemplateSurroundings
    ) async throws -> SeriesBatch {
        let at = time - group.queryOffset
        let samples = try await language.instant(rule.expression, at: at)
        switch rule.kind {
        case .recording(let name): return try record(samples, as: name, at: at, limit: group.limit)
        case .alerting(let name, let hold, let keepFiring, let annotations):
            return try await alert(
                samples, name: name, hold: hold, keepFiring: keepFiring, annotations: annotations, at: at,
                limit: group.limit,
                language: language, surroundings: surroundings)
        }
    }

    private mutating func record(_ samples: [RuleSample], as name: String, at time: Int64, limit: Int) throws
        -> SeriesBatch
    {
        var series: [(LabelSet, Double)] = []
        var seen: Set<LabelSet> = []
        for sample in samples {
            var labels = sample.labels.setting("__name__", to: name)
            for (key, value) in rule.labels { labels = labels.setting(key, to: value) }
            guard seen.insert(labels).inserted else { throw RuleError.duplicateLabels(labels) }
            series.append((labels, sample.value))
        }
        if limit > 0 && series.count > limit { throw RuleError.overLimit(count: series.count, limit: limit) }
        return batch(series, at: time)
    }

    private mutating func alert(
        _ samples: [RuleSample], name: String, hold: Int64, keepFiring: Int64, annotations: [String: String],
        at time: Int64,
        limit: Int, language: any RuleQuerying, surroundings: TemplateSurroundings
    ) async throws -> SeriesBatch {
        var results: [AlertRuleState.Result] = []
        var seen: Set<LabelSet> = []
        for sample in samples {
            let template = AlertTemplate(
                labels: sample.labels, value: sample.value, time: time, surroundings: surroundings, language: language)
            var labels = sample.labels.droppingMetricName
            for (key, text) in rule.labels.sorted(by: { $0.key < $1.key }) {
                labels = labels.setting(key, to: await template.expand(text, name: name))
            }
            labels = labels.setting("alertname", to: name)
            guard seen.insert(labels).inserted else { throw RuleError.duplicateLabels(labels) }
            var expanded: [String: String] = [:]
            for (key, text) in annotations { expanded[key] = await template.expand(text, name: name) }
            results.append(.init(labels: labels, annotations: expanded, value: sample.value))
        }
        if limit > 0 && results.count > limit {
            alerts.clear()
            throw RuleError.overLimit(count: results.count, limit: limit)
        }
        alerts.update(results, at: time, hold: hold, keepFiring: keepFiring)
        var series: [(LabelSet, Double)] = []
        for alert in alerts.active {
            let labels = alert.labelSet
            series.append((labels.setting("__name__", to: "ALERTS").setting("alertstate", to: alert.state.rawValue), 1))
            series.append((labels.setting("__name__", to: "ALERTS_FOR_STATE"), Double(alert.activeAt / 1000)))
        }
        return batch(series, at: time)
    }

    private mutating func batch(_ series: [(LabelSet, Double)], at time: Int64) -> SeriesBatch {
        var batch = SeriesBatch()
        var current: Set<LabelSet> = []
        for (labels, value) in series {
            batch.addSample(batch.addSeries(labels), timestamp: time, value: value)
            current.insert(labels)
        }
        for gone in written.subtracting(current) {
            batch.addSample(batch.addSeries(gone), timestamp: time, value: SpecialValue.staleMarker)
        }
        written = current
        return batch
    }
}
