import Foundation
import Hummingbird
import ServiceInstrumentation
import ServiceLifecycle

/// Takes paid orders from the queue and sends the parcels.
struct DispatchService: ShopService, Service {
    private let environment: ServiceEnvironment
    private let dispatched: Counter
    private let durations: Histogram

    init(environment: ServiceEnvironment) {
        self.environment = environment
        dispatched = environment.metrics.counter("shop_orders_dispatched_total", help: "Orders sent to customers.")
        durations = environment.metrics.histogram(
            "messaging_process_duration_seconds", help: "Duration of processing one message.")
        let depth = environment.metrics.gauge("shop_queue_messages", help: "Messages that wait in a queue.")
        environment.metrics.onCollect { [queue = environment.queue] in
            depth.set(Double(queue.depth), ["queue": queue.name])
        }
    }

    /// Nobody calls dispatch: it has no routes but `/metrics`.
    func addRoutes(to router: ShopRouter) {}

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await environment.queue.consume(telemetry: environment.telemetry) { message, span in
                try await process(message, span)
            }
        }
    }

    private func process(_ message: QueuedMessage, _ span: Span) async throws {
        let begin = ContinuousClock.now
        let order = try JSONDecoder().decode(OrderMessage.self, from: Data(message.body.utf8))
        span.setAttributes([
            "app.order.id": .string(order.order), "messaging.message.conversation_id": .string(order.order),
        ])
        let tracer = environment.telemetry.tracer
        try await tracer.withSpan("pack parcel", attributes: ["app.order.items": .integer(order.items)]) { _ in
            if environment.faults.isOn(.queueBacklog) {
                environment.log.warning("packing is slow", ["order_id": .string(order.order)])
                try await Task.sleep(for: environment.fleet.faults.dispatchDelay)
            }
            try await Latency.wait(.milliseconds(15))
        }
        dispatched.increment()
        durations.observe(
            ContinuousClock.now - begin,
            ["messaging_system": "rabbitmq", "messaging_destination_name": environment.queue.name])
        environment.log.info(
            "order \(order.order) dispatched",
            [
                "order_id": .string(order.order), "user_id": .string(order.user), "items": .integer(order.items),
                "waiting": .integer(environment.queue.depth),
            ])
    }
}
