import GRDB
import ServiceInstrumentation

/// A database or cache that does not answer.
struct SystemUnavailable: Error, CustomStringConvertible {
    let system: String
    let address: String
    let port: Int

    var description: String { "\(system) at \(address):\(port) refused the connection" }
}

/// One call to a database, as its span describes it.
struct DatabaseCall: Sendable {
    /// `db.operation.name`, such as `find`, `HGETALL` or `SELECT`.
    var operation: String
    /// `db.collection.name`: the collection or table; nil for Redis, which has none.
    var target: String?
    /// `db.query.text`, with placeholders for what customers typed.
    var text: String

    /// `{operation} {target}`, or the operation alone: the low-cardinality name of the conventions.
    var summary: String { target.map { "\(operation) \($0)" } ?? operation }
}

/// The client that one service has for one database or cache. Each call is a CLIENT span by the database conventions
/// around a real read or write.
struct BackingSystem: Sendable {
    /// `db.system.name`.
    let name: String
    let namespace: String
    let system: SystemDescription
    let telemetry: ServiceTelemetry
    let data: ShopData
    /// Time added by a fault, and whether a fault has taken the system away.
    let extraDelay: @Sendable () -> Duration
    let isDown: @Sendable () -> Bool
    private let durations: Histogram

    init(
        name: String, namespace: String, system: SystemDescription, telemetry: ServiceTelemetry, data: ShopData,
        extraDelay: @escaping @Sendable () -> Duration = { .zero }, isDown: @escaping @Sendable () -> Bool = { false }
    ) {
        self.name = name
        self.namespace = namespace
        self.system = system
        self.telemetry = telemetry
        self.data = data
        self.extraDelay = extraDelay
        self.isDown = isDown
        durations = telemetry.metrics.histogram(
            "db_client_operation_duration_seconds", help: "Duration of database client operations.",
            boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
    }

    func read<Value: Sendable>(
        _ call: DatabaseCall, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await record(call) { try await data.pool.read(body) }
    }

    func write<Value: Sendable>(
        _ call: DatabaseCall, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await record(call) { try await data.pool.write(body) }
    }

    private func record<Value: Sendable>(
        _ call: DatabaseCall, _ body: () async throws -> Value
    ) async throws -> Value {
        var attributes: Attributes = [
            "db.system.name": .string(name), "db.namespace": .string(namespace),
            "db.operation.name": .string(call.operation), "db.query.text": .string(call.text),
            "db.query.summary": .string(call.summary), "server.address": .string(system.address),
            "server.port": .integer(system.port),
        ]
        attributes["db.collection.name"] = call.target.map { .string($0) }
        let begin = ContinuousClock.now
        var labels: [(String, String)] = [("db_system_name", name), ("db_operation_name", call.operation)]
        if let target = call.target { labels.append(("db_collection_name", target)) }
        return try await telemetry.tracer.withSpan(call.summary, kind: .client, attributes: attributes) { span in
            do {
                try await Latency.wait(system.latency, plus: extraDelay())
                if isDown() { throw SystemUnavailable(system: name, address: system.address, port: system.port) }
                let value = try await body()
                if let rows = value as? [any Sendable] {
                    span.setAttribute("db.response.returned_rows", .integer(rows.count))
                }
                durations.observe(ContinuousClock.now - begin, MetricLabels(labels))
                return value
            } catch {
                labels.append(("error_type", String(describing: type(of: error))))
                durations.observe(ContinuousClock.now - begin, MetricLabels(labels))
                throw error
            }
        }
    }
}

/// The time that a call over a network would take.
enum Latency {
    /// Waits about `typical`, now and then much longer, as real systems do.
    static func wait(_ typical: Duration, plus extra: Duration = .zero) async throws {
        let slow = Int.random(in: 0..<50) == 0 ? 4.0 : 1.0
        try await Task.sleep(for: typical * (Double.random(in: 0.7..<1.6) * slow) + extra)
    }
}
