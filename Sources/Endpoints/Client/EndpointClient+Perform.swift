import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension EndpointClient {
    /// As Prometheus (Go): ten and no more.
    private static let redirectLimit = 10

    func perform(_ request: HTTPClientRequest, deadline: NIODeadline, timeout: Duration) async throws
        -> HTTPClientResponse
    {
        try await perform(request, deadline: deadline, timeout: timeout) { client, prepared in
            try await client.execute(prepared, deadline: deadline)
        }
    }

    /// `exchange` sends one request with the library's client and answers with at least the head.
    func perform<Answer: EndpointAnswer>(
        _ request: HTTPClientRequest, deadline: NIODeadline, timeout: Duration,
        _ exchange: (HTTPClient, HTTPClientRequest) async throws -> Answer
    ) async throws -> Answer {
        var current = request
        var carriesCredentials = true
        var redirects = 0
        var hasNewToken = false
        while true {
            var token: String?
            if carriesCredentials, current.headers["authorization"].isEmpty, let tokens = endpoint.tokens {
                token = try await tokens.token(connections, deadline: deadline, timeout: timeout)
            }
            let response = try await send(
                current, token: token, carriesCredentials: carriesCredentials, timeout: timeout, exchange)
            if response.status == .unauthorized, let token, let tokens = endpoint.tokens, !hasNewToken {
                // Revoked before its time: ask for another one, once.
                hasNewToken = true
                await tokens.discard(token)
                continue
            }
            guard endpoint.configuration.followRedirects,
                let next = try Self.redirect(current, response, &carriesCredentials, endpoint.configuration)
            else { return response }
            redirects += 1
            guard redirects <= Self.redirectLimit else {
                throw EndpointError(
                    "\(request.method.rawValue) \"\(request.shownURL)\": stopped after \(Self.redirectLimit) redirects")
            }
            current = next
        }
    }

    private func send<Answer: EndpointAnswer>(
        _ request: HTTPClientRequest, token: String?, carriesCredentials: Bool, timeout: Duration,
        _ exchange: (HTTPClient, HTTPClientRequest) async throws -> Answer
    ) async throws -> Answer {
        var prepared = request
        if carriesCredentials {
            let lines = try endpoint.configuration.headerLines()
            for (name, _) in lines { prepared.headers.remove(name: name) }
            for (name, value) in lines { prepared.headers.add(name: name, value: value) }
            if prepared.headers["authorization"].isEmpty,
                let authorization = try token.map({ "Bearer \($0)" }) ?? endpoint.configuration.authorizationHeader(),
                URLComponents(string: prepared.url)?.user == nil
            {
                prepared.headers.add(name: "Authorization", value: authorization)
            }
        }
        let configuration = endpoint.configuration
        let route = try Self.route(
            &prepared, serverName: configuration.tls.serverName, proxy: configuration.proxy,
            allowsHTTP2: configuration.enableHTTP2)
        prepared.tlsConfiguration = try endpoint.tlsConfiguration()
        let client = try await connections.client(for: route)
        do {
            return try await exchange(client, prepared)
        } catch  where Self.isLostConnection(error) && (request.method == .GET || request.method == .HEAD) {
            // The server closed a kept connection just as we used it.
            do {
                return try await exchange(client, prepared)
            } catch {
                throw Self.sentence(error, request, timeout)
            }
        } catch {
            throw Self.sentence(error, request, timeout)
        }
    }

    private static func isLostConnection(_ error: any Error) -> Bool {
        if let error = error as? HTTPClientError { return error == .remoteConnectionClosed }
        if let error = error as? ChannelError { return error == .ioOnClosedChannel || error == .eof }
        if let error = error as? IOError { return error.errnoCode == ECONNRESET || error.errnoCode == EPIPE }
        return false
    }

    // MARK: Routes

    /// Chooses the connection for a request, and rewrites its URL where the library needs that.
    static func route(
        _ request: inout HTTPClientRequest, serverName: String?, proxy: ProxyConfiguration, allowsHTTP2: Bool
    ) throws(EndpointError) -> EndpointConnections.Route {
        var route = EndpointConnections.Route(allowsHTTP2: allowsHTTP2)
        if serverName == nil, proxy == ProxyConfiguration(), isPlain(request.url) { return route }
        guard var components = URLComponents(string: request.url), let scheme = components.scheme?.lowercased() else {
            throw EndpointError("\"\(request.shownURL)\" is not a URL")
        }
        if scheme.hasSuffix("+unix") || scheme == "unix" { return route }
        guard scheme == "http" || scheme == "https" else {
            throw EndpointError("\"\(request.shownURL)\": unsupported protocol scheme \"\(scheme)\"")
        }
        guard let host = components.host, !host.isEmpty else {
            throw EndpointError("\"\(request.shownURL)\": no Host in request URL")
        }
        if let user = components.user {
            // As Go: a name and password in the URL are basic authentication, and no part of what is connected to.
            if request.headers["authorization"].isEmpty {
                let pair = Data("\(user):\(components.password ?? "")".utf8)
                request.headers.add(name: "Authorization", value: "Basic \(pair.base64EncodedString())")
            }
            components.user = nil
            components.password = nil
            request.url = components.string ?? request.url
        }
        let port = components.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(port) else { throw EndpointError("\"\(request.shownURL)\": invalid port \(port)") }
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        let server = try proxy.server(scheme: scheme, host: bare, port: port)
        if let server, scheme == "http", server.kind != .socks5 {
            let shown = components.port.map { "\(host):\($0)" } ?? host
            if request.headers["host"].isEmpty { request.headers.add(name: "Host", value: shown) }
            components.scheme = server.kind == .https ? "https" : "http"
            components.host = server.host.contains(":") ? "[\(server.host)]" : server.host
            components.port = server.port
            request.url = components.string ?? request.url
            route.forwarding = .init(authorization: server.authorization)
            return route
        }
        if let server { route.tunnel = try tunnel(server, proxy.connectHeaders) }
        if let serverName, scheme == "https", serverName.lowercased() != bare.lowercased() {
            guard server == nil else {
                throw EndpointError("\"\(request.shownURL)\": server_name cannot be used through a proxy")
            }
            let shown = components.port.map { "\(host):\($0)" } ?? host
            if request.headers["host"].isEmpty { request.headers.add(name: "Host", value: shown) }
            route.address = .init(name: serverName, host: bare)
            components.host = serverName
            request.url = components.string ?? request.url
        }
        return route
    }

    /// Whether the URL is `http://`, a name or an IPv4 address, perhaps a port, and nothing odd: nearly every target's, and
    /// taking it apart at each scrape would cost as much as reading some hundred samples.
    private static func isPlain(_ url: String) -> Bool {
        guard url.utf8.starts(with: "http://".utf8) else { return false }
        var port: Int?
        var isEmpty = true
        for byte in url.utf8.dropFirst(7) {
            if byte == UInt8(ascii: "/") { break }
            if let digits = port {
                guard (48...57).contains(byte), digits < 65_536 else { return false }
                port = digits * 10 + Int(byte) - 48
            } else if byte == UInt8(ascii: ":") {
                guard !isEmpty else { return false }
                port = 0
            } else {
                let isLetter = (97...122).contains(byte | 0x20)
                guard isLetter || (48...57).contains(byte) || byte == 45 || byte == 46 else { return false }
                isEmpty = false
            }
        }
        return !isEmpty && (port.map { (1...65_535).contains($0) } ?? true)
    }

    private static func tunnel(
        _ server: ProxyConfiguration.Server, _ headers: [ProxyConfiguration.Header]
    ) throws(EndpointError) -> HTTPClient.Configuration.Proxy {
        switch server.kind {
        case .socks5: return .socksServer(host: server.host, port: server.port)
        case .https:
            throw EndpointError(
                "an https proxy (\(server.host):\(server.port)) can only pass on plain HTTP; use an http proxy for TLS")
        case .http:
            let authorization = server.authorization.flatMap { value in
                value.hasPrefix("Basic ")
                    ? HTTPClient.Authorization.basic(credentials: String(value.dropFirst(6))) : nil
            }
            return .server(
                host: server.host, port: server.port, authorization: authorization,
                connectHeaders: HTTPHeaders(headers.map { ($0.name, $0.value) }))
        }
    }
}
