import Telemetry
import Wire
import YAMLReading

/// What `global` says for all jobs and each job may say for itself: protocols, forms of histograms, limits, names.
package struct ScrapeSettings: Sendable, Hashable {
    package enum NameValidation: String, Sendable, Hashable, CaseIterable { case utf8, legacy }

    /// Nil where nothing is said: Prometheus' standard, protobuf first where native histograms are scraped.
    package var protocols: [ScrapeProtocol]?
    package var histograms = HistogramReading()
    package var validation = NameValidation.utf8
    package var escaping: NameEscaping?
    /// 0 is no limit, of all limits.
    package var bodySizeLimit = 0
    package var sampleLimit = 0
    package var labelLimit = 0
    package var labelNameLengthLimit = 0
    package var labelValueLengthLimit = 0
    package var targetLimit = 0
    package var keepDroppedTargets = 0
    package var failureLogFile: String?
    package var extraScrapeMetrics = false
    /// `_created` samples of OpenMetrics are start timestamps of their metric, and no series. A key of our own,
    /// `scrape_start_timestamps: false`, makes them series as they were.
    package var startTimestamps = true

    package init() {}

    /// The keys that ``read(_:)`` knows.
    package static let keys = [
        "scrape_protocols", "scrape_native_histograms", "always_scrape_classic_histograms",
        "convert_classic_histograms_to_nhcb", "metric_name_validation_scheme", "metric_name_escaping_scheme",
        "body_size_limit", "sample_limit", "label_limit", "label_name_length_limit", "label_value_length_limit",
        "target_limit", "keep_dropped_targets", "scrape_failure_log_file", "extra_scrape_metrics",
        "scrape_start_timestamps",
    ]

    /// The protocols to ask for.
    package func protocols(native: Bool) -> [ScrapeProtocol] {
        protocols ?? (native ? ScrapeProtocol.standardWithNativeHistograms : ScrapeProtocol.standard)
    }

    package var escapingAsked: NameEscaping { escaping ?? (validation == .legacy ? .underscores : .allowUTF8) }

    /// Takes what the section says; what it does not mention stays.
    package mutating func read(_ keys: [String: YAMLNode]) throws(YAMLError) {
        if let node = keys["scrape_protocols"] { protocols = try ScrapeSettings.protocols(node) }
        try readHistograms(keys)
        if let node = keys["metric_name_validation_scheme"] {
            validation = try ScrapeSettings.choice(node, NameValidation.allCases.map(\.rawValue), NameValidation.init)
        }
        if let node = keys["metric_name_escaping_scheme"] {
            escaping = try ScrapeSettings.choice(node, NameEscaping.allCases.map(\.rawValue), NameEscaping.init)
        }
        if validation == .legacy, escaping == .allowUTF8 {
            let node = keys["metric_name_escaping_scheme"] ?? keys["metric_name_validation_scheme"]
            if let node { throw node.error("the escaping scheme allow-utf-8 needs the validation scheme utf8") }
        }
        if let node = keys["body_size_limit"] { bodySizeLimit = try node.byteSize() }
        try ScrapeSettings.limit(keys["sample_limit"], &sampleLimit)
        try ScrapeSettings.limit(keys["label_limit"], &labelLimit)
        try ScrapeSettings.limit(keys["label_name_length_limit"], &labelNameLengthLimit)
        try ScrapeSettings.limit(keys["label_value_length_limit"], &labelValueLengthLimit)
        try ScrapeSettings.limit(keys["target_limit"], &targetLimit)
        try ScrapeSettings.limit(keys["keep_dropped_targets"], &keepDroppedTargets)
        if let node = keys["scrape_failure_log_file"] { failureLogFile = try node.string() }
        if let node = keys["extra_scrape_metrics"] { extraScrapeMetrics = try node.bool() }
        if let node = keys["scrape_start_timestamps"] { startTimestamps = try node.bool() }
    }

    private mutating func readHistograms(_ keys: [String: YAMLNode]) throws(YAMLError) {
        if let node = keys["scrape_native_histograms"] { histograms.native = try node.bool() }
        if let node = keys["always_scrape_classic_histograms"] { histograms.alwaysClassic = try node.bool() }
        if let node = keys["convert_classic_histograms_to_nhcb"] { histograms.customBuckets = try node.bool() }
    }

    private static func protocols(_ node: YAMLNode) throws(YAMLError) -> [ScrapeProtocol] {
        var out: [ScrapeProtocol] = []
        for entry in try node.list() {
            let known = try choice(entry, ScrapeProtocol.allCases.map(\.rawValue), ScrapeProtocol.init)
            guard !out.contains(known) else { throw entry.error("\(known.rawValue) stands twice in scrape_protocols") }
            out.append(known)
        }
        guard !out.isEmpty else { throw node.error("scrape_protocols cannot be empty") }
        return out
    }

    static func choice<T>(
        _ node: YAMLNode, _ known: [String], _ make: (String) -> T?
    ) throws(YAMLError) -> T {
        let text = try node.string()
        guard let value = make(text) else {
            throw node.error("\"\(text)\" is none of \(known.joined(separator: ", "))")
        }
        return value
    }

    static func limit(_ node: YAMLNode?, _ limit: inout Int) throws(YAMLError) {
        guard let node else { return }
        let value = try node.integer()
        guard value >= 0 else { throw node.error("a limit must not be negative") }
        limit = value
    }
}
