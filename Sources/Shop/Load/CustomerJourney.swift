import Foundation

/// One visit of one customer, from the front page to leaving or paying.
struct CustomerJourney {
    private let user: String
    private var generator: JourneyGenerator
    private let send: (_ method: String, _ path: String, _ body: String?) async throws -> CustomerReply
    private(set) var checkouts = 0
    private(set) var orders = 0

    init(
        number: Int, user: String, seed: UInt64,
        send: @escaping (_ method: String, _ path: String, _ body: String?) async throws -> CustomerReply
    ) {
        self.user = user
        self.send = send
        generator = JourneyGenerator(seed: seed, journey: UInt64(number))
    }

    mutating func run() async throws {
        _ = try await send("GET", "/", nil)
        var customer = try await text("GET", "/api/user/uniqueid", "uuid") ?? "anonymous"
        _ = try await send("GET", "/api/catalogue/categories", nil)
        var seen: [String] = []
        for _ in 0..<Int.random(in: 1...3, using: &generator) { seen.append(try await browse()) }
        guard chance(0.65) else { return }
        for sku in seen.prefix(Int.random(in: 1...2, using: &generator)) {
            let quantity = Int.random(in: 1...3, using: &generator)
            let reply = try await send("GET", "/api/cart/add/\(customer)/\(sku)/\(quantity)", nil)
            guard reply.status == 200 else { return }
        }
        if chance(0.7) {
            guard try await login() else { return }
            _ = try await send("GET", "/api/cart/rename/\(customer)/\(user)", nil)
            customer = user
        }
        _ = try await send("GET", "/api/cart/cart/\(customer)", nil)
        guard chance(0.8) else { return }
        try await checkOut(customer)
        if chance(0.3), let sku = seen.first {
            let score = 1 + Int(4.99 * Double.random(in: 0..<1, using: &generator).squareRoot())
            _ = try await send("PUT", "/api/ratings/api/rate/\(sku)/\(score)", nil)
        }
    }

    private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &generator) < share }

    /// Squaring makes a few products popular, as in every shop.
    private mutating func anySKU() -> String {
        let draw = Double.random(in: 0..<1, using: &generator)
        let index = Int(draw * draw * Double(ShopGoods.skus.count))
        return ShopGoods.skus[min(index, ShopGoods.skus.count - 1)]
    }

    private mutating func browse() async throws -> String {
        if chance(0.25) {
            let words = ["cat", "pipe", "tea", "lawn", "parcel", "metre"]
            _ = try await send("GET", "/api/catalogue/search/\(words.randomElement(using: &generator) ?? "tea")", nil)
        } else {
            let category = ShopGoods.categories.randomElement(using: &generator) ?? ShopGoods.categories[0]
            _ = try await send("GET", "/api/catalogue/products/\(category)", nil)
        }
        if chance(0.01) { _ = try await send("GET", "/api/catalogue/product/ROB-999", nil) }
        let sku = anySKU()
        _ = try await send("GET", "/api/catalogue/product/\(sku)", nil)
        _ = try await send("GET", "/api/ratings/api/fetch/\(sku)", nil)
        return sku
    }

    private mutating func login() async throws -> Bool {
        let password = chance(0.04) ? "forgotten" : ShopGoods.password(user)
        let reply = try await send(
            "POST", "/api/user/login", #"{"name":"\#(user)","password":"\#(password)"}"#)
        return reply.status == 200
    }

    private mutating func checkOut(_ customer: String) async throws {
        _ = try await send("GET", "/api/shipping/codes", nil)
        let code = ShopGoods.countryCodes.randomElement(using: &generator) ?? "de"
        let answer = try await send("GET", "/api/shipping/cities/\(code)", nil)
        let cities = (try? JSONDecoder().decode([City].self, from: answer.body)) ?? []
        guard let city = cities.randomElement(using: &generator) else { return }
        _ = try await send("GET", "/api/shipping/calc/\(city.id)", nil)
        let confirmed = try await send("POST", "/api/shipping/confirm/\(customer)", #"{"city":\#(city.id)}"#)
        guard confirmed.status == 200 else { return }
        checkouts += 1
        let paid = try await send("POST", "/api/payment/pay/\(customer)", "{}")
        if paid.status == 200 { orders += 1 }
    }

    private func text(_ method: String, _ path: String, _ key: String) async throws -> String? {
        let reply = try await send(method, path, nil)
        return try? JSONDecoder().decode([String: String].self, from: reply.body)[key]
    }
}

/// SplitMix64, seeded by the fleet's seed and the number of the visit: visits differ, runs do not.
struct JourneyGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64, journey: UInt64) { state = seed &+ journey &* 0xd1b5_4a32_d192_ed03 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
