import Alerting
import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The receiver that the demo's notifications reach: a real HTTP server that remembers what it was told.
final class WebhookReceiver: Service {
    struct Received: Sendable {
        var firing: Set<String> = []
        var resolved: Set<String> = []
    }

    private let port: Int
    private let received = Mutex(Received())
    private let tell: @Sendable (String) -> Void
    private let logger: Logger

    init(port: Int, logger: Logger, tell: @escaping @Sendable (String) -> Void) {
        self.port = port
        self.logger = logger
        self.tell = tell
    }

    var counts: (firing: Int, resolved: Int) { received.withLock { ($0.firing.count, $0.resolved.count) } }

    func run() async throws {
        let router = Router()
        router.post("/") { [self] request, _ in
            let body = try await request.body.collect(upTo: 16 << 20)
            let payload: WebhookPayload
            do { payload = try JSONDecoder().decode(WebhookPayload.self, from: Data(buffer: body)) } catch {
                throw HTTPError(.badRequest, message: "not a webhook payload: \(error)")
            }
            for alert in payload.alerts {
                let key = alert.fingerprint + alert.startsAt
                let isNew = received.withLock { state in
                    alert.status == "firing" ? state.firing.insert(key).inserted : state.resolved.insert(key).inserted
                }
                if isNew {
                    let name = alert.labels["alertname"] ?? ""
                    tell("webhook: \(alert.status) \(name): \(alert.annotations["summary"] ?? "")")
                }
            }
            return HTTPResponse.Status.ok
        }
        let app = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port), serverName: "receiver"),
            logger: logger)
        try await app.run()
    }
}
