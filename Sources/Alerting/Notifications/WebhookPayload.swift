import Foundation
import Telemetry

/// Alertmanager's webhook payload, version "4".
package struct WebhookPayload: Sendable, Codable {
    package struct Entry: Sendable, Codable {
        package var status: String
        package var labels: [String: String]
        package var annotations: [String: String]
        package var startsAt: String
        package var endsAt: String
        package var generatorURL: String
        package var fingerprint: String
    }

    package var version = "4"
    package var groupKey: String
    package var truncatedAlerts: Int
    package var status: String
    package var receiver: String
    package var groupLabels: [String: String]
    package var commonLabels: [String: String]
    package var commonAnnotations: [String: String]
    package var externalURL: String
    package var alerts: [Entry]

    package init(
        groupKey: String, groupLabels: LabelSet, receiver: String, externalURL: String, alerts: [Alert], maxAlerts: Int,
        at time: Int64
    ) {
        self.groupKey = groupKey
        self.receiver = receiver
        self.externalURL = externalURL
        self.groupLabels = groupLabels.dictionary
        let kept = maxAlerts > 0 ? Array(alerts.prefix(maxAlerts)) : alerts
        truncatedAlerts = alerts.count - kept.count
        status = alerts.contains { !$0.isResolved(at: time) } ? "firing" : "resolved"
        commonLabels = WebhookPayload.common(alerts.map(\.labels.dictionary))
        commonAnnotations = WebhookPayload.common(alerts.map(\.annotations))
        self.alerts = kept.map { alert in
            let resolved = alert.isResolved(at: time)
            return Entry(
                status: resolved ? "resolved" : "firing", labels: alert.labels.dictionary,
                annotations: alert.annotations,
                startsAt: RFC3339.format(milliseconds: alert.startsAt),
                // A firing alert has no end; Go's zero time says so.
                endsAt: resolved ? RFC3339.format(milliseconds: alert.endsAt) : "0001-01-01T00:00:00Z",
                generatorURL: alert.generatorURL,
                fingerprint: alert.fingerprint)
        }
    }

    private static func common(_ maps: [[String: String]]) -> [String: String] {
        guard var common = maps.first else { return [:] }
        for map in maps.dropFirst() { common = common.filter { map[$0.key] == $0.value } }
        return common
    }

    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
