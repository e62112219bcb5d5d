import Foundation

/// How a target, a receiver or an API is spoken to: Prometheus' `http_config`.
package struct HTTPClientConfiguration: Sendable, Hashable {
    package enum Credentials: Sendable, Hashable {
        case basic(username: Secret?, password: Secret?)
        /// `Authorization: <type> <credentials>`.
        case header(type: String, credentials: Secret?)
        case oauth2(OAuth2Configuration)
    }

    /// A header of `http_headers`; several values become several lines.
    package struct HeaderField: Sendable, Hashable {
        package var name: String
        package var values: [Secret]

        package init(name: String, values: [Secret]) {
            self.name = name
            self.values = values
        }
    }

    package var credentials: Credentials?
    package var tls = TLSClientConfiguration()
    package var proxy = ProxyConfiguration()
    package var headerFields: [HeaderField] = []
    package var followRedirects = true
    package var enableHTTP2 = true

    package init() {}
}

extension HTTPClientConfiguration {
    /// The value of `Authorization`, nil where there is none or where a token must be asked for first (OAuth 2.0).
    package func authorizationHeader() throws -> String? {
        switch credentials {
        case .basic(let username, let password):
            let name = try username?.read("basic auth username") ?? ""
            let secret = try password?.read("basic auth password") ?? ""
            return "Basic " + Data("\(name):\(secret)".utf8).base64EncodedString()
        case .header(let type, let credentials):
            return "\(type) \(try credentials?.read("authorization credentials") ?? "")"
        case .oauth2, nil:
            return nil
        }
    }

    /// The header lines of `http_headers`, secrets and files included.
    package func headerLines() throws -> [(name: String, value: String)] {
        var lines: [(name: String, value: String)] = []
        for field in headerFields {
            for value in field.values { lines.append((field.name, try value.read("header \"\(field.name)\""))) }
        }
        return lines
    }

    /// The headers that are written in the configuration itself.
    package var headers: [String: String] {
        var out: [String: String] = [:]
        for field in headerFields {
            for case .text(let text) in field.values { out[field.name] = text }
        }
        return out
    }
}
