/// A column of byte strings with at most 256 distinct values: the values once, then one code for each row.
package struct DictionaryColumn: Sendable {
    /// Distinct values in order of first appearance.
    package var values: [ArraySlice<UInt8>]
    /// For each row, an index into `values`.
    package var codes: [UInt8]

    package static let maximumDistinct = 256

    /// Row `i` is `bytes[ends[i-1]..<ends[i]]`. nil where there are more than 256 distinct values.
    package static func encode(bytes: [UInt8], ends: [Int]) -> [UInt8]? {
        var start = 0
        var rows: [ArraySlice<UInt8>] = []
        rows.reserveCapacity(ends.count)
        for end in ends {
            guard end >= start, end <= bytes.count else { return nil }
            rows.append(bytes[start..<end])
            start = end
        }
        return encode(rows)
    }

    package static func encode(_ rows: [ArraySlice<UInt8>]) -> [UInt8]? {
        var known: [ArraySlice<UInt8>: UInt8] = [:]
        var values: [ArraySlice<UInt8>] = []
        var codes: [UInt64] = []
        codes.reserveCapacity(rows.count)
        for row in rows {
            if let code = known[row] {
                codes.append(UInt64(code))
                continue
            }
            guard values.count < maximumDistinct else { return nil }
            let code = UInt8(values.count)
            known[row] = code
            values.append(row)
            codes.append(UInt64(code))
        }
        var writer = ByteWriter()
        writer.writeVarint(values.count)
        for value in values { writer.writeLengthPrefixed(value) }
        let width = values.count > 1 ? BitPacking.width(UInt64(values.count - 1)) : 0
        BitPacking.pack(codes, width: width, into: &writer)
        return writer.bytes
    }

    package static func decode(_ bytes: ArraySlice<UInt8>, count: Int) throws(CodecError) -> DictionaryColumn {
        var reader = ByteReader(bytes)
        let distinct = try reader.readCount(limit: maximumDistinct)
        guard distinct > 0 || count == 0 else { throw reader.failure("empty dictionary for \(count) rows") }
        var values: [ArraySlice<UInt8>] = []
        values.reserveCapacity(distinct)
        for _ in 0..<distinct { values.append(try reader.readLengthPrefixed()) }
        let width = distinct > 1 ? BitPacking.width(UInt64(distinct - 1)) : 0
        let packed = try BitPacking.unpack(&reader, count: count, width: width)
        var codes: [UInt8] = []
        codes.reserveCapacity(count)
        for code in packed {
            guard code < UInt64(distinct) else { throw reader.failure("code \(code) in a dictionary of \(distinct)") }
            codes.append(UInt8(code))
        }
        return DictionaryColumn(values: values, codes: codes)
    }
}
