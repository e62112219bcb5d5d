import Endpoints
import Telemetry
import YAMLReading

/// The parts of the configuration about alerts: `alerting` of a `prometheus.yml` (Alertmanagers to send to), and
/// Alertmanager's own `route` and `receivers` for the notifications that we send ourselves.
package struct AlertingConfiguration: Sendable {
    package var alertmanagers: [AlertmanagerEndpoint] = []
    package var alertRelabelRules: [RelabelRule] = []
    package var route: Route?
    package var receivers: [Receiver] = []
    package var inhibitRules: [InhibitRule] = []
    /// Milliseconds: how long an alert from outside without an end lives.
    package var resolveTimeout: Int64 = 300_000

    package init() {}

    package static let notificationKeys = [
        "route", "receivers", "inhibit_rules", "templates", "time_intervals", "mute_time_intervals",
    ]

    package static func read(_ keys: [String: YAMLNode], file: String) throws(YAMLError) -> AlertingConfiguration {
        var out = AlertingConfiguration()
        if let alerting = try keys["alerting"]?.mapping(["alert_relabel_configs", "alertmanagers"]) {
            for rule in try alerting["alert_relabel_configs"]?.list() ?? [] {
                out.alertRelabelRules.append(try RelabelRule.read(rule))
            }
            for node in try alerting["alertmanagers"]?.list() ?? [] {
                out.alertmanagers += try AlertmanagerEndpoint.read(node)
            }
        }
        for node in try keys["receivers"]?.list() ?? [] {
            let receiver = try Receiver.read(node)
            if out.receivers.contains(where: { $0.name == receiver.name }) {
                throw node.error("notification config name \"\(receiver.name)\" is not unique")
            }
            out.receivers.append(receiver)
        }
        if let node = keys["route"] {
            out.route = try Route.readRoot(node, receivers: out.receivers.map(\.name))
        } else if let node = keys["receivers"] {
            throw node.error("there are receivers but no route that leads to them")
        }
        for node in try keys["inhibit_rules"]?.list() ?? [] { out.inhibitRules.append(try InhibitRule.read(node)) }
        for key in ["templates", "time_intervals", "mute_time_intervals"] {
            if let node = keys[key], !(try node.list().isEmpty) { throw node.error("\(key) is not supported yet") }
        }
        return out
    }
}

/// An Alertmanager that alerts are posted to.
package struct AlertmanagerEndpoint: Sendable, Hashable {
    package var url: String
    /// Milliseconds.
    package var timeout: Int64
    package var http: HTTPClientConfiguration

    static func read(_ node: YAMLNode) throws(YAMLError) -> [AlertmanagerEndpoint] {
        let keys = try node.mapping(
            [
                "static_configs", "scheme", "path_prefix", "timeout", "api_version", "relabel_configs",
                "alert_relabel_configs",
                "sigv4",
            ] + HTTPClientConfiguration.keys)
        let scheme = try keys["scheme"]?.string() ?? "http"
        var prefix = try keys["path_prefix"]?.string() ?? "/"
        while prefix.hasSuffix("/") { prefix.removeLast() }
        if let version = keys["api_version"], try version.string() != "v2" {
            throw version.error("only api_version v2 exists in the Alertmanagers of today")
        }
        let http = try HTTPClientConfiguration.read(keys)
        var out: [AlertmanagerEndpoint] = []
        for group in try keys["static_configs"]?.list() ?? [] {
            let groupKeys = try group.mapping(["targets", "labels"])
            for target in try groupKeys["targets"]?.strings() ?? [] {
                out.append(
                    AlertmanagerEndpoint(
                        url: "\(scheme)://\(target)\(prefix)/api/v2/alerts",
                        timeout: try keys["timeout"]?.duration() ?? 10_000,
                        http: http))
            }
        }
        return out
    }
}
