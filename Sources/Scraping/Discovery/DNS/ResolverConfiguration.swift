import Foundation

/// What `/etc/resolv.conf` says.
package struct ResolverConfiguration: Sendable, Hashable {
    package struct Server: Sendable, Hashable, CustomStringConvertible {
        package var host: String
        package var port: Int
        package init(host: String, port: Int = 53) {
            self.host = host
            self.port = port
        }
        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    package var servers: [Server] = []
    package var searchDomains: [String] = []
    /// Names with at least so many dots are tried as they are first.
    package var dots = 1
    package var timeout = Duration.seconds(5)
    package var attempts = 2

    package init() {}

    package static func system(path: String = "/etc/resolv.conf") throws -> ResolverConfiguration {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw DiscoveryFailure("could not load resolv.conf: \(path) cannot be read")
        }
        return ResolverConfiguration(parsing: text)
    }

    package init(parsing text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let bare = line.prefix { $0 != "#" && $0 != ";" }
            let words = bare.split(whereSeparator: \.isWhitespace).map(String.init)
            guard words.count > 1 else { continue }
            switch words[0] {
            case "nameserver": servers.append(Server(host: words[1]))
            // The last of these lines wins.
            case "domain": searchDomains = [words[1]]
            case "search": searchDomains = Array(words.dropFirst())
            case "options": for option in words.dropFirst() { apply(option) }
            default: break
            }
        }
        // As resolv.conf(5): without a line for it the server is on this machine.
        if servers.isEmpty { servers = [Server(host: "127.0.0.1")] }
    }

    private mutating func apply(_ option: String) {
        let parts = option.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let value = Int(parts[1]) else { return }
        switch parts[0] {
        case "ndots": dots = min(max(0, value), 15)
        case "timeout": timeout = .seconds(min(max(1, value), 30))
        case "attempts": attempts = min(max(1, value), 5)
        default: break
        }
    }

    /// The full names to try for a name, in order.
    package func candidates(_ name: String) -> [String] {
        if name.hasSuffix(".") { return [name] }
        let own = name + "."
        let searched = searchDomains.map { domain in
            let bare = domain.hasSuffix(".") ? String(domain.dropLast()) : domain
            return bare.isEmpty ? own : "\(name).\(bare)."
        }
        return name.filter { $0 == "." }.count >= dots ? [own] + searched : searched + [own]
    }
}
