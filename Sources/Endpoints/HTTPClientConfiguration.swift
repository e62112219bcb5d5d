import Foundation
import YAMLReading

/// How a target or a receiver is spoken to.
package struct HTTPClientConfiguration: Sendable, Hashable {
    package var username: String?
    package var password: String?
    package var passwordFile: String?
    /// `Authorization: <type> <credentials>`.
    package var authorizationType: String?
    package var credentials: String?
    package var credentialsFile: String?
    package var headers: [String: String] = [:]
    package var followRedirects = true
    package var insecureSkipVerify = false
    package var caFile: String?
    package var serverName: String?

    package init() {}

    package static let keys = [
        "basic_auth", "authorization", "bearer_token", "bearer_token_file", "tls_config", "follow_redirects",
        "enable_http2",
        "http_headers", "oauth2", "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header",
    ]

    package static func read(_ keys: [String: YAMLNode]) throws(YAMLError) -> HTTPClientConfiguration {
        var http = HTTPClientConfiguration()
        if let basic = try keys["basic_auth"]?.mapping(["username", "username_file", "password", "password_file"]) {
            http.username = try basic["username"]?.string() ?? ""
            http.password = try basic["password"]?.string()
            http.passwordFile = try basic["password_file"]?.string()
        }
        if let node = keys["authorization"] {
            let authorization = try node.mapping(["type", "credentials", "credentials_file"])
            http.authorizationType = try authorization["type"]?.string() ?? "Bearer"
            http.credentials = try authorization["credentials"]?.string()
            http.credentialsFile = try authorization["credentials_file"]?.string()
            if keys["basic_auth"] != nil {
                throw node.error("at most one of basic_auth, oauth2 & authorization must be configured")
            }
        }
        if let token = try keys["bearer_token"]?.string() {
            http.authorizationType = "Bearer"
            http.credentials = token
        }
        if let file = try keys["bearer_token_file"]?.string() {
            http.authorizationType = "Bearer"
            http.credentialsFile = file
        }
        if let redirects = try keys["follow_redirects"]?.bool() { http.followRedirects = redirects }
        if let tls = try keys["tls_config"]?.mapping([
            "ca", "ca_file", "cert", "cert_file", "key", "key_file", "server_name", "insecure_skip_verify",
            "min_version",
            "max_version",
        ]) {
            http.insecureSkipVerify = try tls["insecure_skip_verify"]?.bool() ?? false
            http.caFile = try tls["ca_file"]?.string()
            http.serverName = try tls["server_name"]?.string()
            for key in ["ca", "cert", "cert_file", "key", "key_file"] {
                if let node = tls[key] {
                    throw node.error("client certificates and inline authorities are not supported yet")
                }
            }
        }
        if let headers = keys["http_headers"] {
            for (name, value) in try headers.entries() {
                let keys = try value.mapping(["values", "secrets", "files"])
                http.headers[name] = (try keys["values"]?.strings() ?? []).joined(separator: ",")
            }
        }
        for key in ["oauth2", "proxy_url"] {
            if let node = keys[key] { throw node.error("\(key) is not supported yet") }
        }
        return http
    }
}

extension HTTPClientConfiguration {
    /// The value of `Authorization`; files are read at every use, so that a rotated secret needs no reload.
    package func authorizationHeader() throws -> String? {
        func read(_ file: String) throws -> String {
            try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        if let username {
            let secret = try passwordFile.map(read) ?? password ?? ""
            return "Basic " + Data("\(username):\(secret)".utf8).base64EncodedString()
        }
        if let authorizationType {
            return try authorizationType + " " + (credentialsFile.map(read) ?? credentials ?? "")
        }
        return nil
    }
}
