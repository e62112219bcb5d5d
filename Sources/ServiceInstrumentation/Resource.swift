/// What emits the telemetry: attributes that are the same on every span, log record and metric of a service.
public struct Resource: Hashable, Sendable {
    public var attributes: Attributes

    /// - Parameters:
    ///   - serviceName: `service.name`, the name under which the service is found in every signal.
    ///   - instanceID: `service.instance.id`, unique among the running instances of the service.
    ///   - environment: `deployment.environment.name`, such as `production`.
    public init(
        serviceName: String, serviceVersion: String? = nil, serviceNamespace: String? = nil, instanceID: String? = nil,
        environment: String? = nil, attributes: Attributes = [:]
    ) {
        var all: Attributes = ["service.name": .string(serviceName)]
        all["service.namespace"] = serviceNamespace.map { .string($0) }
        all["service.version"] = serviceVersion.map { .string($0) }
        all["service.instance.id"] = instanceID.map { .string($0) }
        all["deployment.environment.name"] = environment.map { .string($0) }
        all["telemetry.sdk.name"] = "needletail"
        all["telemetry.sdk.language"] = "swift"
        all["telemetry.sdk.version"] = .string(InstrumentationVersion.current)
        all.merge(attributes)
        self.attributes = all
    }

    public var serviceName: String {
        if case .string(let name)? = attributes["service.name"] { return name }
        return "unknown_service"
    }
}

public enum InstrumentationVersion {
    public static let current = "0.1.0"
}
