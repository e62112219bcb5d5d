import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

/// What the customers have done so far.
package struct LoadCounts: Sendable, Equatable {
    /// Requests answered below 500.
    package var succeeded = 0
    /// Requests answered with 500 or above, or not at all.
    package var failed = 0
    /// Visits to the shop that came to their end.
    package var journeys = 0
    /// Checkouts that were tried, and those of them that ended with an order.
    package var checkouts = 0
    package var orders = 0
}

/// Spaces requests evenly, whoever makes them.
final class Pacer: Sendable {
    private let interval: Duration
    private let nextSlot = Mutex(ContinuousClock.now)

    init(rate: Double) { interval = .seconds(1) / rate }

    func wait() async throws {
        let slot = nextSlot.withLock { next in
            // Time that was lost to slow answers is not made up by a burst.
            let slot = max(next, ContinuousClock.now)
            next = slot + interval
            return slot
        }
        try await Task.sleep(until: slot, clock: .continuous)
    }
}

/// Customers who walk through the shop. Which way each goes is fixed by the seed.
final class LoadGenerator: Sendable {
    private let client: HTTPClient
    private let directory: ServiceDirectory
    private let load: LoadDescription
    private let counts = Mutex(LoadCounts())
    private let nextJourney = Mutex(0)

    init(client: HTTPClient, directory: ServiceDirectory, load: LoadDescription) {
        self.client = client
        self.directory = directory
        self.load = load
    }

    var current: LoadCounts { counts.withLock { $0 } }

    /// Runs until the task is cancelled.
    func run() async {
        guard load.rate > 0 else { return }
        let pacer = Pacer(rate: load.rate)
        await withDiscardingTaskGroup { group in
            for customer in 0..<load.customers {
                group.addTask { await self.shop(customer, pacer) }
            }
        }
    }

    private func shop(_ customer: Int, _ pacer: Pacer) async {
        while !Task.isCancelled {
            let journey = nextJourney.withLock { next in
                defer { next += 1 }
                return next
            }
            // Customers at the same time never share an account, or they would empty each other's carts.
            let user = ShopGoods.userName(customer &+ journey % 8 &* load.customers)
            var visit = CustomerJourney(
                number: journey, user: user, seed: load.seed,
                send: { method, path, body in try await self.send(method, path, body, pacer) })
            do {
                try await visit.run()
                counts.withLock { $0.journeys += 1 }
            } catch is CancellationError {
                return
            } catch {
                // A customer who meets an error leaves; the failed request is counted where it was sent.
            }
            counts.withLock {
                $0.checkouts += visit.checkouts
                $0.orders += visit.orders
            }
        }
    }

    /// - Throws: `JourneyEnded` for an answer that ends the visit.
    private func send(_ method: String, _ path: String, _ body: String?, _ pacer: Pacer) async throws -> CustomerReply {
        try await pacer.wait()
        guard let address = directory.address(.web) else { throw JourneyEnded.noAnswer }
        var request = HTTPClientRequest(url: "http://\(address)\(path)")
        request.method = .init(rawValue: method)
        request.headers.add(name: "User-Agent", value: "shop-customer/1.0")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        do {
            let response = try await client.execute(request, timeout: .seconds(20))
            let answer = try await response.body.collect(upTo: 1 << 20)
            let status = Int(response.status.code)
            counts.withLock { if status < 500 { $0.succeeded += 1 } else { $0.failed += 1 } }
            if status >= 500 { throw JourneyEnded.serverError(status) }
            return CustomerReply(status: status, body: Data(answer.readableBytesView))
        } catch let error as JourneyEnded {
            throw error
        } catch {
            if Task.isCancelled { throw CancellationError() }
            counts.withLock { $0.failed += 1 }
            throw JourneyEnded.noAnswer
        }
    }
}

enum JourneyEnded: Error {
    case serverError(Int)
    case noAnswer
}

struct CustomerReply: Sendable {
    let status: Int
    let body: Data
}
