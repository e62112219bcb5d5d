import Foundation
import HTTPTypes
import Hummingbird
import ServiceInstrumentation
import Synchronization

/// A payment that did not succeed.
enum PaymentRefused: ReportedError, CustomStringConvertible {
    /// The card issuer says no: the customer's problem.
    case declined(order: String, code: String)
    /// The gateway gave no answer: ours.
    case gatewayTimeout(order: String)

    var status: HTTPResponse.Status {
        switch self {
        case .declined: .init(code: 402, reasonPhrase: "Payment Required")
        case .gatewayTimeout: .internalServerError
        }
    }

    /// Label value of `shop_orders_total`.
    var outcome: String {
        switch self {
        case .declined: "declined"
        case .gatewayTimeout: "failed"
        }
    }

    var description: String {
        switch self {
        case .declined(let order, _): "payment declined: card issuer refused order \(order)"
        case .gatewayTimeout(let order): "payment declined: gateway did not answer for order \(order)"
        }
    }
}

private final class PaymentNumbers: Sendable {
    let count = Mutex<UInt64>(0)
}

/// What payment hands to dispatch.
struct OrderMessage: Codable, Sendable {
    let order: String
    let user: String
    let items: Int
    let totalCents: Int

    enum CodingKeys: String, CodingKey {
        case order, user, items
        case totalCents = "total_cents"
    }
}

/// Checkout: asks user, cart and the card gateway, then keeps the order and hands it to dispatch.
struct PaymentService: ShopService {
    private let environment: ServiceEnvironment
    private let orders: Counter
    private let values: Histogram
    private let payments = PaymentNumbers()

    init(environment: ServiceEnvironment) {
        self.environment = environment
        orders = environment.metrics.counter("shop_orders_total", help: "Checkouts by result.")
        values = environment.metrics.histogram(
            "shop_order_value_euros", help: "Value of paid orders in euros.",
            boundaries: [50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000])
        // A rate needs both ends: without a zero the first failure would be invisible to it.
        for status in ["paid", "declined", "failed"] { orders.increment(by: 0, ["status": status]) }
    }

    func addRoutes(to router: ShopRouter) {
        router.post("/pay/{id}") { _, context in try await pay(try context.parameter("id")) }
    }

    private func pay(_ user: String) async throws -> Response {
        let segment = user.pathSegment
        let check: [String: Bool] = try await environment.client.call(
            .user, "GET", "/check/{id}", path: "/check/\(segment)"
        ).decode()
        let quote = try await environment.client.call(.cart, "GET", "/quote/{id}", path: "/quote/\(segment)")
        if quote.status == 422 { throw RequestRefused(.unprocessableContent, quote.message) }
        let cart: Cart = try quote.decode()
        let order = "ORD-\(SpanID.random().description.prefix(10))"
        let euros = Double(cart.totalCents) / 100
        Span.current?.setAttributes([
            "app.order.id": .string(order), "app.user.id": .string(user), "app.order.value": .double(euros),
        ])
        do {
            try await charge(order, user: user, euros: euros)
        } catch let refusal as PaymentRefused {
            orders.increment(["status": refusal.outcome])
            environment.log.error(
                "\(refusal)", ["order_id": .string(order), "user_id": .string(user), "amount": .double(euros)])
            throw refusal
        }
        if check["registered"] == true {
            let kept = Order(id: order, totalCents: cart.totalCents)
            let _: [String: String] = try await environment.client.call(
                .user, "POST", "/order/{id}", path: "/order/\(segment)", json: kept
            ).decode()
        }
        let count = cart.items.count - 1
        let message = OrderMessage(order: order, user: user, items: count, totalCents: cart.totalCents)
        let body = String(decoding: try JSONEncoder().encode(message), as: UTF8.self)
        try await environment.queue.publish(body, conversation: order, telemetry: environment.telemetry)
        _ = try await environment.client.call(.cart, "DELETE", "/cart/{id}", path: "/cart/\(segment)")
        orders.increment(["status": "paid"])
        values.observe(euros)
        environment.log.info(
            "order \(order) paid",
            [
                "order_id": .string(order), "user_id": .string(user), "amount": .double(euros),
                "items": .integer(count),
            ])
        return try JSON.response(["order_id": order])
    }

    /// The card gateway is outside the fleet: the span tells what a call to it would, the decision is made here.
    private func charge(_ order: String, user: String, euros: Double) async throws {
        let gateway = environment.fleet.payment.gateway
        let attributes: Attributes = [
            "http.request.method": "POST", "url.full": "https://\(gateway)/v1/charges", "url.template": "/v1/charges",
            "server.address": .string(gateway), "server.port": 443, "peer.service": "card-gateway",
            "service.peer.name": "card-gateway", "app.order.id": .string(order),
        ]
        try await environment.telemetry.tracer.withSpan("POST /v1/charges", kind: .client, attributes: attributes) {
            span in
            try await Latency.wait(environment.fleet.payment.latency)
            switch decision(order) {
            case .paid:
                span.setAttribute("http.response.status_code", 201)
            case .declined(let code):
                span.setAttributes([
                    "http.response.status_code": 402, "error.type": "402", "app.payment.decline_code": .string(code),
                ])
                throw PaymentRefused.declined(order: order, code: code)
            case .timeout:
                // What the caller would have waited for.
                try await Task.sleep(for: .milliseconds(400))
                span.setAttribute("error.type", "timeout")
                throw PaymentRefused.gatewayTimeout(order: order)
            }
        }
    }

    private enum Decision {
        case paid
        case declined(code: String)
        case timeout
    }

    private func decision(_ order: String) -> Decision {
        // Counted, so that the same seed gives the same fortunes.
        let number = payments.count.withLock { count in
            defer { count &+= 1 }
            return count
        }
        var generator = JourneyGenerator(seed: ~environment.seed, journey: number)
        let codes = ["do_not_honor", "insufficient_funds", "expired_card"]
        let chance = Double.random(in: 0..<1, using: &generator)
        if environment.faults.isOn(.paymentErrors) {
            let share = environment.fleet.faults.paymentErrorShare
            if chance < share * 0.4 { return .declined(code: "issuer_unavailable") }
            return chance < share ? .timeout : .paid
        }
        guard chance < environment.fleet.payment.declineShare else { return .paid }
        return .declined(code: codes.randomElement(using: &generator) ?? "do_not_honor")
    }
}
