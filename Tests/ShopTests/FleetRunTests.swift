import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import OTLPMessages
import ServiceInstrumentation
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import Shop

@Suite(.serialized) struct FleetRunTests {
    @Test func everyServiceIsSeenInEverySignalAndAnOrderCanBeFollowed() async throws {
        let receiver = OTLPReceiver()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await receiver.run() }
            while receiver.port == nil { try await Task.sleep(for: .milliseconds(10)) }
            var description = try FleetDescription.shopstack()
            description.payment.declineShare = 0.4
            description.faults.dispatchDelay = .milliseconds(800)
            var options = ShopOptions()
            options.otlpEndpoint = "http://127.0.0.1:\(receiver.port ?? 0)"
            options.ephemeralPorts = true
            options.rate = 150
            let fleet = ShopFleet(description: description, options: options)
            let services = ServiceGroup(
                configuration: .init(
                    services: [fleet], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
            async let fleetRun: Void = services.run()
            let deadline = ContinuousClock.now + .seconds(240)
            while !Self.isDone(fleet, receiver), ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(100))
            }
            try await Self.checkMetrics(fleet)
            try await Self.checkFaults(fleet)
            fleet.setFault(.paymentErrors, on: true)
            fleet.setFault(.queueBacklog, on: true)
            while fleet.queueDepth < 3 || !receiver.logs.contains(where: { $0.body.contains("did not answer") }),
                ContinuousClock.now < deadline
            {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(fleet.queueDepth >= 3, "queue-backlog lets the queue grow")
            await services.triggerGracefulShutdown()
            // The receiver outlives the fleet: everything must arrive before `run()` returns.
            try await fleetRun
            let counts = fleet.exportCounts
            // At least once: a batch whose answer came too late is sent again.
            #expect(counts.spans.exported > 0 && counts.spans.exported <= receiver.spans.count)
            #expect(counts.logs.exported > 0 && counts.logs.exported <= receiver.logs.count)
            #expect(counts.spans.droppedByQueue == 0 && counts.spans.failed == 0)
            #expect(fleet.loadCounts.orders > 0 && fleet.loadCounts.succeeded > 50)
            group.cancelAll()
        }
        Self.checkSpans(receiver)
        try Self.checkLogs(receiver)
    }

    private static func isDone(_ fleet: ShopFleet, _ receiver: OTLPReceiver) -> Bool {
        let roles = Set(ServiceRole.allCases.map(\.rawValue))
        return Set(receiver.spans.map(\.service)) == roles && Set(receiver.logs.map(\.service)) == roles
            && receiver.logs.contains { $0.body.contains("declined") } && fleet.loadCounts.orders > 2
            && receiver.spans.contains { $0.span.name == "process orders" }
            && receiver.spans.contains { $0.attribute("db.collection.name") == "ratings" }
    }

    private static func get(_ url: String, _ method: String = "GET") async throws -> (status: Int, body: String) {
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        let body = try await response.body.collect(upTo: 1 << 20)
        return (Int(response.status.code), String(buffer: body))
    }

    private static func checkMetrics(_ fleet: ShopFleet) async throws {
        #expect(fleet.scrapeTargets.map(\.service) == fleet.serviceNames)
        for (service, address) in fleet.scrapeTargets {
            let (status, page) = try await get("http://\(address)/metrics")
            #expect(status == 200)
            var expected = [
                "process_cpu_seconds_total", "target_info{", "otel_sdk_exporter_exported_total{signal=\"span\"}",
            ]
            if service == "dispatch" {
                expected += ["shop_queue_messages{queue=\"orders\"}", "shop_orders_dispatched_total "]
            } else {
                expected += [
                    "http_server_request_duration_seconds_bucket{http_request_method=", "http_server_active_requests",
                ]
            }
            if service == "payment" {
                expected += ["shop_orders_total{status=\"declined\"}", "shop_order_value_euros_sum"]
            }
            if service == "cart" { expected.append("shop_cart_items ") }
            for name in expected { #expect(page.contains(name), "\(service) lacks \(name)") }
            for line in page.split(separator: "\n") where !line.hasPrefix("#") {
                let value = line.split(separator: " ").last.map(String.init) ?? ""
                #expect(Double(value) != nil, "\(service): \(line)")
            }
            let health = fleet.description.services.first { $0.name == service }?.health
            if let health { #expect(try await get("http://\(address)\(health)").status == 200, "\(service)") }
        }
        let web = try #require(fleet.webAddress)
        let pages: [(String, String, Int)] = [
            ("GET", "/api/catalogue/product/ROB-100", 200), ("GET", "/api/catalogue/product/none", 404),
            ("GET", "/api/cart/add/me/ROB-100/0", 400), ("GET", "/nowhere", 404),
            ("POST", "/api/payment/pay/nobody", 422),
            ("POST", "/api/user/login", 400), ("PUT", "/api/ratings/api/rate/ROB-101/9", 400),
            ("GET", "/api/shipping/calc/99999999999999999999", 400), ("GET", "/api/catalogue/search/%22%27%3B--", 200),
        ]
        for (method, path, status) in pages {
            #expect(try await get("http://\(web)\(path)", method).status == status, "\(method) \(path)")
        }
    }

    private static func checkFaults(_ fleet: ShopFleet) async throws {
        let control = try #require(fleet.controlAddress)
        let web = try #require(fleet.webAddress)
        let requests: [(String, String, Int, String)] = [
            ("GET", "/faults", 200, #"{"name":"redis-down","on":false}"#),
            ("POST", "/faults/redis-down?on=true", 200, #"{"name":"redis-down","on":true}"#),
            ("POST", "/faults/redis-down?on=perhaps", 400, "on=true"),
            ("POST", "/faults/meteor?on=true", 404, "the faults are payment-errors"),
            ("GET", "/services", 200, "\"web\""),
        ]
        for (method, path, status, says) in requests {
            let answer = try await get("http://\(control)\(path)", method)
            #expect(answer.status == status && answer.body.contains(says), "\(method) \(path): \(answer)")
        }
        #expect(try await get("http://\(web)/api/cart/cart/me").status == 503)
        #expect(try await get("http://\(web)/api/user/uniqueid").status == 200)
        try fleet.setFault("redis-down", on: false)
        #expect(try await get("http://\(web)/api/cart/cart/me").status == 200)
        fleet.setFault(.catalogueSlow, on: true)
        let begin = ContinuousClock.now
        _ = try await get("http://\(web)/api/catalogue/categories")
        #expect(ContinuousClock.now - begin >= fleet.description.faults.catalogueDelay)
        fleet.setFault(.catalogueSlow, on: false)
        #expect(throws: FleetError.unknownFault("x")) { try fleet.setFault("x", on: true) }
    }

    private static func checkSpans(_ receiver: OTLPReceiver) {
        let spans = receiver.spans
        let byID = Dictionary(spans.map { ($0.span.spanID, $0) }, uniquingKeysWith: { first, _ in first })
        // The way of an order: process orders links to publish orders, whose ancestors lead to web.
        let consumers = spans.filter { $0.span.name == "process orders" && $0.span.kind == .consumer }
        let producers = consumers.compactMap { consumer in
            consumer.span.links.first.flatMap { byID[$0.spanID] }.map { (consumer, $0) }
        }
        #expect(!producers.isEmpty)
        for (consumer, producer) in producers {
            #expect(producer.service == "payment" && producer.span.kind == .producer)
            #expect(producer.span.name == "publish orders" && consumer.traceID != producer.traceID)
            #expect(consumer.span.parentSpanID.isEmpty)
            var way: [String] = []
            var current: OTLPReceiver.Span? = producer
            while let span = current {
                if way.last != span.service { way.append(span.service) }
                current = byID[span.span.parentSpanID]
            }
            #expect(way == ["payment", "web"])
        }
        let systems: [(service: String, system: String)] = [
            ("catalogue", "mongodb"), ("user", "mongodb"), ("user", "redis"), ("cart", "redis"), ("shipping", "mysql"),
            ("ratings", "mysql"),
        ]
        for (service, system) in systems {
            let call = spans.first { $0.service == service && $0.attribute("db.system.name") == system }
            #expect(call?.span.kind == .client, "\(service) calls \(system)")
            #expect(call?.attribute("server.address") == system && call?.attribute("db.query.text") != nil)
        }
        for span in spans where span.span.kind == .server {
            let status = span.span.attributes.first { $0.key == "http.response.status_code" }?.value.intValue ?? 0
            #expect((span.span.status.code == .error) == (status >= 500), "\(span.service) \(span.span.name) \(status)")
            if span.service != "web" || status < 404 {
                #expect(span.attribute("http.route") != nil, "\(span.span.name)")
            }
        }
    }

    private static func checkLogs(_ receiver: OTLPReceiver) throws {
        let declined = receiver.logs.filter { $0.service == "payment" && $0.body.contains("declined") }
        #expect(!declined.isEmpty)
        for log in declined {
            #expect(log.record.severityText == "ERROR")
            #expect(Set(log.record.attributes.map(\.key)).isSuperset(of: ["order_id", "user_id", "amount"]))
            let trace = receiver.spans.filter { $0.traceID == log.traceID }
            #expect(Set(trace.map(\.service)).isSuperset(of: ["web", "payment", "user", "cart", "shipping"]))
            let guilty = trace.filter { $0.span.status.code == .error && $0.span.name == "POST /v1/charges" }
            #expect(guilty.count == 1 && guilty.first?.span.events.first?.name == "exception")
            #expect(trace.contains { $0.span.spanID == log.record.spanID })
        }
        // A gateway that does not answer is the shop's own failure: an error in every span up to the customer. One that was
        // under way when the fleet was stopped may lack the outer ones.
        let failed = declined.filter { $0.body.contains("gateway did not answer") }
        let whole = failed.map { log in
            receiver.spans.filter { $0.traceID == log.traceID && $0.span.name.contains("/pay/{id}") }
        }.filter { $0.count == 3 }
        #expect(!whole.isEmpty && whole.joined().allSatisfy { $0.span.status.code == .error })
        #expect(receiver.logs.allSatisfy { $0.record.traceID.count == 16 && $0.record.spanID.count == 8 })
        #expect(receiver.logs.contains { $0.service == "cart" && $0.body.hasPrefix("level=info msg=\"item added\"") })
        let json = try #require(receiver.logs.first { $0.service == "shipping" })
        #expect(try JSONSerialization.jsonObject(with: Data(json.body.utf8)) is [String: Any])
    }

    @Test func theWayOfACustomerIsFixedBySeedAndNumber() async throws {
        func way(seed: UInt64, number: Int) async throws -> [String] {
            let sent = Mutex<[String]>([])
            var journey = CustomerJourney(number: number, user: "customer-1", seed: seed) { method, path, _ in
                sent.withLock { $0.append("\(method) \(path)") }
                return CustomerReply(status: 200, body: Data(#"[{"id":1,"name":"Lyon"}]"#.utf8))
            }
            try await journey.run()
            return sent.withLock { $0 }
        }
        var checkouts = 0
        var different: Set<[String]> = []
        for number in 0..<200 {
            let first = try await way(seed: 7, number: number)
            #expect(try await way(seed: 7, number: number) == first)
            different.insert(first)
            if first.contains(where: { $0.hasPrefix("POST /api/payment/pay/") }) { checkouts += 1 }
        }
        #expect(different.count > 150)
        #expect((40...160).contains(checkouts))
        #expect(try await way(seed: 7, number: 1) != way(seed: 8, number: 1))
    }

    @Test func aPortInUseIsNamedWithItsServiceAndDataSurviveARestart() async throws {
        try await withTemporaryFolder { folder in
            var options = ShopOptions()
            options.ephemeralPorts = true
            options.rate = 0
            options.dataFolder = folder.path
            options.otlpEndpoint = "http://127.0.0.1:9"
            try await run(options) { first in
                let web = first.webAddress ?? ""
                #expect(try await Self.get("http://\(web)/api/cart/add/me/ROB-105/2").status == 200)
                // The same port again, by another fleet.
                var taken = try FleetDescription.shopstack()
                let port = Int(web.split(separator: ":").last ?? "") ?? 0
                for index in taken.services.indices { taken.services[index].port = index == 0 ? port : 0 }
                taken.controlPort = 0
                var other = ShopOptions()
                other.rate = 0
                other.otlpEndpoint = options.otlpEndpoint
                let second = ShopFleet(description: taken, options: other)
                await #expect(throws: FleetError.portInUse(service: "web", host: "127.0.0.1", port: port)) {
                    try await second.run()
                }
                await #expect(throws: FleetError.alreadyRunning) { try await second.run() }
            }
            try await run(options) { again in
                let cart = try await Self.get("http://\(again.webAddress ?? "")/api/cart/cart/me")
                #expect(cart.body.contains("Night Porter") && cart.body.contains("\"quantity\":2"))
            }
        }
    }

    private func run(_ options: ShopOptions, _ body: (ShopFleet) async throws -> Void) async throws {
        let fleet = ShopFleet(description: try .shopstack(), options: options)
        let services = ServiceGroup(
            configuration: .init(services: [fleet], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            while fleet.scrapeTargets.count < 8 || fleet.controlAddress == nil {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await body(fleet)
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}
