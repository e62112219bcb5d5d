import LogQL
import Storage
import Telemetry
import YAMLReading

/// How long and how much is kept.
package struct RetentionConfiguration: Sendable, Hashable {
    /// Of logs or traces.
    package struct Events: Sendable, Hashable {
        /// Milliseconds.
        package var time: Int64 = 15 * 86_400_000
        /// Bytes on the disk, 0 for any number.
        package var bytes = 0
        /// The first that matches a stream decides; ``time`` is for the others.
        package var rules: [Rule] = []
        package init() {}
    }

    package struct Rule: Sendable, Hashable {
        package var matchers: [Matcher]
        /// Milliseconds; nil: for ever.
        package var time: Int64?
    }

    /// Milliseconds.
    package var metrics: Int64 = 15 * 86_400_000
    /// Bytes that metrics may take on the disk, 0 for any number: `storage.tsdb.retention.size`.
    package var metricsBytes = 0
    /// The same as a share of the whole disk, 0 to 100.
    package var metricsPercentage = 0.0
    package var logs = Events()
    package var traces = Events()

    package init() {}

    /// What the command line says, which holds over the file.
    package struct Flags: Sendable, Hashable {
        /// Milliseconds.
        package var metrics: Int64?
        package var logs: Int64?
        package var traces: Int64?
        package var metricsBytes: Int?
        package var logsBytes: Int?
        package var tracesBytes: Int?
        package init() {}
    }

    package mutating func apply(_ flags: Flags) {
        metrics = flags.metrics ?? metrics
        metricsBytes = flags.metricsBytes ?? metricsBytes
        logs.time = flags.logs ?? logs.time
        logs.bytes = flags.logsBytes ?? logs.bytes
        traces.time = flags.traces ?? traces.time
        traces.bytes = flags.tracesBytes ?? traces.bytes
    }

    // MARK: The file

    mutating func read(_ keys: [String: YAMLNode]) throws(YAMLError) {
        if let storage = try keys["storage"]?.mapping(["tsdb", "exemplars"]),
            let tsdb = try storage["tsdb"]?.mapping([
                "out_of_order_time_window", "retention", "chunk_encoding", "stale_series_compaction_threshold",
            ]), let kept = try tsdb["retention"]?.mapping(["time", "size", "percentage"])
        {
            try readMetrics(kept)
        }
        guard let own = try keys["retention"]?.mapping(["metrics", "logs", "traces"]) else { return }
        if let node = own["metrics"] {
            if node.isMapping {
                try readMetrics(try node.mapping(["time", "size", "percentage"]))
            } else {
                metrics = try RetentionConfiguration.positive(node)
            }
        }
        if let node = own["logs"] { try logs.read(node) }
        if let node = own["traces"] { try traces.read(node) }
    }

    private mutating func readMetrics(_ kept: [String: YAMLNode]) throws(YAMLError) {
        if let time = kept["time"] { metrics = try RetentionConfiguration.positive(time) }
        if let size = kept["size"] { metricsBytes = try size.byteSize() }
        if let percentage = kept["percentage"] {
            let share = try percentage.double()
            guard share >= 0, share <= 100 else { throw percentage.error("must be from 0 to 100") }
            metricsPercentage = share
        }
    }

    fileprivate static func positive(_ node: YAMLNode) throws(YAMLError) -> Int64 {
        let time = try node.duration()
        guard time > 0 else { throw node.error("must be longer than nothing") }
        return time
    }
}

extension RetentionConfiguration.Events {
    /// A duration, or a mapping of `time`, `size` and `rules`.
    fileprivate mutating func read(_ node: YAMLNode) throws(YAMLError) {
        guard node.isMapping else {
            time = try RetentionConfiguration.positive(node)
            return
        }
        let keys = try node.mapping(["time", "size", "rules"])
        if let node = keys["time"] { time = try RetentionConfiguration.positive(node) }
        if let node = keys["size"] { bytes = try node.byteSize() }
        for rule in try keys["rules"]?.list() ?? [] {
            let keys = try rule.mapping(["selector", "time"])
            guard let selector = keys["selector"], let time = keys["time"] else {
                throw rule.error("a rule has a selector and a time")
            }
            let text = try selector.string()
            let matchers: [Matcher]
            do { matchers = try LogQLEngine.parseSelector(text) } catch {
                throw selector.error("\"\(text)\" is not a selector: \(error)")
            }
            let isForever = try time.string() == "forever"
            rules.append(
                RetentionConfiguration.Rule(
                    matchers: matchers, time: isForever ? nil : try RetentionConfiguration.positive(time)))
        }
    }

    /// What the store is told at a time (milliseconds since 1970); empty where one time holds for all.
    package func storeRules(now: Int64) -> [EventRetentionRule] {
        guard !rules.isEmpty else { return [] }
        return rules.map { rule in
            EventRetentionRule(matchers: rule.matchers, after: Self.nanoseconds(before: now, rule.time))
        } + [EventRetentionRule(after: Self.nanoseconds(before: now, time))]
    }

    /// What is older is over by every rule; nanoseconds since 1970.
    package func earliest(now: Int64) -> Int64 {
        if rules.contains(where: { $0.time == nil }) { return .min }
        return Self.nanoseconds(before: now, rules.reduce(time) { max($0, $1.time ?? 0) })
    }

    private static func nanoseconds(before now: Int64, _ time: Int64?) -> Int64 {
        guard let time else { return .min }
        let (milliseconds, isTooEarly) = now.subtractingReportingOverflow(time)
        let (nanoseconds, isTooFar) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return isTooEarly || isTooFar ? .min : nanoseconds
    }
}
