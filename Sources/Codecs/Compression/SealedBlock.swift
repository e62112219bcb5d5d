/// A compressed block with its header: codec, plain size, packed size, CRC-32C of the packed bytes, packed bytes.
package enum SealedBlock {
    package static func write(
        _ plain: [UInt8], codec: BlockCodec = .best, level: Int? = nil, to writer: inout ByteWriter
    ) {
        let packed = BlockCodec.compress(plain, codec: codec, level: level)
        writer.write(packed.codec.rawValue)
        writer.writeVarint(plain.count)
        writer.writeVarint(packed.bytes.count)
        writer.writeFixed32(CRC32C.checksum(packed.bytes))
        writer.writeBytes(packed.bytes)
    }

    /// The plain bytes; throws where the checksum does not match or the block is larger than `limit`.
    package static func read(_ reader: inout ByteReader, limit: Int = maximumDecodedCount) throws(CodecError) -> [UInt8]
    {
        let start = reader
        let name = try reader.readByte()
        guard let codec = BlockCodec(rawValue: name) else { throw start.failure("unknown block codec \(name)") }
        let plainSize = try reader.readCount(limit: min(limit, maximumDecodedCount))
        let packedSize = try reader.readCount(limit: reader.remaining)
        let checksum = try reader.readFixed32()
        let packed = try reader.readBytes(packedSize)
        guard CRC32C.checksum(packed) == checksum else { throw start.failure("block's checksum does not match") }
        do {
            return try BlockCodec.decompress(packed, codec: codec, expectedSize: plainSize)
        } catch {
            throw start.failure(error.reason)
        }
    }
}
