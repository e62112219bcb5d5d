import Telemetry

/// What a shop's exporters show, family by family, until an instance has as many series as are wanted.
struct ShopFamilies {
    private var random: SeededRandom
    private var instance: ShopInstance
    private let wanted: Int
    private let busy: Double

    static func fill(_ instance: ShopInstance, seriesCount: Int, seed: UInt64) -> ShopInstance {
        var families = ShopFamilies(instance, seriesCount: seriesCount, seed: seed)
        families.process()
        families.machine()
        families.business()
        families.traffic()
        families.pad()
        return families.instance
    }

    private init(_ instance: ShopInstance, seriesCount: Int, seed: UInt64) {
        self.instance = instance
        wanted = seriesCount
        random = SeededRandom(seed: seed)
        busy = random.between(0.2, 1.5)
    }

    private var room: Int { wanted - instance.seriesCount }

    private mutating func add(
        _ name: String, _ kind: MetricMetadata.Kind, _ help: String, _ members: [ShopInstance.Member]
    ) {
        var kept: [ShopInstance.Member] = []
        var left = room
        for member in members where member.source.seriesCount <= left {
            kept.append(member)
            left -= member.source.seriesCount
        }
        if !kept.isEmpty {
            instance.families.append(.init(name: name, kind: kind, help: help, members: kept))
        }
    }

    private func one(_ behaviour: Behaviour, _ labels: KeyValuePairs<String, String> = [:]) -> ShopInstance.Member {
        .init(labels: labels.map { Label($0, $1) }, source: .plain(behaviour))
    }

    private mutating func process() {
        add("build_info", .gauge, "What runs.", [one(.constant(1), ["commit": "4f2a91c", "compiler": "swift-6.3"])])
        add(
            "process_start_time_seconds", .gauge, "Start.",
            [one(.constant(1_790_000_000.25 + random.between(0, 9).rounded()))])
        add("process_max_fds", .gauge, "Limit of files.", [one(.constant(1_048_576))])
        add("process_cpu_seconds_total", .counter, "CPU time.", [one(.seconds(perSecond: 0.4 * busy))])
        add("process_resident_memory_bytes", .gauge, "RSS.", [one(.pages(around: 2.2e8 * busy))])
        add("process_virtual_memory_bytes", .gauge, "Virtual memory.", [one(.constant(1_325_400_064))])
        add("process_open_fds", .gauge, "Open files.", [one(.integerGauge(around: 120 * busy, swing: 9))])
        add("runtime_threads", .gauge, "Threads.", [one(.integerGauge(around: 24, swing: 2))])
        let areas = ["eden", "survivor", "old", "code", "metaspace"]
        add(
            "runtime_memory_used_bytes", .gauge, "Memory by area.",
            areas.map { one(.pages(around: 6e7 * busy), ["area": $0]) })
        let generations = ["young", "old"]
        add(
            "runtime_gc_collections_total", .counter, "Collections.",
            generations.map { one(.counter(perSecond: $0 == "young" ? 0.2 : 0.002), ["generation": $0]) })
        add(
            "runtime_gc_seconds_total", .counter, "Time in collections.",
            generations.map { one(.seconds(perSecond: $0 == "young" ? 0.01 : 0.0002), ["generation": $0]) })
    }

    private mutating func machine() {
        let modes: [(String, Double)] = [("user", 0.5), ("system", 0.1), ("iowait", 0.01), ("idle", 0.4)]
        var cores: [ShopInstance.Member] = []
        for core in 0..<4 {
            for (mode, share) in modes {
                cores.append(
                    one(.seconds(perSecond: share * random.between(0.7, 1.2)), ["cpu": "\(core)", "mode": mode]))
            }
        }
        add("node_cpu_seconds_total", .counter, "CPU time by core and mode.", cores)
        add(
            "node_temperature_celsius", .gauge, "Temperature.",
            (0..<4).map { one(.decimalGauge(around: 52, swing: 1.5), ["sensor": "core\($0)"]) })
        add("node_load1", .gauge, "Load.", [one(.decimalGauge(around: 1.8 * busy, swing: 0.3))])
        let states = ["idle", "used", "waiting"]
        var pools: [ShopInstance.Member] = []
        for pool in ["primary", "replica", "cache"] {
            for state in states {
                pools.append(
                    one(.integerGauge(around: state == "waiting" ? 0.4 : 14, swing: 3), ["pool": pool, "state": state]))
            }
        }
        add("pool_connections", .gauge, "Connections of a pool.", pools)
        add(
            "feature_enabled", .gauge, "Feature switches.",
            (0..<12).map { one(.constant(Double($0 % 2)), ["feature": "feature-\($0)"]) })
    }

    private mutating func business() {
        var orders: [ShopInstance.Member] = []
        var revenue: [ShopInstance.Member] = []
        for (rank, country) in ["DE", "FR", "IT", "PL", "SE"].enumerated() {
            for (place, method) in ["card", "invoice", "wallet"].enumerated() {
                let rate = 0.6 * busy / Double((rank + 1) * (place + 1))
                orders.append(one(.counter(perSecond: rate), ["country": country, "payment_method": method]))
                revenue.append(
                    one(.money(perSecond: rate, price: 37.5), ["country": country, "payment_method": method]))
            }
        }
        add("shop_orders_total", .counter, "Orders.", orders)
        add("shop_revenue_euros_total", .counter, "Revenue.", revenue)
        add(
            "shop_stock_units", .gauge, "Units in stock.",
            (0..<10).map { one(.integerGauge(around: 4000, swing: 12), ["category": "category-\($0)"]) })
        let errors = ["timeout", "refused", "declined", "invalid", "conflict", "internal"]
        add(
            "shop_errors_total", .counter, "Errors by kind.",
            errors.enumerated().map { one(.counter(perSecond: $0 < 2 ? 0.003 : 0), ["kind": $1]) })
        var topics: [ShopInstance.Member] = []
        for (rank, topic) in ["orders", "payments", "stock", "emails", "clicks"].enumerated() {
            for outcome in ["ok", "retried", "dead"] {
                let share = outcome == "ok" ? 4.0 : outcome == "retried" ? 0.02 : 0
                topics.append(
                    one(.counter(perSecond: share * busy / Double(rank + 1)), ["outcome": outcome, "topic": topic]))
            }
        }
        add("queue_messages_total", .counter, "Messages handled.", topics)
    }

    /// Grows with the wish: routes by popularity, as in every shop a few are hot and most are cold.
    private mutating func traffic() {
        var routes: [ShopInstance.Member] = []
        var requests: [ShopInstance.Member] = []
        var latencies: [ShopInstance.Member] = []
        let budget = room
        var rank = 0
        while (routes.count * 14) + requests.count + latencies.count + 30 < budget * 3 / 4 {
            let handler = "/api/v1/\(Self.nouns[rank % Self.nouns.count])/:id\(rank < 16 ? "" : "/part\(rank / 16)")"
            let method = ["GET", "GET", "POST", "PUT"][rank % 4]
            let rate = 30 * busy / Double((rank + 1) * (rank + 1)).squareRoot() / Double(rank / 8 + 1)
            let median = random.between(0.004, 0.12)
            for (status, share) in [("200", 0.975), ("404", 0.02), ("500", 0.0004)] {
                let labels = [Label("handler", handler), Label("method", method), Label("status", status)]
                // Errors of most routes have never happened: exporters show no series then.
                if status == "200" || rank % 4 == 0 {
                    routes.append(.init(labels: labels, source: .histogram(perSecond: rate * share, median: median)))
                }
                requests.append(.init(labels: labels, source: .plain(.counter(perSecond: rate * share))))
            }
            for quantile in ["0.5", "0.99"] {
                latencies.append(
                    one(
                        .decimalGauge(around: median * (quantile == "0.5" ? 1000 : 6000), swing: median * 400),
                        ["handler": handler, "quantile": quantile]))
            }
            rank += 1
        }
        add("http_server_request_duration_seconds", .histogram, "Duration of requests.", routes)
        add("http_requests_total", .counter, "Requests.", requests)
        add("http_response_milliseconds", .gauge, "Recent latency.", latencies)
        var operations: [ShopInstance.Member] = []
        for index in 0..<max(0, room / 14) {
            let labels = [
                Label("database", ["shop", "session"][index % 2]),
                Label("operation", ["select", "insert", "update", "delete"][index / 16 % 4]),
                Label("table", Self.nouns[index % Self.nouns.count] + (index < 64 ? "" : "_\(index / 64)")),
            ]
            let rate = 40 * busy / Double(index + 1)
            operations.append(
                .init(labels: labels, source: .histogram(perSecond: rate, median: random.between(0.001, 0.02))))
        }
        add("db_client_operation_duration_seconds", .histogram, "Duration of statements.", operations)
    }

    private mutating func pad() {
        let members = (0..<max(0, room)).map {
            one(.integerGauge(around: 900, swing: 40), ["cache": "cache-\($0)"])
        }
        add("cache_entries", .gauge, "Entries of a cache.", members)
    }

    private static let nouns = [
        "products", "carts", "orders", "payments", "customers", "addresses", "reviews", "prices", "stock", "coupons",
        "images", "sessions", "shipments", "returns", "invoices", "wishes",
    ]
}
