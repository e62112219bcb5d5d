import Synchronization

/// Where the services of a running fleet listen.
final class ServiceDirectory: Sendable {
    private let state = Mutex<(ports: [ServiceRole: Int], control: Int?)>(([:], nil))
    let host: String

    init(host: String) { self.host = host }

    func register(_ role: ServiceRole, port: Int) { state.withLock { $0.ports[role] = port } }
    func registerControl(port: Int) { state.withLock { $0.control = port } }

    func port(_ role: ServiceRole) -> Int? { state.withLock { $0.ports[role] } }
    var controlPort: Int? { state.withLock { $0.control } }

    /// `host:port`, with IPv6 addresses in brackets.
    func address(port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    func address(_ role: ServiceRole) -> String? { port(role).map(address(port:)) }

    var isComplete: Bool { state.withLock { $0.ports.count == ServiceRole.allCases.count && $0.control != nil } }

    func waitUntilComplete() async throws {
        while !isComplete { try await Task.sleep(for: .milliseconds(10)) }
    }
}
