import AsyncHTTPClient
import Endpoints
import Foundation
import Logging
import NIOCore
import NIOHTTP1

/// Posts payloads, again and again where that can help.
struct WebhookSender: Sendable {
    let connections: EndpointConnections
    let logger: Logger

    struct Outcome: Sendable {
        var delivered = false
        var failedAttempts = 0
    }

    private enum Attempt {
        case delivered
        case failed(reason: String, retry: Bool, after: Int64?)
    }

    /// Tries until it is delivered, refused for good, or `deadline` (milliseconds) passes: waits of half a second
    /// growing by half, spread by half, a minute at most. 429 is tried again too, which Alertmanager's webhook does
    /// not.
    func send(
        _ payload: WebhookPayload, to webhook: Webhook, until deadline: Int64, now: @Sendable () -> Int64
    ) async -> Outcome {
        var outcome = Outcome()
        var wait = 500.0
        guard let body = try? payload.encoded() else { return outcome }
        while !Task.isCancelled {
            switch await attempt(body, webhook, limit: max(1000, deadline - now())) {
            case .delivered:
                outcome.delivered = true
                return outcome
            case .failed(let reason, let retry, let after):
                outcome.failedAttempts += 1
                logger.warning(
                    "webhook failed",
                    metadata: [
                        "receiver": "\(payload.receiver)", "reason": "\(reason)", "again": "\(retry)",
                        "attempt": "\(outcome.failedAttempts)",
                    ])
                let pause = after ?? Int64(wait * Double.random(in: 0.5...1.5))
                guard retry, now() + pause < deadline else { return outcome }
                try? await Task.sleep(for: .milliseconds(pause))
                wait = min(wait * 1.5, 60_000)
            }
        }
        return outcome
    }

    private func attempt(_ body: [UInt8], _ webhook: Webhook, limit: Int64) async -> Attempt {
        do {
            var request = HTTPClientRequest(url: try webhook.address())
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.headers.add(name: "User-Agent", value: "Alertmanager/0.28.0 (Needletail)")
            request.body = .bytes(ByteBuffer(bytes: body))
            let timeout = webhook.timeout > 0 ? min(webhook.timeout, limit) : limit
            let response = try await connections.client(webhook.http).collect(
                request, timeout: .milliseconds(timeout), limit: 1 << 20)
            let code = response.status.code
            if (200..<300).contains(code) { return .delivered }
            let after = response.headers.first(name: "Retry-After").flatMap { Int64($0) }
                // The receiver's word, so it is bounded before it is multiplied.
                .map { min(max($0, 0), 3600) * 1000 }
            return .failed(reason: "unexpected status code \(code)", retry: code >= 500 || code == 429, after: after)
        } catch {
            return .failed(reason: "\(error)", retry: !Task.isCancelled, after: nil)
        }
    }
}
