import Foundation
import YAMLReading

/// `proxy_url` and its kin: through which proxy, if any, a URL is reached.
package struct ProxyConfiguration: Sendable, Hashable {
    package struct Server: Sendable, Hashable {
        package enum Kind: Sendable, Hashable { case http, https, socks5 }
        package var kind: Kind
        package var host: String
        package var port: Int
        /// The value of `Proxy-Authorization`.
        package var authorization: String?

        package init(kind: Kind, host: String, port: Int, authorization: String? = nil) {
            self.kind = kind
            self.host = host
            self.port = port
            self.authorization = authorization
        }
    }

    package struct Header: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var server: Server?
    /// Go's rules: names with their subdomains, `.name` for subdomains only, addresses, networks, each with an optional
    /// port.
    package var exceptions: [String] = []
    package var isFromEnvironment = false
    package var connectHeaders: [Header] = []

    package init() {}

    package static let keys = ["proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header"]

    package static func read(_ keys: [String: YAMLNode]) throws(YAMLError) -> ProxyConfiguration {
        var proxy = ProxyConfiguration()
        let url = try keys["proxy_url"]?.string() ?? ""
        if let node = keys["proxy_url"], !url.isEmpty {
            do {
                proxy.server = try Server(parsing: url)
            } catch {
                throw node.error(error.description)
            }
        }
        let exceptions = try keys["no_proxy"]?.string() ?? ""
        proxy.exceptions = split(exceptions)
        proxy.isFromEnvironment = try keys["proxy_from_environment"]?.bool() ?? false
        for (name, value) in try keys["proxy_connect_header"]?.entries() ?? [] {
            guard HTTPClientConfiguration.isToken(name) else { throw value.error("\"\(name)\" is not a header name") }
            // Prometheus takes a list of values for each name.
            let values = value.isList ? try value.strings() : [try value.string()]
            for value in values { proxy.connectHeaders.append(Header(name: name, value: value)) }
        }
        if let node = keys["proxy_connect_header"], !proxy.connectHeaders.isEmpty, proxy.server == nil,
            !proxy.isFromEnvironment
        {
            throw node.error(
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured")
        }
        if let node = keys["proxy_from_environment"], proxy.isFromEnvironment {
            if proxy.server != nil {
                throw node.error("if proxy_from_environment is configured, proxy_url must not be configured")
            }
            if !exceptions.isEmpty {
                throw node.error("if proxy_from_environment is configured, no_proxy must not be configured")
            }
        }
        if let node = keys["no_proxy"], !exceptions.isEmpty, proxy.server == nil {
            throw node.error("if no_proxy is configured, proxy_url must also be configured")
        }
        return proxy
    }

    /// The proxy for a URL's scheme, host and port; nil goes straight there.
    func server(
        scheme: String, host: String, port: Int,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(EndpointError) -> Server? {
        if let server {
            guard !exceptions.isEmpty else { return server }
            return Self.isExcepted(host: host, port: port, from: exceptions) ? nil : server
        }
        guard isFromEnvironment else { return nil }
        func value(_ name: String) -> String? {
            [environment[name], environment[name.lowercased()]].compactMap(\.self).first { !$0.isEmpty }
        }
        guard let url = value(scheme == "https" ? "HTTPS_PROXY" : "HTTP_PROXY") else { return nil }
        if Self.isExcepted(host: host, port: port, from: Self.split(value("NO_PROXY") ?? "")) { return nil }
        return try Server(parsing: url)
    }

    private static func split(_ list: String) -> [String] {
        list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }.filter { !$0.isEmpty }
    }

    static func isExcepted(host: String, port: Int, from exceptions: [String]) -> Bool {
        let host = host.lowercased()
        let address = IPAddress(host)
        // As in Go: once there are rules at all, this machine is never reached through a proxy.
        if host == "localhost" || address?.isLoopback == true { return true }
        for rule in exceptions {
            if rule == "*" { return true }
            if rule.contains("/") {
                if let address, let network = IPNetwork(rule), network.contains(address) { return true }
                continue
            }
            var (name, rulePort) = splitPort(rule)
            if let rulePort, rulePort != port { continue }
            if let ruleAddress = IPAddress(name) {
                if ruleAddress == address { return true }
                continue
            }
            if name.hasPrefix("*.") { name.removeFirst() }
            if name.hasPrefix(".") {
                if host.hasSuffix(name) { return true }
            } else if host == name || host.hasSuffix("." + name) {
                return true
            }
        }
        return false
    }

    private static func splitPort(_ rule: String) -> (name: String, port: Int?) {
        if rule.hasPrefix("["), let close = rule.firstIndex(of: "]") {
            let name = String(rule[rule.index(after: rule.startIndex)..<close])
            return (name, Int(rule[close...].dropFirst(2)))
        }
        guard let colon = rule.lastIndex(of: ":"), !rule[..<colon].contains(":"),
            let port = Int(rule[rule.index(after: colon)...])
        else { return (rule, nil) }
        return (String(rule[..<colon]), port)
    }
}

extension ProxyConfiguration.Server {
    /// `http://user:password@host:port`; a text without a scheme is http, as Go reads the environment.
    init(parsing text: String) throws(EndpointError) {
        let whole = text.contains("://") ? text : "http://" + text
        guard let components = URLComponents(string: whole), let host = components.host, !host.isEmpty else {
            throw EndpointError("\"\(Self.redacted(text))\" is not a proxy's URL; write for example http://proxy:3128")
        }
        switch components.scheme?.lowercased() {
        case "http": (kind, port) = (.http, components.port ?? 80)
        case "https": (kind, port) = (.https, components.port ?? 443)
        case "socks5", "socks5h": (kind, port) = (.socks5, components.port ?? 1080)
        case let scheme:
            throw EndpointError("a proxy cannot be spoken to by \"\(scheme ?? "")\": use http, https or socks5")
        }
        guard (1...65_535).contains(port) else { throw EndpointError("the proxy's port \(port) is not 1 to 65535") }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        if let user = components.user {
            if kind == .socks5 { throw EndpointError("a SOCKS proxy with a user name is not supported") }
            authorization = "Basic " + Data("\(user):\(components.password ?? "")".utf8).base64EncodedString()
        }
    }

    private static func redacted(_ text: String) -> String {
        guard let at = text.lastIndex(of: "@") else { return text }
        return "…" + text[at...]
    }
}
