import Codecs
internal import Telemetry

/// The histograms of a block: see docs/formats/series-part.md.
enum HistogramColumn {
    static func encode(_ histograms: [NativeHistogram]) -> [UInt8] {
        var plain = ByteWriter()
        for histogram in histograms { plain.writeLengthPrefixed(HistogramCodec.encode(histogram)) }
        var packed = ByteWriter()
        SealedBlock.write(plain.bytes, to: &packed)
        return packed.bytes
    }

    static func decode(_ bytes: ArraySlice<UInt8>, count: Int) throws(CodecError) -> [NativeHistogram] {
        var outer = ByteReader(bytes)
        var reader = ByteReader(try SealedBlock.read(&outer))
        guard outer.isAtEnd else { throw outer.failure("bytes after the block") }
        var histograms: [NativeHistogram] = []
        for _ in 0..<count { histograms.append(try HistogramCodec.decode(try reader.readLengthPrefixed())) }
        guard reader.isAtEnd else { throw reader.failure("more histograms than \(count)") }
        return histograms
    }
}
