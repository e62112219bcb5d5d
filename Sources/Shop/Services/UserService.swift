import Foundation
import GRDB
import HTTPTypes
import Hummingbird
import ServiceInstrumentation

struct Order: Codable, Sendable {
    let id: String
    let totalCents: Int

    enum CodingKeys: String, CodingKey {
        case id
        case totalCents = "total_cents"
    }
}

/// Who is in the shop: accounts and orders from MongoDB, anonymous ids and sessions from Redis.
struct UserService: ShopService {
    private struct Login: Decodable {
        let name: String
        let password: String
    }

    private let environment: ServiceEnvironment
    private let mongodb: BackingSystem
    private let redis: BackingSystem
    private let logins: Counter

    init(environment: ServiceEnvironment) {
        self.environment = environment
        mongodb = environment.mongodb("users")
        redis = environment.redis()
        logins = environment.metrics.counter("shop_logins_total", help: "Logins by result.")
    }

    func addRoutes(to router: ShopRouter) {
        router.get("/uniqueid") { _, _ in try JSON.response(["uuid": await uniqueID()]) }
        router.get("/check/{id}") { _, context in
            let name = try context.parameter("id")
            return try JSON.response(["registered": try await find(name) != nil])
        }
        router.post("/login") { request, _ in try await login(try await JSON.decode(request)) }
        router.get("/history/{id}") { _, context in try await history(try context.parameter("id")) }
        router.post("/order/{id}") { request, context in
            try await store(try await JSON.decode(request), user: try context.parameter("id"))
        }
    }

    /// Without Redis customers get a random id instead of the next number: nobody is sent away for that.
    private func uniqueID() async -> String {
        do {
            let number = try await redis.write(DatabaseCall(operation: "INCR", text: "INCR anonymous-counter")) {
                try Int.fetchOne(
                    $0,
                    sql: """
                        INSERT INTO counters VALUES('anonymous-counter', 1)
                        ON CONFLICT(key) DO UPDATE SET value = value + 1 RETURNING value
                        """) ?? 1
            }
            return "anonymous-\(number)"
        } catch {
            environment.log.warning("counter unavailable, random id given instead: \(error)", ["cache": "redis"])
            return "anonymous-\(UUID().uuidString.prefix(8).lowercased())"
        }
    }

    private func find(_ name: String) async throws -> String? {
        let call = DatabaseCall(
            operation: "find", target: "users", text: #"{"find":"users","filter":{"name":"?"},"limit":1}"#)
        return try await mongodb.read(call) {
            try String.fetchOne($0, sql: "SELECT password FROM users WHERE name = ?", arguments: [name])
        }
    }

    private func login(_ login: Login) async throws -> Response {
        guard let password = try await find(login.name), password == login.password else {
            logins.increment(["result": "refused"])
            environment.log.warning("login refused: wrong name or password", ["user_id": .string(login.name)])
            throw RequestRefused(.unauthorized, "wrong name or password")
        }
        let key = "session:\(login.name)"
        do {
            try await redis.write(DatabaseCall(operation: "SETEX", text: "SETEX session:? 3600 ?")) {
                try $0.execute(
                    sql: "INSERT OR REPLACE INTO hashes VALUES(?, '', ?, unixepoch() + 3600)",
                    arguments: [key, UUID().uuidString])
            }
        } catch {
            environment.log.warning("session not kept: \(error)", ["user_id": .string(login.name), "cache": "redis"])
        }
        logins.increment(["result": "accepted"])
        environment.log.info("user logged in", ["user_id": .string(login.name)])
        return try JSON.response(["name": login.name, "email": "\(login.name)@shop.example"])
    }

    private func history(_ user: String) async throws -> Response {
        let call = DatabaseCall(
            operation: "find", target: "orders", text: #"{"find":"orders","filter":{"user":"?"},"limit":20}"#)
        let orders = try await mongodb.read(call) { database in
            let sql = "SELECT id, total_cents FROM orders WHERE user = ? ORDER BY created DESC LIMIT 20"
            return try Row.fetchAll(database, sql: sql, arguments: [user])
                .map { Order(id: $0["id"], totalCents: $0["total_cents"]) }
        }
        return try JSON.response(orders)
    }

    private func store(_ order: Order, user: String) async throws -> Response {
        let call = DatabaseCall(operation: "insert", target: "orders", text: #"{"insert":"orders","documents":["?"]}"#)
        try await mongodb.write(call) {
            try $0.execute(
                sql: "INSERT INTO orders VALUES(?, ?, ?, unixepoch())",
                arguments: [order.id, user, order.totalCents])
        }
        environment.log.info("order kept", ["order_id": .string(order.id), "user_id": .string(user)])
        return try JSON.response(["id": order.id], status: .created)
    }
}
