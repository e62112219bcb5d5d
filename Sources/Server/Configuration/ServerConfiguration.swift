import Alerting
import Foundation
import RemoteWriting
import Scraping
import Storage
import Telemetry
import Wire
import YAMLReading

/// The configuration file: a `prometheus.yml` as it is, plus sections of our own (`logql_rule_files`, `route`,
/// `receivers`, `templates`, `inhibit_rules` and `time_intervals` in Alertmanager's form, `retention`).
package struct ServerConfiguration: Sendable {
    package var scrapeDefaults = ScrapeDefaults()
    /// Milliseconds.
    package var evaluationInterval: Int64 = 60_000
    package var externalLabels = LabelSet.empty
    package var scrapes: [ScrapeConfiguration] = []
    package var remoteWrites: [RemoteWriteConfiguration] = []
    /// Patterns relative to ``folder``.
    package var ruleFiles: [String] = []
    /// The same for rules in LogQL.
    package var logRuleFiles: [String] = []
    package var alerting = AlertingConfiguration()
    package var otlp = OTLPTranslation()
    package var otlpLogs = OTLPLogMapping()
    package var retention = RetentionConfiguration()
    /// The folder of the file, to which other paths are relative.
    package var folder = "."
    /// The file as read, for `/api/v1/status/config`.
    package var text = ""
    /// Sections that were read but do nothing here yet.
    package var warnings: [String] = []

    package init() {}

    package static func load(path: String) throws -> ServerConfiguration {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw YAMLError(
                file: path,
                message:
                    "cannot be read: \(FileManager.default.fileExists(atPath: path) ? "\(error)" : "there is no such file")"
            )
        }
        // Not Foundation's: it traps on a path of one character.
        return try read(text, file: path, folder: parentFolder(of: path))
    }

    package static func read(_ text: String, file: String, folder: String = ".") throws(YAMLError)
        -> ServerConfiguration
    {
        var configuration = ServerConfiguration()
        configuration.folder = folder
        configuration.text = text
        guard let root = try YAMLNode.read(text, file: file) else { return configuration }
        let keys = try root.mapping(
            [
                "global", "runtime", "scrape_configs", "scrape_config_files", "rule_files", "logql_rule_files", "alerting", "remote_write",
                "remote_read", "otlp", "storage", "tracing", "retention",
            ] + AlertingConfiguration.notificationKeys)
        try configuration.readGlobal(keys["global"])
        try configuration.readScrapes(keys["scrape_configs"], files: keys["scrape_config_files"])
        configuration.ruleFiles = try keys["rule_files"]?.strings() ?? []
        configuration.logRuleFiles = try keys["logql_rule_files"]?.strings() ?? []
        configuration.alerting = try AlertingConfiguration.read(keys, file: file)
        configuration.remoteWrites = try RemoteWriteConfiguration.readAll(keys["remote_write"])
        try configuration.retention.read(keys)
        configuration.otlp = try OTLPTranslation.read(keys["otlp"])
        configuration.otlpLogs = try OTLPLogMapping.read(keys["otlp"])
        for section in ["remote_read", "tracing"] {
            guard let node = keys[section] else { continue }
            if node.isList, try node.list().isEmpty { continue }
            configuration.warnings.append("\(file):\(node.line ?? 0): section \(section) is not acted on yet")
        }
        return configuration
    }

    private mutating func readGlobal(_ node: YAMLNode?) throws(YAMLError) {
        guard let node else { return }
        let keys = try node.mapping(
            [
                "scrape_interval", "scrape_timeout", "evaluation_interval", "rule_query_offset", "external_labels",
                "query_log_file",
            ] + ScrapeSettings.keys)
        try scrapeDefaults.settings.read(keys)
        if let interval = try keys["scrape_interval"]?.duration(), interval > 0 { scrapeDefaults.interval = interval }
        if let timeout = try keys["scrape_timeout"]?.duration(), timeout > 0 {
            scrapeDefaults.timeout = timeout
            if timeout > scrapeDefaults.interval {
                throw (keys["scrape_timeout"] ?? node).error("global scrape timeout greater than scrape interval")
            }
        }
        scrapeDefaults.timeout = min(scrapeDefaults.timeout, scrapeDefaults.interval)
        if let interval = try keys["evaluation_interval"]?.duration(), interval > 0 { evaluationInterval = interval }
        if let labels = try keys["external_labels"]?.stringMapping() {
            externalLabels = LabelSet(labels.mapValues(ServerConfiguration.expandingVariables))
        }
    }

    /// `${NAME}` and `$NAME` from the environment, `$$` for a dollar: in external labels only, as Prometheus does.
    private static func expandingVariables(_ text: String) -> String {
        var out = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            out += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                out += "$"
                rest.removeFirst()
            } else if rest.first == "{", let close = rest.firstIndex(of: "}") {
                out += ProcessInfo.processInfo.environment[String(rest.dropFirst()[..<close])] ?? ""
                rest = rest[rest.index(after: close)...]
            } else {
                let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                out += name.isEmpty ? "$" : ProcessInfo.processInfo.environment[String(name)] ?? ""
                rest = rest.dropFirst(name.count)
            }
        }
        return out + rest
    }

    private mutating func readScrapes(_ node: YAMLNode?, files: YAMLNode?) throws(YAMLError) {
        var names: Set<String> = []
        for entry in try node?.list() ?? [] {
            let scrape = try ScrapeConfiguration.read(entry, defaults: scrapeDefaults)
            if !names.insert(scrape.jobName).inserted {
                throw entry.error("found multiple scrape configs with job name \"\(scrape.jobName)\"")
            }
            scrapes.append(scrape)
        }
        scrapes += try ScrapeConfigurationFiles.read(
            files?.list() ?? [], relativeTo: folder, defaults: scrapeDefaults, seen: &names)
    }
}
