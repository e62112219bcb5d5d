import Endpoints
import Telemetry
import YAMLReading

/// `dns_sd_configs`: the records of some names.
package struct DNSDiscovery: TargetDiscovery {
    package let kind = "dns"
    package var names: [String]
    package var type: DNSMessage.RecordType
    /// The targets' port; SRV records have their own.
    package var port: Int
    package var refreshInterval: Int64 = 30_000
    /// Where to ask; read at each refresh, since the file changes when a machine moves between networks.
    package var resolver: @Sendable () throws -> ResolverConfiguration = { try .system() }

    package init(names: [String], type: DNSMessage.RecordType = .srv, port: Int = 0) {
        self.names = names
        self.type = type
        self.port = port
    }

    package static func read(_ node: YAMLNode) throws(YAMLError) -> DNSDiscovery {
        let keys = try node.mapping(["names", "type", "port", "refresh_interval"])
        let names = try keys["names"]?.strings() ?? []
        guard !names.isEmpty else { throw node.error("DNS-SD config must contain at least one SRV record name") }
        let text = try keys["type"]?.string() ?? "SRV"
        let types: [String: DNSMessage.RecordType] = ["SRV": .srv, "A": .a, "AAAA": .aaaa, "MX": .mx, "NS": .ns]
        guard let type = types[text.uppercased()] else {
            throw (keys["type"] ?? node).error(
                "invalid DNS-SD records type \(text); it is one of SRV, A, AAAA, MX, NS")
        }
        let port = try keys["port"]?.integer() ?? 0
        guard (0...65_535).contains(port) else { throw (keys["port"] ?? node).error("\(port) is not a port") }
        if port == 0, type != .srv {
            throw node.error("a port is required in DNS-SD configs for all record types except SRV")
        }
        var discovery = DNSDiscovery(names: names, type: type, port: port)
        if let interval = try keys["refresh_interval"]?.duration(), interval > 0 {
            discovery.refreshInterval = interval
        }
        return discovery
    }

    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] {
        let client = DNSClient(try resolver())
        var groups: [TargetGroup] = []
        for name in names { groups += try await lookUp(name, client) }
        return groups
    }

    /// A name that cannot be resolved now keeps its targets; the others go on.
    package func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws {
        var known: [String: [TargetGroup]] = [:]
        while true {
            do {
                let client = DNSClient(try resolver())
                var failures: [any Error] = []
                await withTaskGroup(of: (String, Result<[TargetGroup], any Error>).self) { group in
                    for name in names {
                        group.addTask {
                            do {
                                return (name, .success(try await lookUp(name, client)))
                            } catch {
                                return (name, .failure(error))
                            }
                        }
                    }
                    for await (name, result) in group {
                        switch result {
                        case .success(let groups): known[name] = groups
                        case .failure(let error): failures.append(error)
                        }
                    }
                }
                try Task.checkCancellation()
                if failures.count < names.count { update(names.flatMap { known[$0] ?? [] }) }
                for failure in failures { context.failed(failure) }
            } catch let error as DiscoveryFailure {
                context.failed(error)
            }
            try await Task.sleep(for: .milliseconds(max(1_000, refreshInterval)))
        }
    }

    private func lookUp(_ name: String, _ client: DNSClient) async throws -> [TargetGroup] {
        // Servers turn their answers round; in order they stay the same targets.
        try await client.lookUp(name, type).compactMap { target($0, name) }.sorted {
            ($0.targets[0], $0.labels.description) < ($1.targets[0], $1.labels.description)
        }
    }

    /// Records of other types (a CNAME on the way to an address) make no target.
    private func target(_ record: DNSMessage.Record, _ name: String) -> TargetGroup? {
        var labels = MetaLabels()
        labels.set("__meta_dns_name", name)
        switch record {
        case .address(let address) where type == .a || type == .aaaa:
            return labels.group(address: MetaLabels.join(address, port), source: name)
        case .service(let target, let port):
            labels.set("__meta_dns_srv_record_target", target)
            labels.set("__meta_dns_srv_record_port", "\(port)")
            return labels.group(address: MetaLabels.join(Self.unrooted(target), port), source: name)
        case .mailExchange(let target):
            labels.set("__meta_dns_mx_record_target", target)
            return labels.group(address: MetaLabels.join(Self.unrooted(target), port), source: name)
        case .nameServer(let target):
            labels.set("__meta_dns_ns_record_target", target)
            return labels.group(address: MetaLabels.join(Self.unrooted(target), port), source: name)
        case .address, .other: return nil
        }
    }

    private static func unrooted(_ name: String) -> String {
        var rest = Substring(name)
        while rest.hasSuffix(".") { rest.removeLast() }
        return String(rest)
    }
}
