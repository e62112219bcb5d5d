import Foundation
import YAMLReading

/// `scrape_config_files`: more jobs in files of their own, each a list under `scrape_configs`.
package enum ScrapeConfigurationFiles {
    /// Reads all files that the patterns name, in order. A pattern without wildcards must name a file that is there.
    /// `seen` are the names of jobs so far; a second job of one name is an error.
    package static func read(
        _ patterns: [YAMLNode], relativeTo base: String, defaults: ScrapeDefaults, seen: inout Set<String>
    ) throws(YAMLError) -> [ScrapeConfiguration] {
        var out: [ScrapeConfiguration] = []
        for pattern in patterns {
            let text = try pattern.string()
            let paths = FileDiscovery.paths(text.hasPrefix("/") ? text : "\(base)/\(text)")
            if paths.isEmpty, !text.contains(where: { "*?[".contains($0) }) {
                throw pattern.error("there is no file \(text)")
            }
            for path in paths {
                let content: String
                do { content = try String(contentsOfFile: path, encoding: .utf8) } catch {
                    throw pattern.error("\(path) cannot be read: \(error.localizedDescription)")
                }
                guard let root = try YAMLNode.read(content, file: path) else { continue }
                let keys = try root.mapping(["scrape_configs"])
                for entry in try keys["scrape_configs"]?.list() ?? [] {
                    let scrape = try ScrapeConfiguration.read(entry, defaults: defaults)
                    guard seen.insert(scrape.jobName).inserted else {
                        throw entry.error("found multiple scrape configs with job name \"\(scrape.jobName)\"")
                    }
                    out.append(scrape)
                }
            }
        }
        return out
    }
}
