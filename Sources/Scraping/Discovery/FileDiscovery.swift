import Endpoints
import Foundation
import Patterns
import Telemetry
import YAMLReading

/// `file_sd_configs`: target groups in YAML or JSON files (JSON is read as the YAML that it is).
package struct FileDiscovery: TargetDiscovery {
    package let kind = "file"
    /// Paths, relative ones already joined to the configuration's folder; the last part may have one `*`.
    package var patterns: [String]
    /// Every file is read again at least this often, changed or not.
    package var refreshInterval: Int64 = 300_000
    /// How often the files' size and time of change are looked at, milliseconds.
    package var watchInterval: Int64 = 3_000

    package init(patterns: [String]) { self.patterns = patterns }

    package static func read(_ node: YAMLNode) throws(YAMLError) -> FileDiscovery {
        let keys = try node.mapping(["files", "refresh_interval"])
        let list = try keys["files"]?.list() ?? []
        guard !list.isEmpty else {
            throw node.error("file service discovery config must contain at least one path name")
        }
        var patterns: [String] = []
        for entry in list {
            let pattern = try entry.string()
            guard isValid(pattern) else {
                throw entry.error(
                    "path name \"\(pattern)\" is not valid for file discovery: it must end in .json, .yml or .yaml, and only its last part may have one *"
                )
            }
            patterns.append(entry.resolvedPath(pattern))
        }
        var discovery = FileDiscovery(patterns: patterns)
        if let interval = try keys["refresh_interval"]?.duration(), interval > 0 {
            discovery.refreshInterval = interval
        }
        return discovery
    }

    /// Prometheus' own expression: `^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$`.
    private static func isValid(_ pattern: String) -> Bool {
        guard let dot = pattern.lastIndex(of: "."),
            ["json", "yml", "yaml", "JSON", "YML", "YAML"].contains(String(pattern[pattern.index(after: dot)...]))
        else { return false }
        let name = pattern[..<dot]
        guard let star = name.firstIndex(of: "*") else { return true }
        return !name[star...].contains("/")
    }

    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] {
        var memory = Memory()
        return refresh(&memory, rereadsAll: true, context)
    }

    package func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws {
        var memory = Memory()
        var sinceReread: Int64 = 0
        update(refresh(&memory, rereadsAll: true, context))
        // Looking at a few files' times costs less than a watch and also sees network and mounted folders.
        while true {
            try await Task.sleep(for: .milliseconds(watchInterval))
            sinceReread += watchInterval
            let rereadsAll = sinceReread >= refreshInterval
            if rereadsAll { sinceReread = 0 }
            let before = memory.groups
            let groups = refresh(&memory, rereadsAll: rereadsAll, context)
            if memory.groups != before { update(groups) }
        }
    }

    /// What was seen of each file, and the last good groups of it.
    private struct Memory {
        var seen: [String: FileStamp?] = [:]
        var groups: [String: [TargetGroup]] = [:]
    }

    private func refresh(_ memory: inout Memory, rereadsAll: Bool, _ context: DiscoveryContext) -> [TargetGroup] {
        var paths: [String] = []
        for path in patterns.flatMap({ Self.paths($0) }) where !paths.contains(path) { paths.append(path) }
        memory.groups = memory.groups.filter { paths.contains($0.key) }
        memory.seen = memory.seen.filter { paths.contains($0.key) }
        for path in paths {
            let seen = FileStamp(path: path)
            if !rereadsAll, let known = memory.seen[path], known == seen, seen?.isYoung != true { continue }
            memory.seen[path] = .some(seen)
            do {
                memory.groups[path] = try Self.groups(inFile: path)
            } catch {
                context.failed(DiscoveryFailure("\(path): \(error)"))
            }
        }
        return paths.flatMap { memory.groups[$0] ?? [] }
    }

    private static func groups(inFile path: String) throws -> [TargetGroup] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var found: [TargetGroup] = []
        for (i, node) in (try YAMLNode.read(text, file: path)?.list() ?? []).enumerated() {
            if node.isNull { throw node.error("nil target group item found") }
            var group = try TargetGroup.read(node)
            group.source = "\(path):\(i)"
            group.labels = group.labels.setting("__meta_filepath", to: path)
            found.append(group)
        }
        return found
    }

    /// The files that a pattern stands for, sorted.
    package static func paths(_ pattern: String) -> [String] {
        let whole = pattern.contains("/") ? pattern : "./" + pattern
        guard let slash = whole.lastIndex(of: "/") else { return [] }
        let folder = String(whole[..<slash])
        let name = String(whole[whole.index(after: slash)...])
        guard name.contains(where: { "*?[".contains($0) }) else {
            return FileManager.default.fileExists(atPath: pattern) ? [pattern] : []
        }
        guard let glob = Glob(name) else { return [] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "/" : folder)) ?? []
        let prefix = pattern.contains("/") ? folder + "/" : ""
        return names.filter { glob.matches($0) }.sorted().map { prefix + $0 }
    }
}
