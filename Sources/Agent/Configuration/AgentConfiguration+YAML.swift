import Endpoints
import Glibc
import Patterns
import Telemetry
import YAMLReading

extension AgentConfiguration {
    /// Reads a configuration file's text. Every complaint names file, line and column.
    package static func read(_ text: String, file: String) throws(YAMLError) -> AgentConfiguration {
        var configuration = AgentConfiguration()
        guard let node = try YAMLNode.read(text, file: file) else { return configuration }
        let keys = try node.mapping([
            "server", "data_dir", "listen", "labels", "host_label", "batch", "spool", "files", "docker", "journal",
            "inotify", "drain_timeout",
        ])
        if let server = keys["server"] { configuration.server = try readServer(server) }
        if let folder = keys["data_dir"] { configuration.dataFolder = folder.resolvedPath(try folder.string()) }
        if let listen = keys["listen"] {
            guard let address = address(try listen.string()) else {
                throw listen.error("\"\(try listen.string())\" is not an address; write for example 127.0.0.1:9080")
            }
            configuration.listen = address
        }
        configuration.labels = try labels(keys["labels"])
        if let label = keys["host_label"] {
            let name = try label.string()
            guard name.isEmpty || LabelNames.isValid(name) else { throw label.error("\"\(name)\" is not a label's name") }
            configuration.hostLabel = name.isEmpty ? nil : name
        }
        if let batch = keys["batch"] {
            let keys = try batch.mapping(["bytes", "wait"])
            if let bytes = keys["bytes"] { configuration.batch.bytes = try size(bytes, 1_024...(64 << 20)) }
            if let wait = keys["wait"] { configuration.batch.wait = max(1, try wait.duration()) }
        }
        if let spool = keys["spool"] {
            let keys = try spool.mapping(["size"])
            if let size = keys["size"] { configuration.spool.bytes = try self.size(size, (1 << 16)...(1 << 50)) }
        }
        if let wait = keys["drain_timeout"] { configuration.drainTimeout = try wait.duration() }
        configuration.usesInotify = try keys["inotify"]?.bool() ?? true
        for (index, node) in (try keys["files"]?.list() ?? []).enumerated() {
            configuration.files.append(try readFiles(node, name: "files[\(index)]"))
        }
        for (index, node) in (try keys["docker"]?.list() ?? []).enumerated() {
            configuration.files.append(try readDocker(node, name: "docker[\(index)]"))
        }
        for (index, node) in (try keys["journal"]?.list() ?? []).enumerated() {
            configuration.journals.append(try readJournal(node, index))
        }
        return configuration
    }

    /// `host:port`, `[::1]:port`, `:port`.
    package static func address(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return (host.isEmpty ? "0.0.0.0" : host, port)
    }

    private static func size(_ node: YAMLNode, _ range: ClosedRange<Int>) throws(YAMLError) -> Int {
        let size = try node.byteSize()
        guard range.contains(size) else {
            throw node.error("must be from \(range.lowerBound) to \(range.upperBound) bytes")
        }
        return size
    }

    private static func readServer(_ node: YAMLNode) throws(YAMLError) -> Server {
        let keys = try node.mapping(
            ["url", "tenant", "timeout", "min_backoff", "max_backoff"] + HTTPClientConfiguration.keys)
        var server = Server()
        if let url = keys["url"] {
            let text = try url.string()
            server.url = try url.checked { () throws(AgentError) in try pushURL(text) }
        }
        server.http = try HTTPClientConfiguration.read(keys)
        server.tenant = try keys["tenant"]?.string()
        if let timeout = keys["timeout"] { server.timeout = max(1, try timeout.duration()) }
        if let wait = keys["min_backoff"] { server.policy.minBackoff = max(1, try wait.duration()) }
        if let wait = keys["max_backoff"] { server.policy.maxBackoff = max(1, try wait.duration()) }
        return server
    }

    // MARK: Sources

    private static let treatmentKeys = [
        "labels", "environment", "relabel_configs", "multiline", "stages", "max_line",
    ]

    private static func readFiles(_ node: YAMLNode, name: String) throws(YAMLError) -> Files {
        let keys = try node.mapping(["paths", "exclude", "format", "path_labels", "start_at"] + treatmentKeys)
        var files = Files(name: name)
        guard let paths = keys["paths"] else { throw node.error("paths are missing: which files are to be read?") }
        files.include = try patterns(paths)
        if files.include.isEmpty { throw paths.error("there is no path in it") }
        if let exclude = keys["exclude"] { files.exclude = try patterns(exclude) }
        if let format = keys["format"] {
            let word = try format.string()
            guard let known = Format(rawValue: word) else {
                throw format.error("unknown format \"\(word)\"; it is one of plain, docker, cri, journal")
            }
            files.format = known
        }
        if let node = keys["path_labels"] { files.pathLabels = try pattern(node, wantsNames: true) }
        files.startsAtEnd = try startsAtEnd(keys["start_at"])
        files.treatment = try readTreatment(keys)
        return files
    }

    private static func readDocker(_ node: YAMLNode, name: String) throws(YAMLError) -> Files {
        let keys = try node.mapping(["path", "start_at"] + treatmentKeys)
        let root = try keys["path"]?.string() ?? "/var/lib/docker/containers"
        var files = try (keys["path"] ?? node).checked { () throws(AgentError) in
            try dockerFiles(name: name, root: root)
        }
        files.startsAtEnd = try startsAtEnd(keys["start_at"])
        files.treatment = try readTreatment(keys)
        return files
    }

    private static func readJournal(_ node: YAMLNode, _ index: Int) throws(YAMLError) -> Journal {
        let keys = try node.mapping(["name", "command", "matches", "start_at"] + treatmentKeys)
        var journal = Journal(name: try keys["name"]?.string() ?? "journal[\(index)]")
        if let command = keys["command"] {
            journal.command = try command.strings()
            if journal.command.isEmpty { throw command.error("names no program") }
        }
        // After the fields that journalctl itself takes: `_SYSTEMD_UNIT=nginx.service`.
        journal.command += try keys["matches"]?.strings() ?? []
        journal.startsAtEnd = try startsAtEnd(keys["start_at"])
        journal.treatment = try readTreatment(keys)
        return journal
    }

    private static func startsAtEnd(_ node: YAMLNode?) throws(YAMLError) -> Bool {
        guard let node else { return false }
        switch try node.string() {
        case "beginning": return false
        case "end": return true
        case let other: throw node.error("\"\(other)\" is not beginning or end")
        }
    }

    private static func readTreatment(_ keys: [String: YAMLNode]) throws(YAMLError) -> Treatment {
        var treatment = Treatment()
        treatment.labels = try labels(keys["labels"])
        for (name, node) in try keys["environment"]?.entries() ?? [] {
            guard LabelNames.isValid(name) else { throw node.error("\"\(name)\" is not a label's name") }
            if let value = getenv(try node.string()) { treatment.labels.append(Label(name, String(cString: value))) }
        }
        for node in try keys["relabel_configs"]?.list() ?? [] {
            treatment.relabelling.append(try RelabelRule.read(node))
        }
        if let node = keys["multiline"] { treatment.multiline = try StageReading.multiline(node) }
        for node in try keys["stages"]?.list() ?? [] { treatment.stages.append(try StageReading.stage(node)) }
        if let longest = keys["max_line"] { treatment.longestLine = try size(longest, 64...(16 << 20)) }
        return treatment
    }

    private static func labels(_ node: YAMLNode?) throws(YAMLError) -> [Label] {
        var out: [Label] = []
        for (name, value) in try node?.entries() ?? [] {
            guard LabelNames.isValid(name) else {
                throw value.error("\"\(name)\" is not a label's name: letters, digits and _, no digit first")
            }
            out.append(Label(name, try value.string()))
        }
        return out
    }

    private static func patterns(_ node: YAMLNode) throws(YAMLError) -> [PathPattern] {
        var out: [PathPattern] = []
        for node in node.isList ? try node.list() : [node] {
            let path = AgentConfiguration.absolute(node.resolvedPath(try node.string()))
            out.append(try node.checked { () throws(AgentError) in try PathPattern(path) })
        }
        return out
    }

    static func pattern(_ node: YAMLNode, wantsNames: Bool = false) throws(YAMLError) -> Pattern {
        let text = try node.string()
        let pattern = try node.checked { () throws(PatternError) in try Pattern(text) }
        if wantsNames {
            let names = pattern.captureNames.compactMap { $0 }
            guard !names.isEmpty else { throw node.error("has no named group; write (?P<label>…)") }
        }
        return pattern
    }
}

extension YAMLNode {
    /// What `body` says is wrong, with this node's place.
    func checked<T, Failure: Error>(_ body: () throws(Failure) -> T) throws(YAMLError) -> T {
        do throws(Failure) { return try body() } catch { throw self.error("\(error)") }
    }
}
