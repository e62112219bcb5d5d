import Foundation

/// Which targets a server shall scrape, in the form that all of them read.
struct ScrapeConfiguration: Sendable {
    struct Target: Sendable {
        var address: String
        var labels: [(name: String, value: String)]
    }
    var intervalSeconds: Int
    var targets: [Target]

    /// A Prometheus configuration; nil is one without targets.
    static func text(_ scrape: ScrapeConfiguration?) -> String {
        guard let scrape else { return "scrape_configs: []\n" }
        var text =
            "global:\n  scrape_interval: \(scrape.intervalSeconds)s\n  scrape_timeout: \(scrape.intervalSeconds)s\n"
        text += "scrape_configs:\n- job_name: shop\n  static_configs:\n"
        for target in scrape.targets {
            text += "  - targets: [\"\(target.address)\"]\n    labels:\n"
            for label in target.labels { text += "      \(label.name): \"\(label.value)\"\n" }
        }
        return text
    }
}

struct DiskFigures: Codable {
    /// What a sample costs: the compacted data, its index included.
    var compactedBytes: Int
    /// The whole folder at that moment: journals, caches and the rest.
    var folderBytes: Int
    var how: String
}

/// One of the programs that are measured.
protocol MeasuredServer {
    var name: String { get }
    /// A path, or a name that is looked up in PATH.
    var program: String { get }
    /// Writes what configuration it needs into `folder`.
    func arguments(folder: URL, port: Int, scrape: ScrapeConfiguration?) throws -> [String]
    /// Without a journal a crash takes what was not flushed; its disk is measured while all of the data is there.
    var isCompactedBeforeRestart: Bool { get }
    /// Brings the data into the form in which it stays.
    func compact(_ running: RunningServer) throws -> DiskFigures
}

extension MeasuredServer {
    var isCompactedBeforeRestart: Bool { false }

    /// Where the program is, nil where it is not installed.
    var location: String? {
        if program.contains("/") { return access(program, X_OK) == 0 ? program : nil }
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") {
            let path = "\(folder)/\(program)"
            if access(path, X_OK) == 0 { return path }
        }
        return nil
    }
}
