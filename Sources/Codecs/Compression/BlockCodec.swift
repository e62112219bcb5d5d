import CShims

/// How a block's bytes are compressed. The raw value is written in front of every block.
package enum BlockCodec: UInt8, Sendable, Hashable, CaseIterable {
    case raw = 0
    case zlib = 1
    case zstd = 2

    /// zstd in builds that have it, else zlib.
    package static var best: BlockCodec { BlockCodec.zstd.isAvailable ? .zstd : .zlib }

    package var isAvailable: Bool { self != .zstd || needletail_zstd_is_present() == 1 }

    /// `level` is the codec's own, below 0 for zstd's quickest; nil is a fast default. Answers with `.raw` and the same bytes where compression
    /// does not make them smaller or the codec is not in this build.
    package static func compress(
        _ bytes: [UInt8], codec: BlockCodec = .best, level: Int? = nil
    ) -> (codec: BlockCodec, bytes: [UInt8]) {
        guard codec != .raw, codec.isAvailable, !bytes.isEmpty else { return (.raw, bytes) }
        // More room than the input is never needed: what does not fit is kept raw.
        let packed = unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
            let written = unsafe bytes.withUnsafeBufferPointer { source -> Int64 in
                switch codec {
                case .raw: -1
                case .zlib:
                    unsafe needletail_zlib_compress(
                        target.baseAddress, target.count, source.baseAddress, source.count,
                        Int32(min(max(level ?? 4, 1), 9)))
                case .zstd:
                    unsafe needletail_zstd_compress(
                        target.baseAddress, target.count, source.baseAddress, source.count,
                        Int32(min(max(level ?? 3, -20), 19)))
                }
            }
            count = written > 0 ? Int(written) : 0
        }
        return packed.isEmpty || packed.count >= bytes.count ? (.raw, bytes) : (codec, packed)
    }

    /// Exactly `expectedSize` bytes, or an error.
    package static func decompress(
        _ bytes: ArraySlice<UInt8>, codec: BlockCodec, expectedSize: Int
    ) throws(CodecError) -> [UInt8] {
        guard expectedSize >= 0, expectedSize <= maximumDecodedCount else {
            throw CodecError(0, "block of \(expectedSize) bytes is over the limit of \(maximumDecodedCount)")
        }
        guard codec.isAvailable else {
            throw CodecError(0, "block is compressed with \(codec), which this build does not have")
        }
        if codec == .raw {
            guard bytes.count == expectedSize else {
                throw CodecError(0, "raw block has \(bytes.count) bytes, its header says \(expectedSize)")
            }
            return Array(bytes)
        }
        if expectedSize == 0 { throw CodecError(0, "compressed block of no bytes") }
        var result: Int64 = -1
        let plain = unsafe [UInt8](unsafeUninitializedCapacity: expectedSize) { target, count in
            result = unsafe bytes.withUnsafeBufferPointer { source in
                unsafe codec == .zlib
                    ? needletail_zlib_decompress(target.baseAddress, target.count, source.baseAddress, source.count)
                    : needletail_zstd_decompress(target.baseAddress, target.count, source.baseAddress, source.count)
            }
            count = result > 0 ? Int(result) : 0
        }
        guard result >= 0 else { throw CodecError(0, "\(codec) block is damaged or larger than \(expectedSize) bytes") }
        guard plain.count == expectedSize else {
            throw CodecError(0, "\(codec) block holds \(plain.count) bytes, its header says \(expectedSize)")
        }
        return plain
    }

    package static func decompress(
        _ bytes: [UInt8], codec: BlockCodec, expectedSize: Int
    ) throws(CodecError) -> [UInt8] {
        try decompress(bytes[...], codec: codec, expectedSize: expectedSize)
    }
}
