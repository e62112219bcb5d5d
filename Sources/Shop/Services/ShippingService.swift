import GRDB
import HTTPTypes
import Hummingbird
import ServiceInstrumentation

struct City: Codable, Sendable {
    let id: Int
    let name: String
}

struct Country: Codable, Sendable {
    let code: String
    let name: String
}

/// Where the shop delivers and for how much, from MySQL.
struct ShippingService: ShopService {
    private struct Destination: Decodable {
        let city: Int
    }

    private let environment: ServiceEnvironment
    private let mysql: BackingSystem

    init(environment: ServiceEnvironment) {
        self.environment = environment
        mysql = environment.mysql("cities")
    }

    func addRoutes(to router: ShopRouter) {
        router.get("/codes") { _, _ in
            let call = DatabaseCall(
                operation: "SELECT", target: "cities", text: "SELECT DISTINCT code, country FROM cities ORDER BY code")
            let countries = try await mysql.read(call) { database in
                try Row.fetchAll(database, sql: call.text).map { Country(code: $0["code"], name: $0["country"]) }
            }
            return try JSON.response(countries)
        }
        router.get("/cities/{code}") { _, context in
            let code = try context.parameter("code")
            let call = DatabaseCall(
                operation: "SELECT", target: "cities", text: "SELECT id, name FROM cities WHERE code = ? ORDER BY name")
            let cities = try await mysql.read(call) { database in
                try Row.fetchAll(database, sql: call.text, arguments: [code])
                    .map { City(id: $0["id"], name: $0["name"]) }
            }
            return try JSON.response(cities)
        }
        router.get("/calc/{city}") { _, context in
            try JSON.response(try await delivery(to: try context.number("city", 1...1_000_000)))
        }
        router.post("/confirm/{id}") { request, context in
            let destination: Destination = try await JSON.decode(request)
            return try await confirm(try context.parameter("id"), city: destination.city)
        }
    }

    private func delivery(to city: Int) async throws -> Delivery {
        let call = DatabaseCall(
            operation: "SELECT", target: "cities", text: "SELECT name, distance_km FROM cities WHERE id = ?")
        let found = try await mysql.read(call) { database in
            try Row.fetchOne(database, sql: call.text, arguments: [city])
                .map { ($0["name"] as String, $0["distance_km"] as Int) }
        }
        guard let (name, distance) = found else { throw RequestRefused(.notFound, "no city has the number \(city)") }
        // 4.90 euros and one cent for each kilometre.
        let delivery = Delivery(city: city, location: name, distanceKm: distance, costCents: 490 &+ distance)
        environment.log.info(
            "delivery calculated",
            [
                "location": .string(name), "distance_km": .integer(distance),
                "cost_cents": .integer(delivery.costCents),
            ])
        return delivery
    }

    private func confirm(_ cart: String, city: Int) async throws -> Response {
        let delivery = try await delivery(to: city)
        let reply = try await environment.client.call(
            .cart, "POST", "/shipping/{id}", path: "/shipping/\(cart.pathSegment)", json: delivery)
        guard (200..<300).contains(reply.status) else {
            throw UpstreamFailed(service: reply.service, status: reply.status, message: reply.message)
        }
        environment.log.info("delivery confirmed", ["cart_id": .string(cart), "location": .string(delivery.location)])
        return JSON.bytes(reply.body, status: .ok)
    }
}
