import GRDB

/// What is in the shop on its first day.
enum ShopGoods {
    static let userCount = 500

    static func userName(_ index: Int) -> String { "customer-\(index % userCount)" }
    static func password(_ user: String) -> String { "\(user)-secret" }

    static let categories = ["household", "garden", "industry", "companions"]

    private static let products: [(name: String, category: Int, cents: Int, description: String)] = [
        ("Dustwing", 0, 24_900, "vacuums, mops and remembers where the cat sleeps"),
        ("Panhandler", 0, 89_900, "washes pots by hand, all four of them"),
        ("Foldsworth", 0, 64_500, "folds shirts in eleven seconds"),
        ("Larder Lark", 0, 41_000, "keeps the list of what is in the fridge and sings it"),
        ("Grout Scout", 0, 18_750, "crawls along tiles and cleans what lies between"),
        ("Night Porter", 0, 132_000, "answers the door and carries what was delivered"),
        ("Mossback", 1, 51_900, "mows lawns slowly and without a cable"),
        ("Rootwise", 1, 33_300, "digs holes of any depth below one metre"),
        ("Hedge Knight", 1, 77_700, "trims hedges to a drawing"),
        ("Rainmaker", 1, 22_450, "waters each plant as much as it asks for"),
        ("Slug Marshal", 1, 12_990, "carries slugs to the neighbouring field"),
        ("Compostor", 1, 28_800, "turns the heap each morning"),
        ("Forkwright", 2, 1_250_000, "lifts pallets of up to 900 kg"),
        ("Weldon", 2, 980_000, "six axes, two torches, no helmet"),
        ("Crate Tern", 2, 445_000, "flies parcels across a hall"),
        ("Gauge Gecko", 2, 310_500, "climbs pipes and reads their gauges"),
        ("Pallet Pilot", 2, 720_000, "finds the way through any warehouse"),
        ("Bolt Runner", 2, 189_900, "tightens twelve bolts at a time to the given torque"),
        ("Chesswick", 3, 15_900, "loses politely"),
        ("Lullaby", 3, 27_500, "reads bedtime stories in nine languages"),
        ("Rover Patch", 3, 59_000, "fetches sticks and returns most of them"),
        ("Sir Ploddington", 3, 83_400, "walks at the speed of a tortoise, with one"),
        ("Tea Caddy", 3, 36_600, "brews, pours and knows when not to talk"),
        ("Echo Finch", 3, 9_990, "learns one song each week"),
    ]

    static let skus = products.indices.map(sku)

    private static func sku(_ index: Int) -> String { "ROB-\(100 + index)" }

    private static let cities: [(code: String, country: String, names: [(String, Int)])] = [
        ("de", "Germany", [("Hamburg", 420), ("Leipzig", 180), ("Freiburg", 610)]),
        ("fr", "France", [("Lyon", 890), ("Nantes", 1240), ("Lille", 760)]),
        ("it", "Italy", [("Torino", 930), ("Bari", 1580), ("Trieste", 690)]),
        ("nl", "Netherlands", [("Utrecht", 560), ("Groningen", 520)]),
        ("pl", "Poland", [("Gdansk", 640), ("Wroclaw", 270)]),
        ("pt", "Portugal", [("Porto", 2210), ("Faro", 2480)]),
        ("se", "Sweden", [("Malmo", 510), ("Umea", 1540)]),
    ]

    static let countryCodes = cities.map(\.code)

    static func insertAll(into database: Database) throws {
        for (index, product) in products.enumerated() {
            try database.execute(
                sql: "INSERT INTO products VALUES(?, ?, ?, ?, ?, ?)",
                arguments: [
                    sku(index), product.name, categories[product.category], product.description, product.cents, 1000,
                ])
        }
        for index in 0..<userCount {
            let name = userName(index)
            try database.execute(
                sql: "INSERT INTO users VALUES(?, ?, ?)", arguments: [name, "\(name)@shop.example", password(name)])
        }
        for country in cities {
            for (name, distance) in country.names {
                try database.execute(
                    sql: "INSERT INTO cities(code, country, name, distance_km) VALUES(?, ?, ?, ?)",
                    arguments: [country.code, country.country, name, distance])
            }
        }
    }
}
