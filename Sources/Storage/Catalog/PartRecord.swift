/// A sealed part as the catalog knows it.
package struct PartRecord: Hashable, Sendable {
    /// Grows with every part that is added; 0 until then.
    package var id: Int64
    /// Which engine's table it belongs to: `series`, `logs`, `spans`.
    package var table: String
    /// Its path inside the data folder.
    package var file: String
    /// First and last time in it, in the engine's unit, both inclusive.
    package var minTime: Int64
    package var maxTime: Int64
    package var rows: Int
    package var bytes: Int
    /// Milliseconds since 1970.
    package var created: Int64
    /// 0 for a part sealed from memory, one more for each merge.
    package var level: Int
    /// The engine's own notes.
    package var extra: String

    package init(
        id: Int64 = 0, table: String, file: String, minTime: Int64, maxTime: Int64, rows: Int, bytes: Int,
        created: Int64 = 0, level: Int = 0, extra: String = ""
    ) {
        self.id = id
        self.table = table
        self.file = file
        self.minTime = minTime
        self.maxTime = maxTime
        self.rows = rows
        self.bytes = bytes
        self.created = created
        self.level = level
        self.extra = extra
    }
}

/// A JSON text under a kind and a key: silences, alert state, notification log.
package struct CatalogDocument: Hashable, Sendable {
    package var kind: String
    package var key: String
    package var body: String
    /// Milliseconds since 1970 of the last put.
    package var updated: Int64

    package init(kind: String, key: String, body: String, updated: Int64) {
        self.kind = kind
        self.key = key
        self.body = body
        self.updated = updated
    }
}
