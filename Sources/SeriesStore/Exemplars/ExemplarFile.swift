import Codecs
internal import Storage
internal import Telemetry

/// One flush's exemplars on disk: see docs/formats/series-exemplars.md.
enum ExemplarFile {
    private static let magic: [UInt8] = Array("NTEXEMPL".utf8)
    private static let version: UInt32 = 1
    /// Exemplars of one sealed block.
    private static let blockSize = 4096

    typealias Entry = (labels: LabelSet, exemplar: Exemplar)

    static func encode(_ entries: [Entry]) -> [UInt8] {
        let sorted = entries.sorted { ($0.labels, $0.exemplar.timestamp) < ($1.labels, $1.exemplar.timestamp) }
        var writer = ByteWriter()
        writer.writeBytes(magic)
        writer.writeFixed32(version)
        var start = 0
        while start < sorted.count {
            let end = min(start + blockSize, sorted.count)
            var plain = ByteWriter()
            plain.writeVarint(end - start)
            var last: LabelSet?
            for (labels, exemplar) in sorted[start..<end] {
                // A series stands once for all its exemplars.
                plain.writeLengthPrefixed(labels == last ? [] : labels.bytes)
                last = labels
                plain.writeLengthPrefixed(exemplar.labels.bytes)
                plain.writeZigzag(exemplar.timestamp)
                plain.writeDouble(exemplar.value)
            }
            SealedBlock.write(plain.bytes, to: &writer)
            start = end
        }
        return writer.bytes
    }

    /// Hands over every exemplar. Damage is an error that names the file and ends the reading.
    static func read(_ path: String, _ fileSystem: any FileSystem, _ body: (Entry) throws -> Void) throws {
        let bytes = try fileSystem.readAll(path)
        var reader = ByteReader(bytes)
        do {
            guard try reader.readBytes(8).elementsEqual(magic) else { throw reader.failure("it is no exemplar file") }
            let found = try reader.readFixed32()
            guard found == version else {
                throw StorageError.unsupported(
                    "\(path) has exemplar format \(found), this needletail reads \(version): use a newer one")
            }
            while !reader.isAtEnd {
                var block = ByteReader(try SealedBlock.read(&reader))
                var series = LabelSet.empty
                for _ in 0..<(try block.readCount(limit: blockSize)) {
                    let labels = try block.readLengthPrefixed()
                    if !labels.isEmpty { series = LabelSet(canonical: Array(labels)) }
                    let own = LabelSet(canonical: Array(try block.readLengthPrefixed()))
                    let timestamp = try block.readZigzag()
                    let value = try block.readDouble()
                    try body((series, Exemplar(labels: own, value: value, timestamp: timestamp)))
                }
            }
        } catch let error as CodecError {
            throw StorageError.corrupt(path: path, offset: reader.offset, reason: error.reason)
        }
    }
}
