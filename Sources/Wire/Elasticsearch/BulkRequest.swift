import Telemetry

/// What became of one action of a `_bulk` request.
package struct BulkItem: Sendable {
    package enum Action: String, Sendable, CaseIterable { case index, create, update, delete }

    package enum Fate: Sendable, Hashable {
        case created
        /// `index` of a document that is there already.
        case updated
        case failed(status: Int, type: String, reason: String)
    }

    package var action: Action
    package var index: String
    /// As given; nil where the sender leaves it to us.
    package var id: String?
    /// Row of the batch, -1 where there is none.
    package var row: Int
    package var fate: Fate
    /// A hash of index, id and document, by which a repeated one is known.
    package var identity: UInt64
    package var document: UInt64
}

package struct BulkRequest: Sendable {
    package var items: [BulkItem]
    package var entries: LogEntries

    package var hasErrors: Bool {
        items.contains { if case .failed = $0.fate { true } else { false } }
    }
}

/// `_bulk` of Elasticsearch: pairs of lines, an action and its document.
package enum BulkDecoder {
    /// Of one request; more is no batch but an attack on our memory.
    static let mostItems = 1_000_000

    /// `index` is that of the path, for actions that name none. Throws where an action cannot be understood: then it is
    /// not known what follows it, and Elasticsearch refuses the whole request too.
    ///
    /// `known` answers the hash of the document that is stored under an identity, where that is remembered.
    package static func decode(
        _ body: [UInt8], index: String?, now: Int64, limits: LogLimits = LogLimits(),
        known: @escaping (UInt64) -> UInt64? = { _ in nil }
    ) throws(WireError) -> BulkRequest {
        var decoder = BulkReading(body, index, now, limits, known)
        try decoder.run()
        return BulkRequest(items: decoder.items, entries: decoder.builder.take(now: now))
    }

    /// One document, of `_doc` and `_create`.
    package static func decode(
        document body: [UInt8], action: BulkItem.Action, index: String, id: String?, now: Int64,
        limits: LogLimits = LogLimits(), known: @escaping (UInt64) -> UInt64? = { _ in nil }
    ) -> BulkRequest {
        var decoder = BulkReading(body, index, now, limits, known)
        decoder.document(0..<body.count, action, index, id)
        return BulkRequest(items: decoder.items, entries: decoder.builder.take(now: now))
    }

    /// Elasticsearch's rules for names, nil where they hold.
    static func defect(ofIndex name: String) -> String? {
        if name.isEmpty { return "index is missing" }
        if name.utf8.count > 255 { return "index name is too long, (\(name.utf8.count) > 255)" }
        if let first = name.utf8.first, "_-+".utf8.contains(first) { return "must not start with '_', '-', or '+'" }
        if name.utf8.contains(where: { $0 <= 0x20 || "\\/*?\"<>|,#".utf8.contains($0) }) {
            return "must not contain the following characters ['\\\\','/','*','?','\"','<','>','|',' ',',']"
        }
        return nil
    }
}
