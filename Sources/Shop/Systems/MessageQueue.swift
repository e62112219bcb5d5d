import GRDB
import ServiceInstrumentation
import Synchronization

/// A message as it waits in the queue.
struct QueuedMessage: Sendable {
    let id: Int64
    /// Context of the span that published it.
    let producer: SpanContext?
    let body: String
}

/// The queue `orders` between payment and dispatch. It survives a restart of the fleet.
final class MessageQueue: Sendable {
    let name: String
    let system: SystemDescription
    private let data: ShopData
    private let waiting: Mutex<Int>
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(name: String, system: SystemDescription, data: ShopData) throws {
        self.name = name
        self.system = system
        self.data = data
        let count = try data.pool.read { database in
            try Int.fetchOne(database, sql: "SELECT count(*) FROM messages WHERE queue = ?", arguments: [name]) ?? 0
        }
        waiting = Mutex(count)
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Messages that are not yet acknowledged.
    var depth: Int { waiting.withLock { $0 } }

    private func attributes(operation: String, type: String) -> Attributes {
        [
            "messaging.system": "rabbitmq", "messaging.operation.name": .string(operation),
            "messaging.operation.type": .string(type), "messaging.destination.name": .string(name),
            "messaging.rabbitmq.destination.routing_key": .string(name),
            "server.address": .string(system.address), "server.port": .integer(system.port),
        ]
    }

    /// Publishes inside a PRODUCER span whose context travels with the message.
    func publish(_ body: String, conversation: String, telemetry: ServiceTelemetry) async throws {
        var all = attributes(operation: "publish", type: "send")
        all["messaging.message.conversation_id"] = .string(conversation)
        all["messaging.message.body.size"] = .integer(body.utf8.count)
        try await telemetry.tracer.withSpan("publish \(name)", kind: .producer, attributes: all) { span in
            try await Latency.wait(system.latency)
            let header = TraceContextPropagator.traceParent(span.context)
            let id = try await data.pool.write { [name] database in
                try database.execute(
                    sql: "INSERT INTO messages(queue, trace_parent, body) VALUES(?, ?, ?)",
                    arguments: [name, header, body])
                return database.lastInsertedRowID
            }
            span.setAttribute("messaging.message.id", .string("\(id)"))
        }
        waiting.withLock { $0 += 1 }
        signal.yield()
    }

    /// Hands every message to `process`, oldest first and one at a time, until the task is cancelled. Each runs in a
    /// CONSUMER span of a new trace that links to the producer, and is acknowledged when `process` returns; one that
    /// throws is tried again.
    func consume(
        telemetry: ServiceTelemetry, _ process: (QueuedMessage, Span) async throws -> Void
    ) async {
        var signals = signals.makeAsyncIterator()
        while !Task.isCancelled {
            guard let message = try? await oldest() else {
                if await signals.next() == nil { return }
                continue
            }
            var all = attributes(operation: "process", type: "process")
            all["messaging.message.id"] = .string("\(message.id)")
            all["messaging.rabbitmq.message.delivery_tag"] = .integer(Int(message.id))
            let links = message.producer.map { [SpanLink($0)] } ?? []
            do {
                try await telemetry.tracer.withSpan(
                    "process \(name)", kind: .consumer, parent: .none, links: links, attributes: all
                ) { span in
                    try await process(message, span)
                    try await acknowledge(message)
                }
            } catch {
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private func oldest() async throws -> QueuedMessage? {
        try await data.pool.read { [name] database in
            let sql = "SELECT id, trace_parent, body FROM messages WHERE queue = ? ORDER BY id LIMIT 1"
            guard let row = try Row.fetchOne(database, sql: sql, arguments: [name]) else { return nil }
            let header: String = row["trace_parent"]
            return QueuedMessage(
                id: row["id"], producer: TraceContextPropagator.extract(traceParent: header), body: row["body"])
        }
    }

    private func acknowledge(_ message: QueuedMessage) async throws {
        try await data.pool.write { database in
            try database.execute(sql: "DELETE FROM messages WHERE id = ?", arguments: [message.id])
        }
        waiting.withLock { $0 -= 1 }
    }
}
