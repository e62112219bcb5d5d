import Yams

extension FleetDescription {
    /// Reads a fleet file.
    /// - Parameter file: how errors name the text.
    /// - Throws: `FleetError.file` with line and column.
    package init(yaml: String, file: String) throws {
        self.init()
        let reader = YAMLReader(file: file)
        let root = try reader.parse(yaml)
        let keys = [
            "name", "environment", "version", "base_port", "control_port", "services", "systems", "payment", "load",
            "faults",
        ]
        try reader.mapping(root, "the fleet", keys: keys) { key, _, value in
            switch key {
            case "name": name = try reader.text(value, "`name`")
            case "environment": environment = try reader.text(value, "`environment`")
            case "version": version = try reader.text(value, "`version`")
            case "base_port": basePort = try reader.integer(value, "`base_port`", 0...65535)
            case "control_port": controlPort = try reader.integer(value, "`control_port`", 0...65535)
            case "services": services = try Self.readServices(value, reader)
            case "systems": systems = try Self.readSystems(value, reader)
            case "payment": payment = try Self.readPayment(value, reader)
            case "load": load = try Self.readLoad(value, reader)
            default: faults = try Self.readFaults(value, reader)
            }
        }
        for role in ServiceRole.allCases where service(role) == nil {
            throw reader.error(root, "no service has the role `\(role.rawValue)`; the shop needs one for each role")
        }
    }

    private static func readServices(_ node: Node, _ reader: YAMLReader) throws -> [ServiceDescription] {
        var services: [ServiceDescription] = []
        for item in try reader.list(node, "`services`") {
            let service = try readService(item, reader)
            if services.contains(where: { $0.name == service.name }) {
                throw reader.error(item, "two services are named `\(service.name)`")
            }
            if let other = services.first(where: { $0.role == service.role }) {
                throw reader.error(
                    item, "`\(service.name)` and `\(other.name)` have the same role `\(service.role.rawValue)`")
            }
            if let port = service.port, port != 0, let other = services.first(where: { $0.port == port }) {
                throw reader.error(item, "`\(service.name)` and `\(other.name)` have the same port \(port)")
            }
            services.append(service)
        }
        return services
    }

    private static func readService(_ node: Node, _ reader: YAMLReader) throws -> ServiceDescription {
        var name: String?
        var role: ServiceRole?
        var service = ServiceDescription(name: "", role: .web)
        var healthNode = node
        let keys = ["name", "role", "port", "version", "health", "log_format"]
        try reader.mapping(node, "a service", keys: keys) { key, _, value in
            switch key {
            case "name": name = try reader.text(value, "`name`")
            case "role": role = try reader.choice(value, "`role`")
            case "port": service.port = try reader.integer(value, "`port`", 0...65535)
            case "version": service.version = try reader.text(value, "`version`")
            case "health":
                healthNode = value
                service.health = try reader.text(value, "`health`")
            default: service.logFormat = try reader.choice(value, "`log_format`")
            }
        }
        guard let name else { throw reader.error(node, "a service needs a `name`") }
        guard let role = role ?? ServiceRole(rawValue: name) else {
            throw reader.error(node, "service `\(name)` needs a `role`")
        }
        service.name = name
        service.role = role
        if let problem = problemOfHealth(service) { throw reader.error(healthNode, problem) }
        return service
    }

    /// A health check must not take the path of something else that the service answers.
    private static func problemOfHealth(_ service: ServiceDescription) -> String? {
        guard let health = service.health else { return nil }
        let isPlain = health.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/_-.".utf8.contains(byte)
            }
        }
        guard isPlain, health.hasPrefix("/"), !health.contains("//"), health == "/" || !health.hasSuffix("/") else {
            return "`health` must be a path such as /health, of letters, digits and _ - ."
        }
        if health == "/metrics" || ShopRoute.paths(of: service.role).contains(health) {
            return "`health` is \(health), where `\(service.name)` serves something else"
        }
        return nil
    }

    private static func readSystems(_ node: Node, _ reader: YAMLReader) throws -> SystemDescriptions {
        var systems = SystemDescriptions()
        try reader.mapping(node, "`systems`", keys: ["mongodb", "redis", "mysql", "rabbitmq"]) { key, _, value in
            switch key {
            case "mongodb": try readSystem(value, reader, into: &systems.mongodb)
            case "redis": try readSystem(value, reader, into: &systems.redis)
            case "mysql": try readSystem(value, reader, into: &systems.mysql)
            default: try readSystem(value, reader, into: &systems.rabbitmq)
            }
        }
        return systems
    }

    private static func readSystem(_ node: Node, _ reader: YAMLReader, into system: inout SystemDescription) throws {
        try reader.mapping(node, "a system", keys: ["address", "port", "latency"]) { key, _, value in
            switch key {
            case "address": system.address = try reader.text(value, "`address`")
            case "port": system.port = try reader.integer(value, "`port`", 1...65535)
            default: system.latency = try reader.duration(value, "`latency`")
            }
        }
    }

    private static func readPayment(_ node: Node, _ reader: YAMLReader) throws -> PaymentDescription {
        var payment = PaymentDescription()
        try reader.mapping(node, "`payment`", keys: ["gateway", "latency", "decline_share"]) { key, _, value in
            switch key {
            case "gateway": payment.gateway = try reader.text(value, "`gateway`")
            case "latency": payment.latency = try reader.duration(value, "`latency`")
            default: payment.declineShare = try reader.number(value, "`decline_share`", 0...1)
            }
        }
        return payment
    }

    private static func readLoad(_ node: Node, _ reader: YAMLReader) throws -> LoadDescription {
        var load = LoadDescription()
        try reader.mapping(node, "`load`", keys: ["rate", "customers", "seed"]) { key, _, value in
            switch key {
            case "rate": load.rate = try reader.number(value, "`rate`", 0...100_000)
            case "customers": load.customers = try reader.integer(value, "`customers`", 1...10_000)
            default: load.seed = UInt64(try reader.integer(value, "`seed`", 0...Int.max))
            }
        }
        return load
    }

    private static func readFaults(_ node: Node, _ reader: YAMLReader) throws -> FaultDescriptions {
        var faults = FaultDescriptions()
        try reader.mapping(node, "`faults`", keys: Fault.allCases.map(\.rawValue)) { key, _, value in
            switch Fault(rawValue: key) {
            case .paymentErrors:
                try reader.mapping(value, "`\(key)`", keys: ["share"]) { _, _, value in
                    faults.paymentErrorShare = try reader.number(value, "`share`", 0...1)
                }
            case .catalogueSlow:
                try reader.mapping(value, "`\(key)`", keys: ["delay"]) { _, _, value in
                    faults.catalogueDelay = try reader.duration(value, "`delay`")
                }
            case .queueBacklog:
                try reader.mapping(value, "`\(key)`", keys: ["delay"]) { _, _, value in
                    faults.dispatchDelay = try reader.duration(value, "`delay`")
                }
            default:
                try reader.mapping(value, "`\(key)`", keys: []) { _, _, _ in }
            }
        }
        return faults
    }
}
