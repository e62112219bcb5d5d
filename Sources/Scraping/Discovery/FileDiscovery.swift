import Foundation
import Patterns
import Telemetry
import YAMLReading

/// `file_sd_configs`: target groups in YAML or JSON files (JSON is read as the YAML that it is).
package enum FileDiscovery {
    /// The groups of all files that match, and a sentence for each file that cannot be read. Of such a file the caller
    /// keeps the groups it had.
    package static func read(_ patterns: [String], relativeTo base: String) -> (
        groups: [String: [TargetGroup]], problems: [String]
    ) {
        var groups: [String: [TargetGroup]] = [:]
        var problems: [String] = []
        for pattern in patterns {
            for path in paths(pattern, relativeTo: base) {
                do {
                    let text = try String(contentsOfFile: path, encoding: .utf8)
                    var found: [TargetGroup] = []
                    for (i, node) in (try YAMLNode.read(text, file: path)?.list() ?? []).enumerated() {
                        var group = try TargetGroup.read(node)
                        group.source = "\(path):\(i)"
                        group.labels = group.labels.setting("__meta_filepath", to: path)
                        found.append(group)
                    }
                    groups[path] = found
                } catch {
                    problems.append("file_sd: \(path): \(error)")
                }
            }
        }
        return (groups, problems)
    }

    /// Only the last part of a path may have wildcards, as upstream.
    package static func paths(_ pattern: String, relativeTo base: String) -> [String] {
        let whole = pattern.hasPrefix("/") ? pattern : base + "/" + pattern
        guard let slash = whole.lastIndex(of: "/") else { return [] }
        let folder = String(whole[..<slash])
        let name = String(whole[whole.index(after: slash)...])
        guard name.contains(where: { "*?[".contains($0) }) else {
            return FileManager.default.fileExists(atPath: whole) ? [whole] : []
        }
        guard let glob = Glob(name) else { return [] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "/" : folder)) ?? []
        return names.filter { glob.matches($0) }.sorted().map { "\(folder)/\($0)" }
    }
}
