import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL

/// Why a request got no answer, as one sentence that names it.
package struct EndpointError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    /// No answer in time, as against a refusal.
    package let isTimeout: Bool

    /// The answer was longer than its reader wanted.
    package let isTooLong: Bool

    package init(_ description: String, isTimeout: Bool = false, isTooLong: Bool = false) {
        self.description = description
        self.isTimeout = isTimeout
        self.isTooLong = isTooLong
    }

    static func tooLong(_ request: HTTPClientRequest, _ limit: Int) -> EndpointError {
        EndpointError(
            "\(verb(request)) \"\(request.shownURL)\": the answer is larger than \(limit) bytes", isTooLong: true)
    }

    static func timedOut(_ request: HTTPClientRequest, _ timeout: Duration) -> EndpointError {
        let (seconds, attoseconds) = timeout.components
        let milliseconds = seconds &* 1_000 &+ attoseconds / 1_000_000_000_000_000
        let text = milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
        // Prometheus' own words come first: people search for them.
        return EndpointError(
            "\(verb(request)) \"\(request.shownURL)\": context deadline exceeded (no answer within \(text))",
            isTimeout: true)
    }

    /// Go writes the method as a word.
    fileprivate static func verb(_ request: HTTPClientRequest) -> String {
        let name = request.method.rawValue
        return name.prefix(1) + name.dropFirst().lowercased()
    }
}

extension HTTPClientRequest {
    /// The URL for messages: a password in it is not shown.
    var shownURL: String {
        guard url.utf8.contains(UInt8(ascii: "@")), var components = URLComponents(string: url),
            components.password != nil
        else { return url }
        components.password = "xxxxx"
        return components.string ?? url
    }
}

extension EndpointClient {
    /// The library's error as a sentence; cancellation stays what it is.
    static func sentence(_ error: any Error, _ request: HTTPClientRequest, _ timeout: Duration) -> any Error {
        switch error {
        case let error as EndpointError: return error
        case is CancellationError: return error
        case let error as HTTPClientError where error == .cancelled: return CancellationError()
        case let error as HTTPClientError
        where [
            .deadlineExceeded, .readTimeout, .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout,
            .httpProxyHandshakeTimeout, .socksHandshakeTimeout,
        ].contains(error):
            return EndpointError.timedOut(request, timeout)
        default:
            guard let text = words(for: error, request) else { return error }
            return EndpointError("\(EndpointError.verb(request)) \"\(request.shownURL)\": \(text)")
        }
    }

    /// Nil for errors that are not the network's: what the reader of a body threw is its own.
    private static func words(for error: any Error, _ request: HTTPClientRequest) -> String? {
        switch error {
        case let error as HTTPClientError:
            if error == .remoteConnectionClosed { return "EOF: the server closed the connection without an answer" }
            if error == .proxyAuthenticationRequired { return "the proxy wants a user name and password (407)" }
            if error == .invalidProxyResponse { return "the proxy refused to connect" }
            if error == .alreadyShutdown { return "the client was shut down" }
            return "\(error)"
        case let error as NIOSSLError:
            return "tls: \(tlsWords("\(error)"))"
        case let error as NIOSSLExtraError:
            return "tls: \(tlsWords("\(error)"))"
        case let error as IOError:
            return dialWords("\(error)", request)
        case let error as ChannelError:
            return error == .connectTimeout(.zero) ? "dial: i/o timeout" : "the connection failed: \(error)"
        default:
            return libraryWords("\(error)", type: "\(type(of: error))", request)
        }
    }

    /// Some of the library's errors have types that only a lower package names.
    private static func libraryWords(_ text: String, type: String, _ request: HTTPClientRequest) -> String? {
        if type == "NIOConnectionError" { return dialWords(text, request) }
        if type == "DecompressionError" { return "the answer says that it is compressed and is not: \(text)" }
        if text.contains("CERTIFICATE") || type.contains("SSL") { return "tls: \(tlsWords(text))" }
        return type.hasPrefix("NIO") || type == "HTTPParserError" ? text : nil
    }

    /// A connection that was not made, and to where.
    private static func dialWords(_ text: String, _ request: HTTPClientRequest) -> String {
        let url = URLComponents(string: request.url)
        let host = url?.host ?? ""
        if text.contains("UnknownHost") || text.contains("not known") || text.contains("connectionErrors: []") {
            return "dial tcp: lookup \(host): no such host"
        }
        let words = connectWords(text)
        guard words.hasPrefix("connect:") else { return words }
        let isUnix = url?.scheme?.hasSuffix("unix") == true
        let port = url?.port ?? (url?.scheme == "https" ? 443 : 80)
        return isUnix ? "dial unix \(host): \(words)" : "dial tcp \(host):\(port): \(words)"
    }

    private static func connectWords(_ text: String) -> String {
        if text.contains("Connection refused") { return "connect: connection refused" }
        if text.contains("No such file") { return "connect: no such file or directory" }
        if text.contains("Permission denied") { return "connect: permission denied" }
        if text.contains("No route") || text.contains("unreachable") { return "connect: no route to host" }
        if text.contains("reset by peer") { return "connection reset by peer" }
        return text
    }

    private static func tlsWords(_ text: String) -> String {
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return
                "failed to verify certificate: it is not signed by a known authority, or expired; set ca_file or insecure_skip_verify in tls_config"
        }
        if text.contains("failedToValidateHostname") || text.contains("noCertificateToValidate")
            || text.contains("unableToValidateCertificate")
        {
            return "failed to verify certificate: it is not for this host's name; set server_name in tls_config"
        }
        if text.contains("WRONG_VERSION_NUMBER") {
            return "first record does not look like a TLS handshake: the server speaks plain HTTP, or another protocol"
        }
        if text.contains("CERTIFICATE_REQUIRED") {
            return "remote error: certificate required; set cert_file and key_file"
        }
        return text
    }
}
