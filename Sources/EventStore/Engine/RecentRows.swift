import Codecs
import Telemetry

/// Recognises rows that came lately: of `logs` a row equal to the one before it in its stream (Loki's rule), of `spans`
/// one with the ids and kind of another (a client's retry).
///
/// Rows are known by 64-bit hashes. Two different spans of the last 256 Ki collide with a chance of about 10^-14.
struct RecentRows {
    private let table: EventTable
    /// Of `logs`: hash of a stream's identity to the hash of its last row.
    private var lastOfStream: [UInt64: UInt64] = [:]
    /// Of `spans`: two generations.
    private var young: Set<UInt64> = []
    private var old: Set<UInt64> = []

    private static let generation = 1 << 17

    init(table: EventTable) { self.table = table }

    /// What has to be remembered of a batch, computed before any lock is taken.
    struct Fingerprints {
        /// Of each row; 0 where the row is never a repeat.
        var rows: [UInt64]
        /// Of each group.
        var groups: [UInt64]
    }

    static func fingerprints(of batch: EventBatch, table: EventTable) -> Fingerprints {
        switch table {
        case .logs:
            let groups = batch.groups.map { group in
                let key = GroupKey(group)
                return Hash64.hash(key.shared, seed: Hash64.hash(key.labels))
            }
            var rows = batch.timestamps.map { Hash64.mix(UInt64(bitPattern: $0)) }
            for column in batch.columns {
                let name = Hash64.hash(column.name)
                for i in 0..<column.count {
                    let row = Int(column.rows[i])
                    let seed = rows[row] ^ (name &+ UInt64(column.kinds[i].rawValue))
                    rows[row] = Hash64.hash(column.bytes[column.range(at: i)], seed: Hash64.mix(seed))
                }
            }
            return Fingerprints(rows: rows, groups: groups)
        case .spans:
            var rows = [UInt64](repeating: 0, count: batch.rowCount)
            guard let traces = batch.column(EventColumnName.traceID), let spans = batch.column(EventColumnName.spanID)
            else {
                return Fingerprints(rows: rows, groups: [])
            }
            let kinds = batch.column(EventColumnName.spanKind)
            for i in 0..<traces.count {
                let row = Int(traces.rows[i])
                guard let span = spans.payload(ofRow: row), !span.isEmpty else { continue }
                var hash = Hash64.hash(traces.bytes[traces.range(at: i)], seed: Hash64.hash(span))
                if let kind = kinds?.payload(ofRow: row) { hash = Hash64.hash(kind, seed: hash) }
                rows[row] = max(hash, 1)
            }
            return Fingerprints(rows: rows, groups: [])
        }
    }

    /// The rows of the batch that repeat, ascending. Nothing is remembered yet: the batch may still fail.
    func repeats(in batch: EventBatch, _ fingerprints: Fingerprints) -> [Int] {
        var out: [Int] = []
        switch table {
        case .logs:
            var last: [UInt64?] = fingerprints.groups.map { lastOfStream[$0] }
            for (row, hash) in fingerprints.rows.enumerated() {
                let group = Int(batch.groupOfRow[row])
                if last[group] == hash { out.append(row) } else { last[group] = hash }
            }
        case .spans:
            var seen: Set<UInt64> = []
            for (row, hash) in fingerprints.rows.enumerated() where hash != 0 {
                if !seen.insert(hash).inserted || young.contains(hash) || old.contains(hash) { out.append(row) }
            }
        }
        return out
    }

    /// After the batch is in the journal.
    mutating func remember(_ batch: EventBatch, _ fingerprints: Fingerprints) {
        switch table {
        case .logs:
            // Forgetting only means that a repeat is stored; a million idle streams must not be held for it.
            if lastOfStream.count > 100_000 { lastOfStream.removeAll() }
            for (row, hash) in fingerprints.rows.enumerated() {
                lastOfStream[fingerprints.groups[Int(batch.groupOfRow[row])]] = hash
            }
        case .spans:
            for hash in fingerprints.rows where hash != 0 { young.insert(hash) }
            if young.count >= RecentRows.generation {
                old = young
                young = []
            }
        }
    }
}
