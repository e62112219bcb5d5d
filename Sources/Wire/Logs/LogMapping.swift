import Telemetry

/// Which fields of a record are the line, the time and the stream; all others are structured metadata.
package struct LogMapping: Sendable {
    /// Fields that become a label of the stream, in order of preference.
    package struct LabelSource: Sendable {
        package var label: String
        package var fields: [String]

        package init(_ label: String, _ fields: [String]) {
            self.label = label
            self.fields = fields
        }
    }

    /// In order of preference; the first that a record has counts.
    package var line: [String]
    package var time: [String]
    package var labels: [LabelSource]
    /// Fields that name the service where no label of the stream does.
    package var service: [String]
    /// Fields that are left out, by name, or by prefix where the name ends in `*`.
    package var ignored: [String] = []
    /// Fields whose escape sequences for colours are taken out.
    package var decolorized: [String] = []

    package init(line: [String], time: [String], labels: [LabelSource], service: [String]) {
        self.line = line
        self.time = time
        self.labels = labels
        self.service = service
    }

    /// What shippers put into records: Fluent Bit, Fluentd, Beats, Docker and ECS.
    package static let shippers = LogMapping(
        line: ["message", "log", "msg", "_msg", "MESSAGE"], time: ["@timestamp", "_time", "timestamp", "time", "ts"],
        labels: kubernetes + [
            LabelSource("container_name", ["container_name", "container.name", "docker.container.name"])
        ],
        service: services)

    static let kubernetes = [
        LabelSource("service_name", ["service_name", "service.name"]),
        LabelSource(
            "k8s_namespace_name", ["kubernetes.namespace_name", "kubernetes.namespace", "k8s.namespace.name"]),
        LabelSource("k8s_pod_name", ["kubernetes.pod_name", "kubernetes.pod.name", "k8s.pod.name"]),
        LabelSource(
            "k8s_container_name", ["kubernetes.container_name", "kubernetes.container.name", "k8s.container.name"]),
    ]

    static let services = [
        "service", "app", "application", "app_name", "kubernetes.labels.app.kubernetes.io/name",
        "kubernetes.labels.app_kubernetes_io/name", "kubernetes.labels.app",
    ]

    /// What names the service of a stream that does not say it.
    static func service(of labels: [Label]) -> String {
        serviceLabels.lazy.compactMap { wanted in labels.first { $0.name == wanted && !$0.value.isEmpty }?.value }.first
            ?? "unknown_service"
    }

    /// Loki's order of the labels that name the service.
    static let serviceLabels = [
        "service", "app", "application", "app_name", "name", "app_kubernetes_io_name", "container", "container_name",
        "k8s_container_name", "component", "workload", "job", "k8s_job_name",
    ]
}

/// What a field of a given name is for; found once for each name and batch.
struct FieldRole {
    static let none = Int.max

    var line = none
    var time = none
    var label = none
    var labelPreference = none
    var service = none
    var namesLevel = false
    var isTrace = false
    var isSpan = false
    var isIgnored = false
    var isDecolorized = false
    /// Of the batch, -1 before a row has it.
    var column = -1

    private static let traces: Set<String> = [
        "traceId", "traceID", "TraceId", "TraceID", "traceid", "otelTraceID",
    ]
    private static let spans: Set<String> = [
        "spanId", "spanID", "SpanId", "SpanID", "spanid", "otelSpanID",
    ]

    init(_ name: String, _ mapping: LogMapping) {
        line = mapping.line.firstIndex(of: name) ?? FieldRole.none
        time = mapping.time.firstIndex(of: name) ?? FieldRole.none
        for (index, source) in mapping.labels.enumerated() {
            if let preference = source.fields.firstIndex(of: name) {
                label = index
                labelPreference = preference
            }
        }
        service = mapping.service.firstIndex(of: name) ?? FieldRole.none
        namesLevel = LogLevel.fieldNames.contains(name)
        isTrace = FieldRole.traces.contains(name)
        isSpan = FieldRole.spans.contains(name)
        isIgnored = mapping.ignored.contains { FieldRole.matches(name, $0) }
        isDecolorized = mapping.decolorized.contains { FieldRole.matches(name, $0) }
    }

    private static func matches(_ name: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
    }
}
