import Codecs

/// One label of a segment's groups, read past the others: what a list of a label's values needs of a million streams.
struct SegmentLabel {
    /// Distinct values, all in one buffer; the empty one (no such label) first.
    private(set) var values: [ArraySlice<UInt8>] = [[]]
    /// Of each group.
    private(set) var codes: [Int64] = []

    /// nil where no group has the label. `bytes` are the identities of a segment, as ``StreamSegment`` reads them.
    init?(_ name: String, _ bytes: [UInt8], count expected: Int) throws(CodecError) {
        var reader = ByteReader(bytes)
        let count = try reader.readCount(limit: StreamSegment.capacity)
        guard count == expected else { throw reader.failure("\(count) groups, the footer says \(expected)") }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let isWanted = try reader.readLengthPrefixed().elementsEqual(name.utf8)
            let distinct = try reader.readCount(limit: count)
            if isWanted { values.reserveCapacity(distinct + 1) }
            for _ in 0..<distinct {
                let value = try reader.readLengthPrefixed()
                if isWanted { values.append(value) }
            }
            let codes = try IntegerColumn.decode(&reader, count: count)
            guard isWanted else { continue }
            guard codes.allSatisfy({ $0 >= 0 && $0 < Int64(values.count) }) else {
                throw reader.failure("a value that is not there")
            }
            self.codes = codes
            return
        }
        return nil
    }
}
