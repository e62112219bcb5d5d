/// How many series may be in memory. A limit that is reached refuses new series and no old one.
package struct CardinalityLimits: Sendable, Hashable {
    /// Of one target: series with one `job` and `instance`.
    package var perTarget = 200_000
    /// Of one metric name.
    package var perMetric = 500_000
    /// Of the whole store. 0 is no limit, for the others too.
    package var total = 0

    package init() {}

    /// Series may take half of the memory, at 1.5 KiB for one with its labels, its open chunk and its share of the
    /// index; one target a quarter of that and one metric a third, so that two that explode leave room for the rest.
    package init(memoryLimit bytes: Int) {
        total = max(20_000, bytes / 2 / 1536)
        perTarget = min(perTarget, total / 4)
        perMetric = min(perMetric, total / 3)
    }
}

/// One that is over its limit at the moment.
package struct LimitedSubject: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable { case target, metric, store }
    package var kind: Kind
    /// `job="web", instance="a:80"` or the metric's name; empty for the whole store.
    package var name: String
    /// Series in memory.
    package var active: Int
    package var limit: Int
    /// About how many different series were refused in the last minutes.
    package var refusedSeries: Int
    /// How often a series was refused since the subject reached its limit: each scrape asks again.
    package var refusals: Int
    /// The label with the most values among the subject's new series.
    package var label: String
    /// About how many values that label has among them.
    package var labelValues: Int

    /// `target job="web", instance="a:80"`.
    package var subject: String { name.isEmpty ? "all series" : "\(kind.rawValue) \(name)" }

    package var sentence: String {
        let blame = label.isEmpty ? "" : "; its label \"\(label)\" has about \(labelValues) values among the new ones"
        let reason =
            limit > 0 && active >= limit
            ? "the limit of \(limit) series in memory is reached" : "the process is short of memory"
        return "\(subject): \(reason), about \(refusedSeries) new series are refused\(blame)"
    }
}
