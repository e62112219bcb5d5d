import Codecs
internal import Telemetry

/// A native histogram as bytes: see docs/formats/series-part.md. Every bit of every number comes back.
enum HistogramCodec {
    static func encode(_ histogram: NativeHistogram) -> [UInt8] {
        var writer = ByteWriter(reserving: 64 + 8 * (histogram.positiveBuckets.count + histogram.negativeBuckets.count))
        writer.write((histogram.isInteger ? 1 : 0) | histogram.resetHint.rawValue << 1)
        writer.writeZigzag(Int64(histogram.schema))
        for number in [histogram.zeroThreshold, histogram.zeroCount, histogram.count, histogram.sum] {
            writer.writeDouble(number)
        }
        for spans in [histogram.positiveSpans, histogram.negativeSpans] {
            writer.writeVarint(spans.count)
            for span in spans {
                writer.writeZigzag(Int64(span.offset))
                writer.writeVarint(UInt64(span.length))
            }
        }
        for numbers in [histogram.positiveBuckets, histogram.negativeBuckets, histogram.customValues] {
            writer.writeVarint(numbers.count)
            DoubleColumn.encode(numbers, into: &writer)
        }
        return writer.bytes
    }

    static func decode(_ bytes: ArraySlice<UInt8>) throws(CodecError) -> NativeHistogram {
        var reader = ByteReader(bytes)
        var histogram = NativeHistogram()
        let flags = try reader.readByte()
        histogram.isInteger = flags & 1 != 0
        guard let hint = NativeHistogram.ResetHint(rawValue: flags >> 1) else { throw reader.failure("bad reset hint") }
        histogram.resetHint = hint
        guard let schema = Int32(exactly: try reader.readZigzag()) else { throw reader.failure("bad schema") }
        histogram.schema = schema
        histogram.zeroThreshold = try reader.readDouble()
        histogram.zeroCount = try reader.readDouble()
        histogram.count = try reader.readDouble()
        histogram.sum = try reader.readDouble()
        histogram.positiveSpans = try spans(&reader)
        histogram.negativeSpans = try spans(&reader)
        histogram.positiveBuckets = try numbers(&reader)
        histogram.negativeBuckets = try numbers(&reader)
        histogram.customValues = try numbers(&reader)
        return histogram
    }

    private static func spans(_ reader: inout ByteReader) throws(CodecError) -> [NativeHistogram.Span] {
        let count = try reader.readCount(limit: reader.remaining)
        var spans: [NativeHistogram.Span] = []
        spans.reserveCapacity(count)
        for _ in 0..<count {
            guard let offset = Int32(exactly: try reader.readZigzag()),
                let length = UInt32(exactly: try reader.readVarint())
            else { throw reader.failure("bad span") }
            spans.append(NativeHistogram.Span(offset: offset, length: length))
        }
        return spans
    }

    private static func numbers(_ reader: inout ByteReader) throws(CodecError) -> [Double] {
        // A constant column of many buckets is short, so the bound is one of sense and not of what is left.
        let count = try reader.readCount(limit: 1 << 20)
        return try DoubleColumn.decode(&reader, count: count)
    }
}
