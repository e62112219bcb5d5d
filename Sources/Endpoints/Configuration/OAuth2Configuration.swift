import YAMLReading

/// `oauth2`: client credentials with which a token is asked for.
package struct OAuth2Configuration: Sendable, Hashable {
    package var clientID: String
    package var clientSecret: Secret?
    package var scopes: [String] = []
    package var tokenURL: String
    /// More parameters of the token request, in the order of their names.
    package var endpointParameters: [Parameter] = []
    package var tls = TLSClientConfiguration()
    package var proxy = ProxyConfiguration()

    package struct Parameter: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(clientID: String, tokenURL: String) {
        self.clientID = clientID
        self.tokenURL = tokenURL
    }

    package static func read(_ node: YAMLNode) throws(YAMLError) -> OAuth2Configuration {
        let keys = try node.mapping(
            [
                "client_id", "client_secret", "client_secret_file", "scopes", "token_url", "endpoint_params",
                "tls_config",
            ] + ProxyConfiguration.keys)
        guard let id = try keys["client_id"]?.string(), !id.isEmpty else {
            throw node.error("oauth2 client_id must be configured")
        }
        guard let url = try keys["token_url"]?.string(), !url.isEmpty else {
            throw node.error("oauth2 token_url must be configured")
        }
        var oauth2 = OAuth2Configuration(clientID: id, tokenURL: url)
        oauth2.clientSecret = try Secret.read(
            keys["client_secret"], keys["client_secret_file"],
            "at most one of oauth2 client_secret & client_secret_file must be configured")
        oauth2.scopes = try keys["scopes"]?.strings() ?? []
        for (name, value) in try keys["endpoint_params"]?.stringMapping() ?? [:] {
            oauth2.endpointParameters.append(Parameter(name: name, value: value))
        }
        oauth2.endpointParameters.sort { $0.name < $1.name }
        if let tls = keys["tls_config"] { oauth2.tls = try TLSClientConfiguration.read(tls) }
        oauth2.proxy = try ProxyConfiguration.read(keys)
        return oauth2
    }
}
