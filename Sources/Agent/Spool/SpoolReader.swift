import Codecs
import Storage

/// The reading end of the spool: the oldest batch that is not acknowledged. Used by one task.
package final class SpoolReader {
    private let ledger: SpoolLedger
    private let folder: String
    private let fileSystem: any FileSystem
    private var segment = 0
    private var file: (any File)?
    private var cursor = SegmentCursor(path: "")
    private var acknowledgements: (any File)?
    private var acknowledgementCount = 0

    package init(folder: String, fileSystem: any FileSystem, ledger: SpoolLedger) {
        self.folder = folder
        self.fileSystem = fileSystem
        self.ledger = ledger
    }

    /// The next batch; nil where there is none yet.
    package func next() throws(StorageError) -> SpoolRecord? {
        while true {
            let (extent, following) = ledger.with { state in
                (state.segments[segment]?.length, state.segments.keys.filter { $0 > segment }.min())
            }
            if let extent {
                if file == nil {
                    let path = SpoolWriter.path(folder, segment)
                    file = try fileSystem.open(path, .read)
                    cursor = SegmentCursor(path: path)
                }
                while let file, let record = try cursor.next(file, upTo: extent, withBody: true) {
                    if record.sequence > ledger.acknowledged { return record }
                }
                // What the writer knew as torn at the start is beyond the extent, so this is damage.
                if let problem = cursor.problem, following != nil || cursor.offset < extent { ledger.report(problem) }
            }
            guard let following else { return nil }
            segment = following
            file = nil
        }
    }

    /// The receiver has the batch, or has refused it for good. Survives the death of the process; after a loss of power
    /// the last batches may be sent again, byte for byte the same.
    package func acknowledge(_ sequence: UInt64) throws(StorageError) {
        let wake = ledger.with { state in
            state.acknowledged = max(state.acknowledged, sequence)
            return state.wakeWriter
        }
        defer { wake?() }
        let path = folder + "/" + SpoolWriter.acknowledgedName
        if acknowledgements == nil || acknowledgementCount >= 4_096 {
            acknowledgements = nil
            try fileSystem.writeAtomically(SpoolReader.entry(sequence), to: path)
            acknowledgements = try fileSystem.open(path, .append)
            acknowledgementCount = 1
            return
        }
        try acknowledgements?.append(SpoolReader.entry(sequence))
        acknowledgementCount += 1
    }

    private static func entry(_ sequence: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: 12)
        writer.writeFixed64(sequence)
        writer.writeFixed32(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// The last whole entry; 0 where there is none: everything is sent again.
    static func readAcknowledged(_ folder: String, _ fileSystem: any FileSystem) -> UInt64 {
        let path = folder + "/" + SpoolWriter.acknowledgedName
        guard let bytes = try? fileSystem.readAll(path) else { return 0 }
        var found: UInt64 = 0
        var start = 0
        while start + 12 <= bytes.count {
            var reader = ByteReader(Array(bytes[start..<(start + 12)]))
            if let sequence = try? reader.readFixed64(), let checksum = try? reader.readFixed32(),
                checksum == CRC32C.checksum(bytes[start..<(start + 8)])
            {
                found = max(found, sequence)
            }
            start += 12
        }
        return found
    }
}
