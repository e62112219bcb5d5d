import Foundation
import GRDB

/// What the shop keeps: one SQLite file that stands for the tables, collections, hashes and queues of the systems
/// that the services call. The services reach it only through `BackingSystem` and `MessageQueue`, which record
/// every call as the system that it stands for.
struct ShopData: Sendable {
    let pool: DatabasePool

    /// Opens or creates `shop.sqlite` in `folder`.
    init(folder: URL) throws {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            var configuration = Configuration()
            configuration.maximumReaderCount = 2
            configuration.prepareDatabase { database in
                // A shop for demonstrations may lose its last orders with the power.
                try database.execute(sql: "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512")
            }
            pool = try DatabasePool(
                path: folder.appendingPathComponent("shop.sqlite").path, configuration: configuration)
            try Self.migrations.migrate(pool)
        } catch {
            throw FleetError.data(folder: folder.path, reason: "\(error)")
        }
    }

    func close() { try? pool.close() }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("tables") { database in
            try database.execute(sql: schema)
            try ShopGoods.insertAll(into: database)
        }
        return migrator
    }

    private static let schema = """
        CREATE TABLE products(
            sku TEXT PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, description TEXT NOT NULL,
            price_cents INTEGER NOT NULL, in_stock INTEGER NOT NULL);
        CREATE INDEX products_by_category ON products(category);
        CREATE TABLE users(name TEXT PRIMARY KEY, email TEXT NOT NULL, password TEXT NOT NULL);
        CREATE TABLE orders(
            id TEXT PRIMARY KEY, user TEXT NOT NULL, total_cents INTEGER NOT NULL, created REAL NOT NULL);
        CREATE INDEX orders_by_user ON orders(user);
        CREATE TABLE hashes(
            key TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, expires REAL NOT NULL,
            PRIMARY KEY(key, field)) WITHOUT ROWID;
        CREATE TABLE counters(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE cities(
            id INTEGER PRIMARY KEY, code TEXT NOT NULL, country TEXT NOT NULL, name TEXT NOT NULL,
            distance_km INTEGER NOT NULL);
        CREATE INDEX cities_by_code ON cities(code);
        CREATE TABLE ratings(sku TEXT PRIMARY KEY, total INTEGER NOT NULL, count INTEGER NOT NULL);
        CREATE TABLE messages(
            id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, trace_parent TEXT NOT NULL, body TEXT NOT NULL);
        """
}
