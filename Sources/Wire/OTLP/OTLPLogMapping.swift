import Telemetry

/// What becomes of the attributes of OTLP logs: Loki's `otlp_config`.
package struct OTLPLogMapping: Sendable {
    package enum Action: String, Sendable, CaseIterable {
        /// A label of the stream.
        case indexLabel = "index_label"
        case structuredMetadata = "structured_metadata"
        case drop
    }

    /// Which attributes an action is for.
    package struct Rule: Sendable {
        package var action: Action
        package var attributes: Set<String>
        /// By an expression, which is no matter of this room.
        package var matches: (@Sendable (String) -> Bool)?

        package init(_ action: Action, _ attributes: Set<String>, matches: (@Sendable (String) -> Bool)? = nil) {
            self.action = action
            self.attributes = attributes
            self.matches = matches
        }
    }

    /// The first rule that is for an attribute decides; what none is for is structured metadata.
    package var resource = [Rule(.indexLabel, OTLPLogMapping.streamAttributes)]
    package var scope: [Rule] = []
    package var log: [Rule] = []
    package var severityTextIsLabel = false

    package init() {}

    /// Resource attributes that name the stream, as Loki has them.
    package static let streamAttributes: Set<String> = [
        "service.name", "service.namespace", "service.instance.id", "deployment.environment",
        "deployment.environment.name", "cloud.region", "cloud.availability_zone", "k8s.cluster.name",
        "k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "container.name", "k8s.replicaset.name",
        "k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name", "k8s.cronjob.name", "k8s.job.name",
    ]

    static func action(_ rules: [Rule], for name: String) -> Action {
        rules.first { $0.attributes.contains(name) || $0.matches?(name) == true }?.action ?? .structuredMetadata
    }

    /// Whether records of one scope may be of several streams.
    var dividesScopes: Bool { severityTextIsLabel || log.contains { $0.action == .indexLabel } }
}
