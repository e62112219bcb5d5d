import Telemetry

/// A shop of twenty services with several instances each; the same for one seed.
struct Shop: Sendable {
    static let services = [
        "web", "catalogue", "cart", "checkout", "payment", "shipping", "orders", "inventory", "pricing", "search",
        "recommendations", "reviews", "users", "sessions", "email", "fraud", "promotions", "media", "tax", "warehouse",
    ]

    let instances: [ShopInstance]
    let seed: UInt64

    /// Exactly `series` series; an instance shows at most `perInstance`.
    init(series: Int, perInstance: Int, intervalMilliseconds: Int64, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var instances: [ShopInstance] = []
        var left = series
        while left > 0 {
            let index = instances.count
            let service = Self.services[index % Self.services.count]
            let replica = index / Self.services.count
            let empty = ShopInstance(
                service: service, replica: replica,
                targetLabels: [
                    Label("env", "production"),
                    Label("instance", "10.0.\(index % Self.services.count).\(replica + 11):8080"),
                    Label("job", "shop-\(service)"),
                    Label("region", (index + replica) % 2 == 0 ? "eu-central-1" : "eu-west-1"),
                    Label("service", service),
                    Label("version", "2026.11.\(index % 7)"),
                ],
                offset: Int64(random.next() % UInt64(max(1, intervalMilliseconds))))
            let filled = ShopFamilies.fill(empty, seriesCount: min(left, perInstance), seed: random.next())
            left -= filled.seriesCount
            instances.append(filled)
        }
        // A scraper meets the targets in the order of their offsets.
        self.instances = instances.sorted { $0.offset < $1.offset }
        self.seed = seed
    }

    var seriesCount: Int { instances.reduce(0) { $0 + $1.seriesCount } }

    func values() -> [InstanceValues] {
        instances.enumerated().map { InstanceValues($1, seed: seed &+ UInt64($0) &* 0x9e37_79b9) }
    }
}
