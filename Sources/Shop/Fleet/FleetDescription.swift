/// A fleet of shop services as its YAML file describes it.
package struct FleetDescription: Sendable, Equatable {
    package var name = "shop"
    /// `deployment.environment.name` of every service.
    package var environment = "demo"
    /// `service.version` of every service that names none.
    package var version = "1.0.0"
    package var basePort = 18080
    package var controlPort = 18070
    package var services: [ServiceDescription] = []
    package var systems = SystemDescriptions()
    package var payment = PaymentDescription()
    package var load = LoadDescription()
    package var faults = FaultDescriptions()

    /// The built-in fleet.
    package static func shopstack() throws -> FleetDescription {
        try FleetDescription(yaml: shopstackYAML, file: "shopstack.yaml")
    }

    /// The service that plays a role; every role is played by exactly one.
    func service(_ role: ServiceRole) -> ServiceDescription? { services.first { $0.role == role } }
}

/// What a service does in the shop.
package enum ServiceRole: String, Sendable, CaseIterable {
    case web, user, catalogue, cart, payment, shipping, ratings, dispatch
}

/// How a service writes the bodies of its log records.
package enum LogFormat: String, Sendable, CaseIterable {
    /// A sentence; details are attributes of the record.
    case plain
    /// `level=info msg="…" key=value`
    case logfmt
    /// One JSON object.
    case json
}

package struct ServiceDescription: Sendable, Equatable {
    package var name: String
    package var role: ServiceRole
    /// nil: the fleet's base port plus the position in the file. 0: any free one.
    package var port: Int?
    package var version: String?
    /// Path of the health check; nil when the service has none.
    package var health: String?
    package var logFormat = LogFormat.plain
}

/// One backing system: what its spans say, and how long a call takes at least.
package struct SystemDescription: Sendable, Equatable {
    package var address: String
    package var port: Int
    package var latency: Duration
}

package struct SystemDescriptions: Sendable, Equatable {
    package var mongodb = SystemDescription(address: "mongodb", port: 27017, latency: .milliseconds(2))
    package var redis = SystemDescription(address: "redis", port: 6379, latency: .microseconds(500))
    package var mysql = SystemDescription(address: "mysql", port: 3306, latency: .milliseconds(3))
    package var rabbitmq = SystemDescription(address: "rabbitmq", port: 5672, latency: .milliseconds(1))
}

package struct PaymentDescription: Sendable, Equatable {
    package var gateway = "gateway.cardpay.example"
    package var latency: Duration = .milliseconds(40)
    /// Share of payments, 0…1, that are declined without any fault.
    package var declineShare = 0.02
}

package struct LoadDescription: Sendable, Equatable {
    /// Requests per second; 0 means no load.
    package var rate = 20.0
    /// Customers in the shop at the same time.
    package var customers = 12
    package var seed: UInt64 = 42
}

package struct FaultDescriptions: Sendable, Equatable {
    /// Share of payments, 0…1, that fail while `payment-errors` is on.
    package var paymentErrorShare = 0.5
    package var catalogueDelay: Duration = .milliseconds(600)
    package var dispatchDelay: Duration = .seconds(3)
}
