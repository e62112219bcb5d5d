import Endpoints
import TestSupport
import Testing
import YAMLReading

@Suite struct HTTPClientConfigurationTests {
    private func read(_ yaml: String, file: String = "prometheus.yml") throws -> HTTPClientConfiguration {
        try HTTPClientConfiguration.read(#require(try YAMLNode.read(yaml, file: file)))
    }

    @Test func contradictionsAreToldInPrometheusWords() throws {
        let cases: [(yaml: String, message: String)] = [
            (
                "{bearer_token: a, bearer_token_file: b}",
                "at most one of bearer_token & bearer_token_file must be configured"
            ),
            (
                "{basic_auth: {username: a}, bearer_token: b}",
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured"
            ),
            (
                "{basic_auth: {username: a, password: b, password_file: c}}",
                "at most one of basic_auth password & password_file must be configured"
            ),
            (
                "{basic_auth: {username: a, username_file: b}}",
                "at most one of basic_auth username & username_file must be configured"
            ),
            (
                "{authorization: {credentials: a}, bearer_token: b}",
                "authorization is not compatible with bearer_token & bearer_token_file"
            ),
            (
                "{authorization: {credentials: a, credentials_file: b}}",
                "at most one of authorization credentials & credentials_file must be configured"
            ),
            (
                "{authorization: {type: ' Basic '}}",
                "authorization type cannot be set to \"basic\", use \"basic_auth\" instead"
            ),
            (
                "{authorization: {credentials: a}, basic_auth: {username: b}}",
                "at most one of basic_auth, oauth2 & authorization must be configured"
            ),
            (
                "{oauth2: {client_id: a, token_url: b}, basic_auth: {username: b}}",
                "at most one of basic_auth, oauth2 & authorization must be configured"
            ),
            ("{oauth2: {token_url: b}}", "oauth2 client_id must be configured"),
            ("{oauth2: {client_id: b}}", "oauth2 token_url must be configured"),
            (
                "{oauth2: {client_id: a, token_url: b, client_secret: c, client_secret_file: d}}",
                "at most one of oauth2 client_secret"
            ),
            ("{tls_config: {ca: a, ca_file: b}}", "at most one of ca & ca_file must be configured"),
            (
                "{tls_config: {cert_file: a}}",
                "exactly one of key or key_file must be configured when a client certificate is configured"
            ),
            (
                "{tls_config: {key_file: a}}",
                "exactly one of cert or cert_file must be configured when a client key is configured"
            ),
            ("{tls_config: {min_version: TLS9}}", "unknown TLS version: TLS9"),
            (
                "{tls_config: {min_version: TLS13, max_version: TLS12}}",
                "tls_config.max_version must be greater than or equal to tls_config.min_version"
            ),
            ("{no_proxy: a}", "if no_proxy is configured, proxy_url must also be configured"),
            (
                "{proxy_url: 'http://a', proxy_from_environment: true}",
                "if proxy_from_environment is configured, proxy_url must not be configured"
            ),
            (
                "{proxy_connect_header: {A: [b]}}",
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured"
            ),
            ("{proxy_url: 'ftp://a'}", "use http, https or socks5"),
            ("{proxy_url: 'http://a:70000'}", "70000"),
            ("{http_headers: {Host: {values: [a]}}}", "setting header \"Host\" is not allowed"),
            ("{http_headers: {X-A: {values: [a]}, x-a: {values: [b]}}}", "is defined in multiple sections"),
            ("{http_headers: {'X A': {values: [a]}}}", "is not a header name"),
            ("{tls_config: {server_name: 'a/b'}}", "is not a server's name"),
            ("{basic_auht: {}}", "did you mean \"basic_auth\""),
        ]
        for (yaml, message) in cases {
            do {
                _ = try read(yaml)
                Issue.record("\(yaml) was taken")
            } catch let error as YAMLError {
                #expect(error.description.contains(message), "\(yaml): \(error)")
                #expect(error.line == 1)
            }
        }
    }

    @Test func settingsAreReadAndSecretsComeFromFilesAsTheyAreNow() async throws {
        let whole = try read(
            """
            authorization: {type: Token, credentials: abc}
            tls_config: {ca_file: ca.pem, cert_file: /etc/cert.pem, key: K, server_name: db.local, min_version: TLS13}
            proxy_url: http://u:p@proxy:3128
            no_proxy: "a.example, 10.0.0.0/8"
            proxy_connect_header: {X-P: [one, two]}
            http_headers: {X-Scope: {values: [a, b], secrets: [c]}}
            follow_redirects: false
            enable_http2: false
            """, file: "/etc/needletail/prometheus.yml")
        #expect(whole.tls.authorities == .file("/etc/needletail/ca.pem"))
        #expect(whole.tls.certificate == .file("/etc/cert.pem") && whole.tls.key == .text("K"))
        #expect(whole.tls.serverName == "db.local" && whole.tls.minimumVersion == .tls13)
        #expect(whole.proxy.server?.host == "proxy" && whole.proxy.server?.port == 3128)
        #expect(whole.proxy.server?.authorization == "Basic dTpw")
        #expect(whole.proxy.exceptions == ["a.example", "10.0.0.0/8"])
        #expect(whole.proxy.connectHeaders.map(\.value) == ["one", "two"])
        #expect(try whole.headerLines().map(\.value) == ["a", "b", "c"])
        #expect(!whole.followRedirects && !whole.enableHTTP2)
        #expect(try whole.authorizationHeader() == "Token abc")
        let plain = try read("{}")
        #expect(plain == HTTPClientConfiguration() && plain.followRedirects && plain.enableHTTP2)
        #expect(try plain.authorizationHeader() == nil)
        #expect(try read("{bearer_token: t}").authorizationHeader() == "Bearer t")
        #expect(
            try read("{basic_auth: {username: Aladdin, password: 'open sesame'}}").authorizationHeader()
                == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")

        try await withTemporaryFolder { folder in
            let file = folder.appendingPathComponent("token").path
            let http = try read("{bearer_token_file: '\(file)'}")
            for secret in ["one", "two"] {
                try "  \(secret)\n".write(toFile: file, atomically: true, encoding: .utf8)
                #expect(try http.authorizationHeader() == "Bearer \(secret)")
            }
            let missing = try read("{bearer_token_file: '\(file).gone'}")
            do {
                _ = try missing.authorizationHeader()
                Issue.record("a missing file was read")
            } catch {
                #expect("\(error)".contains("unable to read authorization credentials: unable to read file"))
                #expect("\(error)".contains("no such file or directory"))
            }
        }
    }
}
