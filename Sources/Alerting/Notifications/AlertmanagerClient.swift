import AsyncHTTPClient
import Endpoints
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Telemetry

/// Posts alerts to the Alertmanagers of `alerting.alertmanagers`, as Prometheus does: a lost batch is covered by the
/// resend.
package struct AlertmanagerClient: Sendable {
    private let connections: EndpointConnections
    private let logger: Logger

    package init(connections: EndpointConnections, logger: Logger) {
        self.connections = connections
        self.logger = logger
    }

    private struct Posted: Codable {
        var labels: [String: String]
        var annotations: [String: String]
        var startsAt: String
        var endsAt: String
        var generatorURL: String
    }

    package func send(_ alerts: [Alert], to configuration: AlertingConfiguration) async {
        let relabelled = alerts.compactMap { alert -> Posted? in
            guard let labels = configuration.alertRelabelRules.apply(alert.labels) else { return nil }
            return Posted(
                labels: labels.dictionary, annotations: alert.annotations,
                startsAt: RFC3339.format(milliseconds: alert.startsAt),
                endsAt: RFC3339.format(milliseconds: alert.endsAt), generatorURL: alert.generatorURL)
        }
        guard !relabelled.isEmpty else { return }
        await withDiscardingTaskGroup { group in
            for endpoint in configuration.alertmanagers {
                for start in stride(from: 0, to: relabelled.count, by: 256) {
                    let batch = Array(relabelled[start..<min(start + 256, relabelled.count)])
                    group.addTask { await post(batch, to: endpoint) }
                }
            }
        }
    }

    private func post(_ alerts: [Posted], to endpoint: AlertmanagerEndpoint) async {
        do {
            var request = HTTPClientRequest(url: endpoint.url)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(alerts)))
            let response = try await connections.client(endpoint.http).collect(
                request, timeout: .milliseconds(endpoint.timeout), limit: 1 << 16)
            guard (200..<300).contains(response.status.code) else {
                logger.warning(
                    "an Alertmanager refused alerts",
                    metadata: [
                        "url": "\(endpoint.url)", "status": "\(response.status.code)",
                        "answer": "\(response.text.prefix(300))",
                    ])
                return
            }
        } catch {
            logger.warning(
                "an Alertmanager cannot be reached", metadata: ["url": "\(endpoint.url)", "error": "\(error)"])
        }
    }
}
