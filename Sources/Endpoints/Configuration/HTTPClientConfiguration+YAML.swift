import YAMLReading

extension HTTPClientConfiguration {
    /// The keys that every section with an `http_config` inline takes.
    package static let keys =
        [
            "basic_auth", "authorization", "bearer_token", "bearer_token_file", "oauth2", "tls_config",
            "follow_redirects", "enable_http2", "http_headers",
        ] + ProxyConfiguration.keys

    /// Reads the keys above out of a mapping; others are left alone.
    package static func read(_ keys: [String: YAMLNode]) throws(YAMLError) -> HTTPClientConfiguration {
        var http = HTTPClientConfiguration()
        http.credentials = try readCredentials(keys)
        if let tls = keys["tls_config"] { http.tls = try TLSClientConfiguration.read(tls) }
        http.proxy = try ProxyConfiguration.read(keys)
        if let headers = keys["http_headers"] { http.headerFields = try readHeaders(headers) }
        http.followRedirects = try keys["follow_redirects"]?.bool() ?? true
        http.enableHTTP2 = try keys["enable_http2"]?.bool() ?? true
        return http
    }

    /// An `http_config` mapping of its own.
    package static func read(_ node: YAMLNode) throws(YAMLError) -> HTTPClientConfiguration {
        try read(node.mapping(keys))
    }

    private static func readCredentials(_ keys: [String: YAMLNode]) throws(YAMLError) -> Credentials? {
        let token = try keys["bearer_token"]?.string() ?? ""
        let tokenFile = try keys["bearer_token_file"]?.string() ?? ""
        let bearer = try Secret.read(
            keys["bearer_token"], keys["bearer_token_file"],
            "at most one of bearer_token & bearer_token_file must be configured")
        let bearerNode = token.isEmpty ? (tokenFile.isEmpty ? nil : keys["bearer_token_file"]) : keys["bearer_token"]
        if let bearerNode, keys["basic_auth"] != nil || keys["oauth2"] != nil {
            throw bearerNode.error(
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured")
        }
        if let node = keys["authorization"] {
            if let bearerNode {
                throw bearerNode.error("authorization is not compatible with bearer_token & bearer_token_file")
            }
            let (type, credentials) = try readAuthorization(node)
            if keys["basic_auth"] != nil || keys["oauth2"] != nil {
                throw node.error("at most one of basic_auth, oauth2 & authorization must be configured")
            }
            return .header(type: type, credentials: credentials)
        }
        if let node = keys["oauth2"] {
            if keys["basic_auth"] != nil {
                throw node.error("at most one of basic_auth, oauth2 & authorization must be configured")
            }
            return .oauth2(try OAuth2Configuration.read(node))
        }
        if let node = keys["basic_auth"] {
            let basic = try node.mapping(["username", "username_file", "password", "password_file"])
            return .basic(
                username: try Secret.read(
                    basic["username"], basic["username_file"],
                    "at most one of basic_auth username & username_file must be configured"),
                password: try Secret.read(
                    basic["password"], basic["password_file"],
                    "at most one of basic_auth password & password_file must be configured"))
        }
        return bearer.map { .header(type: "Bearer", credentials: $0) }
    }

    private static func readAuthorization(_ node: YAMLNode) throws(YAMLError) -> (type: String, Secret?) {
        let keys = try node.mapping(["type", "credentials", "credentials_file"])
        let credentials = try Secret.read(
            keys["credentials"], keys["credentials_file"],
            "at most one of authorization credentials & credentials_file must be configured")
        var type = trimmed(try keys["type"]?.string() ?? "")
        if type.isEmpty { type = "Bearer" }
        if type.lowercased() == "basic" {
            throw (keys["type"] ?? node).error(
                "authorization type cannot be set to \"basic\", use \"basic_auth\" instead")
        }
        return (type, credentials)
    }

    private static func trimmed(_ text: String) -> String {
        var rest = Substring(text)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }

    /// Headers that the protocol, or Prometheus itself, sets.
    private static let reserved: Set<String> = [
        "authorization", "host", "content-encoding", "content-length", "content-type", "user-agent", "connection",
        "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding",
        "x-prometheus-remote-write-version", "x-prometheus-remote-read-version", "x-prometheus-scrape-timeout-seconds",
        "x-amz-date", "x-amz-security-token", "x-amz-content-sha256",
    ]

    private static func readHeaders(_ node: YAMLNode) throws(YAMLError) -> [HeaderField] {
        var fields: [HeaderField] = []
        for (name, entry) in try node.entries() {
            let lower = name.lowercased()
            if reserved.contains(lower) { throw entry.error("setting header \"\(name)\" is not allowed") }
            if fields.contains(where: { $0.name.lowercased() == lower }) {
                throw entry.error("header \"\(name)\" is defined in multiple sections")
            }
            guard isToken(name) else { throw entry.error("\"\(name)\" is not a header name") }
            let keys = try entry.mapping(["values", "secrets", "files"])
            var values: [Secret] = []
            for text in try keys["values"]?.strings() ?? [] { values.append(.text(text)) }
            for text in try keys["secrets"]?.strings() ?? [] { values.append(.text(text)) }
            for file in try keys["files"]?.list() ?? [] { values.append(.file(file.resolvedPath(try file.string()))) }
            fields.append(HeaderField(name: name, values: values))
        }
        return fields
    }

    /// RFC 9110's token.
    static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }
}
