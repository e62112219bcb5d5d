import GRDB
import HTTPTypes
import Hummingbird
import ServiceInstrumentation

struct Product: Codable, Sendable, FetchableRecord {
    let sku: String
    let name: String
    let category: String
    let description: String
    let priceCents: Int
    let inStock: Int

    enum CodingKeys: String, CodingKey {
        case sku, name, category, description
        case priceCents = "price_cents"
        case inStock = "in_stock"
    }
}

/// Products, from MongoDB.
struct CatalogueService: ShopService {
    private let environment: ServiceEnvironment
    private let mongodb: BackingSystem

    init(environment: ServiceEnvironment) {
        self.environment = environment
        mongodb = environment.mongodb("catalogue")
    }

    func addRoutes(to router: ShopRouter) {
        router.get("/categories") { _, _ in
            let call = DatabaseCall(
                operation: "distinct", target: "products", text: #"{"distinct":"products","key":"category"}"#)
            let names = try await mongodb.read(call) { database in
                try String.fetchAll(database, sql: "SELECT DISTINCT category FROM products ORDER BY category")
            }
            return try JSON.response(names)
        }
        router.get("/products") { _, _ in try JSON.response(try await find(filter: "{}", where: "1", [])) }
        router.get("/products/{category}") { _, context in
            let category = try context.parameter("category")
            return try JSON.response(try await find(filter: #"{"category":"?"}"#, where: "category = ?", [category]))
        }
        router.get("/product/{sku}") { _, context in
            let sku = try context.parameter("sku")
            guard let product = try await find(filter: #"{"sku":"?"}"#, where: "sku = ?", [sku]).first else {
                environment.log.warning("no product has the sku", ["sku": .string(sku)])
                throw RequestRefused(.notFound, "no product has the sku \(sku)")
            }
            return try JSON.response(product)
        }
        router.get("/search/{text}") { _, context in
            let text = try context.parameter("text")
            let found = try await find(
                filter: #"{"$text":{"$search":"?"}}"#,
                where: "instr(lower(name || ' ' || description), lower(?)) > 0", [text])
            environment.log.info("searched", ["text": .string(text), "found": .integer(found.count)])
            return try JSON.response(found)
        }
    }

    private func find(filter: String, where condition: String, _ arguments: [String]) async throws -> [Product] {
        let call = DatabaseCall(
            operation: "find", target: "products", text: #"{"find":"products","filter":\#(filter)}"#)
        return try await mongodb.read(call) { database in
            try Product.fetchAll(
                database, sql: "SELECT * FROM products WHERE \(condition) ORDER BY sku LIMIT 100",
                arguments: StatementArguments(arguments))
        }
    }
}
