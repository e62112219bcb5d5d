import Foundation
import GRDB

/// What exists: which parts, up to where the journals are applied, settings and small documents. An SQLite file in WAL
/// mode
/// with `synchronous=FULL`: what a function has returned for is on disk, and a swap of parts is seen whole or not at
/// all.
package final class Catalog: Sendable {
    private let database: any DatabaseWriter
    package let path: String

    package init(path: String) throws {
        self.path = path
        var configuration = Configuration()
        configuration.maximumReaderCount = 2
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        do {
            database = try DatabasePool(path: path, configuration: configuration)
            try Catalog.migrator.migrate(database)
        } catch {
            throw Catalog.translated(error, path)
        }
    }

    /// In memory, for tests with a simulated disk.
    package init() throws {
        path = ":memory:"
        do {
            database = try DatabaseQueue()
            try Catalog.migrator.migrate(database)
        } catch {
            throw Catalog.translated(error, ":memory:")
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE parts (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, file TEXT NOT NULL UNIQUE,
                        min_time INTEGER NOT NULL, max_time INTEGER NOT NULL, rows INTEGER NOT NULL,
                        bytes INTEGER NOT NULL,
                        created INTEGER NOT NULL, level INTEGER NOT NULL, extra TEXT NOT NULL);
                    CREATE INDEX parts_by_table ON parts (table_name, min_time);
                    CREATE TABLE checkpoints (
                        engine TEXT PRIMARY KEY, segment INTEGER NOT NULL, sequence INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE documents (
                        kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, updated INTEGER NOT NULL,
                        PRIMARY KEY (kind, key)) WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    static func translated(_ error: any Error, _ path: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        if error.resultCode == .SQLITE_FULL { return StorageError.diskFull(path: path) }
        if error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB {
            return StorageError.corrupt(path: path, offset: 0, reason: error.message ?? "SQLite cannot read it")
        }
        return StorageError.unsupported("the catalog \(path) failed: \(error.message ?? error.description)")
    }

    private func read<T>(_ body: (Database) throws -> T) throws -> T {
        do { return try database.read(body) } catch { throw Catalog.translated(error, path) }
    }

    private func write<T>(_ body: (Database) throws -> T) throws -> T {
        do { return try database.write(body) } catch { throw Catalog.translated(error, path) }
    }

    package func close() throws {
        do { try database.close() } catch { throw Catalog.translated(error, path) }
    }

    /// Writes a consistent copy to `target` while others go on.
    package func copy(to target: String) throws {
        do {
            let copy = try DatabaseQueue(path: target)
            try database.backup(to: copy)
            try copy.close()
        } catch {
            throw Catalog.translated(error, target)
        }
    }

    // MARK: Parts and checkpoints

    /// Tables that have parts, sorted.
    package func tables() throws -> [String] {
        try read { try String.fetchAll($0, sql: "SELECT DISTINCT table_name FROM parts ORDER BY table_name") }
    }

    /// Ordered by id, which is the order of their creation.
    package func parts(of table: String) throws -> [PartRecord] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM parts WHERE table_name = ? ORDER BY id", arguments: [table])
                .map { row in
                    PartRecord(
                        id: row["id"], table: row["table_name"], file: row["file"], minTime: row["min_time"],
                        maxTime: row["max_time"], rows: row["rows"], bytes: row["bytes"], created: row["created"],
                        level: row["level"], extra: row["extra"])
                }
        }
    }

    /// Takes parts away, adds others and moves the checkpoint in one transaction. Answers the added ones with their
    /// ids.
    @discardableResult
    package func swap(
        remove: [Int64], add: [PartRecord], checkpoint: (engine: String, position: JournalPosition)? = nil
    ) throws -> [PartRecord] {
        try write { database in
            for id in remove { try database.execute(sql: "DELETE FROM parts WHERE id = ?", arguments: [id]) }
            var added = add
            for i in added.indices {
                let part = added[i]
                try database.execute(
                    sql: """
                        INSERT INTO parts (table_name, file, min_time, max_time, rows, bytes, created, level, extra)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        part.table, part.file, part.minTime, part.maxTime, part.rows, part.bytes, part.created,
                        part.level,
                        part.extra,
                    ])
                added[i].id = database.lastInsertedRowID
            }
            if let (engine, position) = checkpoint {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO checkpoints (engine, segment, sequence) VALUES (?, ?, ?)",
                    arguments: [engine, position.segment, Int64(bitPattern: position.sequence)])
            }
            return added
        }
    }

    package func checkpoint(of engine: String) throws -> JournalPosition? {
        try read { database in
            try Row.fetchOne(
                database, sql: "SELECT segment, sequence FROM checkpoints WHERE engine = ?", arguments: [engine]
            ).map { row in
                let sequence: Int64 = row["sequence"]
                return JournalPosition(segment: row["segment"], sequence: UInt64(bitPattern: sequence))
            }
        }
    }

    // MARK: Settings and documents

    package func setting(_ key: String) throws -> String? {
        try read { try String.fetchOne($0, sql: "SELECT value FROM settings WHERE key = ?", arguments: [key]) }
    }

    /// Nil removes it.
    package func setSetting(_ key: String, _ value: String?) throws {
        try write { database in
            if let value {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", arguments: [key, value])
            } else {
                try database.execute(sql: "DELETE FROM settings WHERE key = ?", arguments: [key])
            }
        }
    }

    package func document(kind: String, key: String) throws -> CatalogDocument? {
        try read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM documents WHERE kind = ? AND key = ?", arguments: [kind, key]
            ).map(Catalog.document)
        }
    }

    /// Sorted by key.
    package func documents(kind: String) throws -> [CatalogDocument] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM documents WHERE kind = ? ORDER BY key", arguments: [kind])
                .map(Catalog.document)
        }
    }

    private static func document(_ row: Row) -> CatalogDocument {
        CatalogDocument(kind: row["kind"], key: row["key"], body: row["body"], updated: row["updated"])
    }

    /// `body` is JSON text.
    package func putDocument(kind: String, key: String, body: String) throws {
        try putDocuments([CatalogDocument(kind: kind, key: key, body: body, updated: 0)])
    }

    /// All of them in one transaction; `updated` is set to now.
    package func putDocuments(_ documents: [CatalogDocument]) throws {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try write { database in
            for document in documents {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO documents (kind, key, body, updated) VALUES (?, ?, ?, ?)",
                    arguments: [document.kind, document.key, document.body, now])
            }
        }
    }

    package func deleteDocument(kind: String, key: String) throws {
        try write { database in
            try database.execute(sql: "DELETE FROM documents WHERE kind = ? AND key = ?", arguments: [kind, key])
        }
    }
}
