import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// The token of `oauth2`: asked for with our client credentials (RFC 6749, 4.4), kept until shortly before it expires.
/// Many requests at once ask for one token.
actor TokenSource {
    private struct Token {
        var text: String
        var expiry: ContinuousClock.Instant?
    }

    private let configuration: OAuth2Configuration
    private var current: Token?
    private var isAsking = false
    private var lastFailure: EndpointError?
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Some servers want the credentials in the form; which ones, only trying tells. Go's client does the same.
    private var putsCredentialsInForm = false

    /// As Go's client: a token that lives less than this is asked for anew.
    private static let margin = Duration.seconds(10)

    init(_ configuration: OAuth2Configuration) { self.configuration = configuration }

    func token(_ connections: EndpointConnections, deadline: NIODeadline, timeout: Duration) async throws -> String {
        while true {
            if let current, current.expiry.map({ $0 > .now }) ?? true { return current.text }
            if isAsking {
                await withCheckedContinuation { waiting.append($0) }
                try Task.checkCancellation()
                if !isAsking, let lastFailure { throw lastFailure }
                continue
            }
            isAsking = true
            lastFailure = nil
            defer {
                isAsking = false
                for continuation in waiting { continuation.resume() }
                waiting = []
            }
            do {
                let token = try await ask(connections, deadline, timeout)
                current = token
                return token.text
            } catch let error as EndpointError {
                lastFailure = error
                throw error
            }
        }
    }

    /// A token that was refused; another one that came meanwhile stays.
    func discard(_ token: String) {
        if current?.text == token { current = nil }
    }

    private func ask(_ connections: EndpointConnections, _ deadline: NIODeadline, _ timeout: Duration) async throws
        -> Token
    {
        var settings = HTTPClientConfiguration()
        settings.tls = configuration.tls
        settings.proxy = configuration.proxy
        let client = connections.client(settings)
        let secret = try configuration.clientSecret?.read("oauth2 client secret") ?? ""
        let left = deadline - NIODeadline.now()
        let patience = min(timeout, max(.milliseconds(1), .nanoseconds(left.nanoseconds)))
        var answer = try await post(client, secret, inForm: putsCredentialsInForm, patience)
        if !(200..<300).contains(answer.status.code), (400..<500).contains(answer.status.code) {
            let other = try await post(client, secret, inForm: !putsCredentialsInForm, patience)
            if (200..<300).contains(other.status.code) {
                putsCredentialsInForm.toggle()
                answer = other
            }
        }
        return try read(answer)
    }

    private func post(_ client: EndpointClient, _ secret: String, inForm: Bool, _ patience: Duration) async throws
        -> EndpointResponse
    {
        var form = [("grant_type", "client_credentials")]
        if !configuration.scopes.isEmpty { form.append(("scope", configuration.scopes.joined(separator: " "))) }
        for parameter in configuration.endpointParameters {
            form.removeAll { $0.0 == parameter.name }
            form.append((parameter.name, parameter.value))
        }
        var request = HTTPClientRequest(url: configuration.tokenURL)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "Accept", value: "application/json")
        if inForm {
            form.append(("client_id", configuration.clientID))
            if !secret.isEmpty { form.append(("client_secret", secret)) }
        } else {
            let pair = "\(FormEncoding.escape(configuration.clientID)):\(FormEncoding.escape(secret))"
            request.headers.add(name: "Authorization", value: "Basic \(Data(pair.utf8).base64EncodedString())")
        }
        let text = form.map { "\(FormEncoding.escape($0.0))=\(FormEncoding.escape($0.1))" }.joined(separator: "&")
        request.body = .bytes(ByteBuffer(string: text))
        return try await client.collect(request, timeout: patience, limit: 1 << 20)
    }

    private func read(_ answer: EndpointResponse) throws(EndpointError) -> Token {
        guard (200..<300).contains(answer.status.code) else {
            throw EndpointError(
                "oauth2: cannot fetch token: \(answer.status.code) \(answer.status.reasonPhrase): \(answer.text.prefix(200))"
            )
        }
        struct Answer: Decodable {
            var access_token: String?
            var expires_in: Lifetime?
        }
        /// Some servers write the number in quotes.
        struct Lifetime: Decodable {
            var seconds: Double
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                seconds = try (try? container.decode(Double.self)) ?? Double(container.decode(String.self)) ?? 0
            }
        }
        guard let parsed = try? JSONDecoder().decode(Answer.self, from: Data(answer.body)),
            let text = parsed.access_token, !text.isEmpty
        else { throw EndpointError("oauth2: server response missing access_token") }
        guard let seconds = parsed.expires_in?.seconds, seconds > 0, seconds < 1e9 else { return Token(text: text) }
        // A token that lives shorter than the margin still serves the request that asked for it.
        let kept = max(Duration.zero, .seconds(seconds) - Self.margin)
        return Token(text: text, expiry: .now + kept)
    }
}

/// `application/x-www-form-urlencoded`.
package enum FormEncoding {
    package static func escape(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || [45, 46, 95, 126].contains(byte)
            if isPlain {
                out.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return out
    }
}
