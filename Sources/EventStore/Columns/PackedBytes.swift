import Codecs

/// Bytes with the codec that they are compressed with: codec, plain size, packed size, packed bytes.
enum PackedBytes {
    static func write(_ plain: [UInt8], codec: BlockCodec, level: Int? = nil, to writer: inout ByteWriter) {
        let packed =
            plain.count < 48 ? (codec: .raw, bytes: plain) : BlockCodec.compress(plain, codec: codec, level: level)
        writer.write(packed.codec.rawValue)
        writer.writeVarint(plain.count)
        writer.writeVarint(packed.bytes.count)
        writer.writeBytes(packed.bytes)
    }

    static func read(_ reader: inout ByteReader) throws(CodecError) -> [UInt8] {
        let byte = try reader.readByte()
        guard let codec = BlockCodec(rawValue: byte) else { throw reader.failure("unknown codec \(byte)") }
        let plainSize = try reader.readCount(limit: maximumDecodedCount)
        let packedSize = try reader.readCount(limit: reader.remaining)
        return try BlockCodec.decompress(try reader.readBytes(packedSize), codec: codec, expectedSize: plainSize)
    }
}
