import Foundation
import GRDB
import HTTPTypes
import Hummingbird
import ServiceInstrumentation

struct CartItem: Codable, Sendable {
    /// `SHIP` for the delivery.
    let sku: String
    let name: String
    var quantity: Int
    let priceCents: Int
    /// Of the delivery only.
    var city: Int?

    enum CodingKeys: String, CodingKey {
        case sku, name, quantity, city
        case priceCents = "price_cents"
    }
}

struct Cart: Codable, Sendable {
    let items: [CartItem]
    let totalCents: Int

    init(items: [CartItem]) {
        self.items = items
        totalCents = items.reduce(0) { $0 &+ $1.priceCents &* $1.quantity }
    }

    enum CodingKeys: String, CodingKey {
        case items
        case totalCents = "total_cents"
    }
}

/// What the shipping service knows of a delivery.
struct Delivery: Codable, Sendable {
    let city: Int
    let location: String
    let distanceKm: Int
    let costCents: Int

    enum CodingKeys: String, CodingKey {
        case city, location
        case distanceKm = "distance_km"
        case costCents = "cost_cents"
    }
}

/// Carts, each a hash in Redis that expires an hour after its last change.
struct CartService: ShopService {
    private let environment: ServiceEnvironment
    private let redis: BackingSystem
    private let added: Counter

    init(environment: ServiceEnvironment) {
        self.environment = environment
        redis = environment.redis()
        added = environment.metrics.counter("shop_cart_items_added_total", help: "Items put into carts.")
        let items = environment.metrics.gauge("shop_cart_items", help: "Items that are in carts now.")
        let carts = environment.metrics.gauge("shop_carts", help: "Carts that are not empty.")
        environment.metrics.onCollect { [data = environment.data] in
            // Expired carts go when somebody looks, as in Redis.
            let counts = try? data.pool.write { database in
                try database.execute(sql: "DELETE FROM hashes WHERE expires < unixepoch()")
                let sql = """
                    SELECT count(DISTINCT key) AS carts, coalesce(sum(json_extract(value, '$.quantity')), 0) AS items
                    FROM hashes WHERE key >= 'cart:' AND key < 'cart;' AND field <> 'SHIP'
                    """
                return try Row.fetchOne(database, sql: sql).map { ($0["carts"] as Int, $0["items"] as Int) }
            }
            guard let counts = counts.flatMap({ $0 }) else { return }
            carts.set(Double(counts.0))
            items.set(Double(counts.1))
        }
    }

    func addRoutes(to router: ShopRouter) {
        router.get("/cart/{id}") { _, context in try JSON.response(try await cart(try context.parameter("id"))) }
        router.delete("/cart/{id}") { _, context in
            let id = try context.parameter("id")
            try await delete(id)
            environment.log.info("cart deleted", ["cart_id": .string(id)])
            return try JSON.response(["deleted": id])
        }
        router.get("/add/{id}/{sku}/{quantity}") { _, context in
            try await add(
                try context.number("quantity", 1...100), of: try context.parameter("sku"),
                to: try context.parameter("id"))
        }
        router.get("/rename/{from}/{to}") { _, context in
            try await rename(try context.parameter("from"), to: try context.parameter("to"))
        }
        router.post("/shipping/{id}") { request, context in
            let delivery: Delivery = try await JSON.decode(request)
            let line = CartItem(
                sku: "SHIP", name: "delivery to \(delivery.location)", quantity: 1, priceCents: delivery.costCents,
                city: delivery.city)
            let id = try context.parameter("id")
            try await put(line, into: id)
            return try JSON.response(try await cart(id))
        }
        router.get("/quote/{id}") { _, context in try await quote(try context.parameter("id")) }
    }

    private func cart(_ id: String) async throws -> Cart {
        let call = DatabaseCall(operation: "HGETALL", text: "HGETALL cart:?")
        let lines = try await redis.read(call) { database in
            let sql = "SELECT value FROM hashes WHERE key = ? AND expires >= unixepoch() ORDER BY field"
            return try String.fetchAll(database, sql: sql, arguments: ["cart:\(id)"])
        }
        let decoder = JSONDecoder()
        return Cart(items: try lines.map { try decoder.decode(CartItem.self, from: Data($0.utf8)) })
    }

    private func put(_ item: CartItem, into id: String) async throws {
        let value = String(decoding: try JSONEncoder().encode(item), as: UTF8.self)
        try await redis.write(DatabaseCall(operation: "HSET", text: "HSET cart:? ? ?")) {
            try $0.execute(
                sql: "INSERT OR REPLACE INTO hashes VALUES(?, ?, ?, unixepoch() + 3600)",
                arguments: ["cart:\(id)", item.sku, value])
        }
    }

    private func delete(_ id: String) async throws {
        try await redis.write(DatabaseCall(operation: "DEL", text: "DEL cart:?")) {
            try $0.execute(sql: "DELETE FROM hashes WHERE key = ?", arguments: ["cart:\(id)"])
        }
    }

    private func add(_ quantity: Int, of sku: String, to id: String) async throws -> Response {
        let reply = try await environment.client.call(
            .catalogue, "GET", "/product/{sku}", path: "/product/\(sku.pathSegment)")
        if reply.status == 404 { throw RequestRefused(.notFound, "no product has the sku \(sku)") }
        let product: Product = try reply.decode()
        let known = try await cart(id).items.first { $0.sku == sku }
        let item = CartItem(
            sku: sku, name: product.name, quantity: min(100, (known?.quantity ?? 0) &+ quantity),
            priceCents: product.priceCents)
        try await put(item, into: id)
        added.increment(by: Double(quantity))
        environment.log.info(
            "item added", ["cart_id": .string(id), "sku": .string(sku), "quantity": .integer(quantity)])
        return try JSON.response(try await cart(id))
    }

    /// An anonymous customer logs in: the cart goes along.
    private func rename(_ from: String, to: String) async throws -> Response {
        try await redis.write(DatabaseCall(operation: "RENAME", text: "RENAME cart:? cart:?")) {
            try $0.execute(sql: "DELETE FROM hashes WHERE key = ?", arguments: ["cart:\(to)"])
            try $0.execute(
                sql: "UPDATE hashes SET key = ? WHERE key = ?", arguments: ["cart:\(to)", "cart:\(from)"])
        }
        environment.log.info("cart renamed", ["from": .string(from), "to": .string(to)])
        return try JSON.response(try await cart(to))
    }

    /// The cart with its delivery at today's cost.
    private func quote(_ id: String) async throws -> Response {
        let cart = try await cart(id)
        guard let line = cart.items.first(where: { $0.sku == "SHIP" }), let city = line.city else {
            throw RequestRefused(.unprocessableContent, "the cart \(id) has no delivery address")
        }
        guard cart.items.count > 1 else { throw RequestRefused(.unprocessableContent, "the cart \(id) is empty") }
        let delivery: Delivery = try await environment.client.call(
            .shipping, "GET", "/calc/{city}", path: "/calc/\(city)"
        ).decode()
        var items = cart.items.filter { $0.sku != "SHIP" }
        items.append(
            CartItem(sku: "SHIP", name: line.name, quantity: 1, priceCents: delivery.costCents, city: city))
        return try JSON.response(Cart(items: items))
    }
}
