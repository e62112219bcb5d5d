import GRDB
import HTTPTypes
import Hummingbird
import ServiceInstrumentation

struct Rating: Codable, Sendable {
    let sku: String
    let average: Double
    let count: Int
}

/// What customers think of products, from MySQL.
struct RatingsService: ShopService {
    private let environment: ServiceEnvironment
    private let mysql: BackingSystem
    private let given: Counter

    init(environment: ServiceEnvironment) {
        self.environment = environment
        mysql = environment.mysql("ratings")
        given = environment.metrics.counter("shop_ratings_total", help: "Ratings given, by score.")
    }

    func addRoutes(to router: ShopRouter) {
        router.get("/api/fetch/{sku}") { _, context in
            let sku = try context.parameter("sku")
            let call = DatabaseCall(
                operation: "SELECT", target: "ratings", text: "SELECT total, count FROM ratings WHERE sku = ?")
            let found = try await mysql.read(call) { database in
                try Row.fetchOne(database, sql: call.text, arguments: [sku])
                    .map { ($0["total"] as Int, $0["count"] as Int) }
            }
            let (total, count) = found ?? (0, 0)
            let average = count == 0 ? 0 : Double(total) / Double(count)
            return try JSON.response(Rating(sku: sku, average: average, count: count))
        }
        router.put("/api/rate/{sku}/{score}") { _, context in
            try await rate(try context.parameter("sku"), score: try context.number("score", 1...5))
        }
    }

    private func rate(_ sku: String, score: Int) async throws -> Response {
        let reply = try await environment.client.call(
            .catalogue, "GET", "/product/{sku}", path: "/product/\(sku.pathSegment)")
        if reply.status == 404 { throw RequestRefused(.notFound, "no product has the sku \(sku)") }
        let product: Product = try reply.decode()
        let call = DatabaseCall(
            operation: "INSERT", target: "ratings",
            text: """
                INSERT INTO ratings VALUES(?, ?, 1) \
                ON DUPLICATE KEY UPDATE total = total + VALUES(total), count = count + 1
                """)
        try await mysql.write(call) {
            try $0.execute(
                sql: """
                    INSERT INTO ratings VALUES(?, ?, 1)
                    ON CONFLICT(sku) DO UPDATE SET total = total + excluded.total, count = count + 1
                    """,
                arguments: [sku, score])
        }
        given.increment(["score": "\(score)"])
        environment.log.info("product rated", ["sku": .string(product.sku), "score": .integer(score)])
        return try JSON.response(["sku": sku, "score": "\(score)"])
    }
}
