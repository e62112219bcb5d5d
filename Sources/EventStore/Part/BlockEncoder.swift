import Codecs
import Storage
import Telemetry

/// A block ready to be written; its offset and its place among the filters are the part writer's.
struct EncodedBlock: Sendable {
    var bytes: [UInt8]
    var entry: BlockEntry
    /// Substring filters by column, for the part's matrices.
    var filters: [(column: String, filter: GramFilter)]
    var columnNames: [String]
    /// Of the block's groups, in their order.
    var extents: [GroupExtent]
}

/// Encodes the rows of one block.
struct BlockEncoder {
    let table: EventTable
    let codec: BlockCodec
    /// Later merges make blocks of a lower level anew, so these need not be as small as can be.
    let isMerge: Bool

    /// Rows in the order of the table, with sequences; `groupOfRow` are numbers of the part's groups. At least one row.
    func encode(_ batch: EventBatch) -> EncodedBlock {
        var bytes: [UInt8] = []
        func place(_ chunk: [UInt8]) -> ChunkReference {
            let reference = ChunkReference(offset: bytes.count, length: chunk.count, checksum: CRC32C.checksum(chunk))
            bytes.append(contentsOf: chunk)
            return reference
        }
        let (groups, places) = BlockEncoder.local(batch.groupOfRow)
        let raw = batch.columns.reduce(batch.rowCount * 16) { $0 + $1.bytes.count }
        let isLarge = raw >= BlockLimits.finalBytes || batch.rowCount >= BlockLimits.finalRows
        let isFinal = isLarge && (table == .spans || groups.count == 1)
        var entropy = EntropyColumnEncoder(effort: isFinal || isMerge ? .thorough : .quick)
        let times = place(entropy.encode(batch.timestamps))
        let sequences = place(SequenceColumn.encode(batch.sequences, &entropy))
        let groupPlaces = groups.count == 1 ? .none : place(entropy.encode(places.map { Int64($0) }))
        let writer = ColumnWriter(codec: codec, effort: isFinal || isMerge ? .best : .fast)
        var filters: [(column: String, filter: GramFilter)] = []
        var exact: [(Int, [UInt8])] = []
        var entries: [ColumnEntry] = []
        let ordered = batch.columns.filter { $0.count > 0 }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for column in ordered {
            // Every block has all the span ids of its traces once: a filter of them is a tenth of the ids and skips
            // nothing.
            let wantsExact =
                table == .logs || (column.name != EventColumnName.spanID && column.name != EventColumnName.parentID)
            let encoded = writer.encode(
                column, rowCount: batch.rowCount, times: batch.timestamps, exactFilter: wantsExact)
            entries.append(
                ColumnEntry(
                    name: column.name, encoding: encoded.encoding, count: encoded.count, kind: encoded.kind,
                    bounds: encoded.bounds, chunk: place(encoded.body), filterKind: encoded.filterKind, filter: .none))
            for filter in encoded.gramFilters { filters.append((column.name, filter)) }
            if encoded.filterKind == .exact { exact.append((entries.count - 1, encoded.filter)) }
        }
        // Filters lie beside the directory, so that passing a block over touches one place of the file.
        for (at, filter) in exact { entries[at].filter = place(filter) }
        let directory = BlockDirectory(
            rows: batch.rowCount, times: times, sequences: sequences, groups: groupPlaces, columns: entries
        ).encoded
        let directoryOffset = bytes.count
        bytes.append(contentsOf: directory)
        let traces = traces(batch)
        let entry = BlockEntry(
            offset: 0, length: bytes.count, directoryOffset: directoryOffset,
            directoryChecksum: CRC32C.checksum(directory), rows: batch.rowCount, rawBytes: raw,
            times: BlockEncoder.bounds(batch.timestamps), sequences: BlockEncoder.bounds(batch.sequences),
            groups: groups, firstTrace: traces.0, lastTrace: traces.1, isFinal: isFinal)
        return EncodedBlock(
            bytes: bytes, entry: entry, filters: filters, columnNames: ordered.map(\.name),
            extents: extents(batch, places, groups.count))
    }

    private static func bounds<T: Comparable & ExpressibleByIntegerLiteral>(_ values: [T]) -> ClosedRange<T> {
        guard let low = values.min(), let high = values.max() else { return 0...0 }
        return low...high
    }

    /// The distinct groups, and for each row the place of its group among them.
    private static func local(_ groupOfRow: [UInt32]) -> (GroupRuns, [UInt32]) {
        let distinct = Set(groupOfRow).sorted()
        if distinct.count == 1 { return (GroupRuns(distinct), [UInt32](repeating: 0, count: groupOfRow.count)) }
        var places: [UInt32: UInt32] = [:]
        places.reserveCapacity(distinct.count)
        for (i, group) in distinct.enumerated() { places[group] = UInt32(truncatingIfNeeded: i) }
        return (GroupRuns(distinct), groupOfRow.map { places[$0] ?? 0 })
    }

    /// To the byte: a merge cuts a group into blocks of one size by the sum of these, and what it was short of would be
    /// left as a crumb.
    private func extents(_ batch: EventBatch, _ places: [UInt32], _ count: Int) -> [GroupExtent] {
        var out = [GroupExtent](repeating: GroupExtent(), count: count)
        let sizes = RowSource.sizes(batch)
        for (row, place) in places.enumerated() {
            let time = batch.timestamps[row]
            let at = Int(place)
            out[at].rows += 1
            out[at].bytes += Int(sizes[row])
            out[at].firstTime = min(out[at].firstTime, time)
            out[at].lastTime = max(out[at].lastTime, time)
        }
        return out
    }

    private func traces(_ batch: EventBatch) -> (TraceKey, TraceKey) {
        guard table == .spans else { return (.zero, .zero) }
        let ids = batch.column(EventColumnName.traceID)
        return (
            TraceKey(ids?.payload(ofRow: 0) ?? []), TraceKey(ids?.payload(ofRow: batch.rowCount - 1) ?? [])
        )
    }
}
