import Endpoints
import Patterns
import Telemetry

/// All that the agent is told.
package struct AgentConfiguration: Sendable {
    /// Where entries go.
    package struct Server: Sendable {
        package var url = ""
        package var http = HTTPClientConfiguration()
        /// `X-Scope-OrgID`.
        package var tenant: String?
        /// Milliseconds.
        package var timeout: Int64 = 10_000
        package var policy = SendPolicy()
        package init() {}
    }

    package enum Format: String, Sendable, CaseIterable {
        case plain, docker, cri, journal
    }

    /// What every kind of source can say about its entries.
    package struct Treatment: Sendable {
        package var labels: [Label] = []
        package var relabelling: [RelabelRule] = []
        package var multiline: MultilineRule?
        package var stages: [Stage] = []
        package var longestLine = 256 << 10
        package init() {}
    }

    package struct Files: Sendable {
        /// For messages.
        package var name: String
        package var include: [PathPattern] = []
        package var exclude: [PathPattern] = []
        package var format = Format.plain
        package var treatment = Treatment()
        /// Its named groups become labels.
        package var pathLabels: Pattern?
        /// Files that are there at the very first start are read from their end.
        package var startsAtEnd = false
        package init(name: String) { self.name = name }
    }

    package struct Journal: Sendable {
        /// For messages, and the key of its cursor.
        package var name: String
        /// `--after-cursor` is added.
        package var command = Journal.defaultCommand
        package var treatment = Treatment()
        package var startsAtEnd = false
        package static let defaultCommand = ["journalctl", "-o", "export", "--follow"]
        package init(name: String) { self.name = name }
    }

    package var server = Server()
    package var dataFolder = "./needletail-agent"
    /// Host and port of `/metrics`.
    package var listen: (host: String, port: Int)?
    /// On every entry, where its source does not say otherwise.
    package var labels: [Label] = []
    /// The label with this machine's name.
    package var hostLabel: String? = "host"
    package var batch = BatchBuilder.Limits()
    package var spool = SpoolWriter.Limits()
    package var files: [Files] = []
    package var journals: [Journal] = []
    package var usesInotify = true
    /// Milliseconds that SIGTERM waits for the server to take what is in the spool.
    package var drainTimeout: Int64 = 5_000

    package init() {}

    /// Throws a sentence where something that is needed is missing.
    package func check() throws(AgentError) {
        guard !server.url.isEmpty else { throw AgentError("there is no server to send to: give --server or server.url") }
        guard !files.isEmpty || !journals.isEmpty else {
            throw AgentError("there is nothing to read: give --file, --docker or --journal, or files, docker or journal")
        }
    }

    /// The address of the push API: of a URL without a path, Loki's.
    package static func pushURL(_ text: String) throws(AgentError) -> String {
        let lower = text.lowercased()
        let rest: Substring
        if lower.hasPrefix("http://") {
            rest = text.dropFirst(7)
        } else if lower.hasPrefix("https://") {
            rest = text.dropFirst(8)
        } else {
            throw AgentError("\"\(text)\" is not an address: write http://host:port or https://host:port")
        }
        guard let first = rest.first, first != "/", first != ":", !rest.utf8.contains(0x20) else {
            throw AgentError("\"\(text)\" names no host")
        }
        guard let slash = rest.firstIndex(of: "/") else { return text + "/loki/api/v1/push" }
        if rest[slash...] == "/" { return text + "loki/api/v1/push" }
        return text
    }

    /// A path from the working directory on as one from the root on.
    package static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return Machine.workingFolder + "/" + rest
    }

    /// The containers' logs under Docker's folder.
    package static func dockerFiles(name: String, root: String) throws(AgentError) -> Files {
        var files = Files(name: name)
        files.format = .docker
        let root = root.hasSuffix("/") ? String(root.dropLast()) : root
        files.include = [try PathPattern(root + "/*/*-json.log*")]
        return files
    }
}
