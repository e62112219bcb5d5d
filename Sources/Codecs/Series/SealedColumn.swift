/// The immutable encoding of a run of samples of one series: an `IntegerColumn` of timestamps, then the values in the
/// cheapest `DoubleColumn` encoding. Lossless to the bit.
package enum SealedColumn {
    /// Both arrays have the same length; what one has more than the other is not encoded.
    package static func encode(timestamps: [Int64], values: [Double]) -> [UInt8] {
        let count = min(timestamps.count, values.count)
        guard count > 0 else { return [] }
        var writer = ByteWriter(reserving: count * 2 + 32)
        IntegerColumn.encode(count == timestamps.count ? timestamps : Array(timestamps[..<count]), into: &writer)
        DoubleColumn.encode(count == values.count ? values : Array(values[..<count]), into: &writer)
        return writer.bytes
    }

    package static func decode(
        _ bytes: ArraySlice<UInt8>, count: Int
    ) throws(CodecError) -> (timestamps: [Int64], values: [Double]) {
        var reader = ByteReader(bytes)
        let timestamps = try IntegerColumn.decode(&reader, count: count)
        let values = try DoubleColumn.decode(&reader, count: count)
        return (timestamps, values)
    }

    package static func decode(
        _ bytes: [UInt8], count: Int
    ) throws(CodecError) -> (timestamps: [Int64], values: [Double]) {
        try decode(bytes[...], count: count)
    }

    /// Only the timestamps, without the work for the values.
    package static func decodeTimestamps(_ bytes: ArraySlice<UInt8>, count: Int) throws(CodecError) -> [Int64] {
        var reader = ByteReader(bytes)
        return try IntegerColumn.decode(&reader, count: count)
    }
}
