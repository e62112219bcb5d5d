import Codecs
internal import Storage
import Synchronization
internal import Telemetry

/// An open part: its directory is in memory, all else is read when it is asked for. The file stays readable after it
/// was removed.
final class SeriesPart: Sendable {
    let record: PartRecord
    let path: String
    let directory: PartDirectory
    let file: any File
    private let buried = Mutex<[Tombstone]>([])
    private let isTouched = Atomic(false)

    /// Deletions that reads leave out and the next rewrite takes away.
    var tombstones: [Tombstone] { buried.withLock { $0 } }
    var hasTombstones: Bool { isTouched.load(ordering: .acquiring) }

    func add(_ tombstone: Tombstone) {
        buried.withLock { $0.append(tombstone) }
        isTouched.store(true, ordering: .releasing)
    }

    /// Throws where header, directory or trailer are damaged: nothing of such a part can be found.
    init(_ record: PartRecord, path: String, fileSystem: any FileSystem) throws {
        self.record = record
        self.path = path
        file = try fileSystem.open(path, .read)
        let size = try file.size()
        guard size >= PartFormat.headerSize + PartFormat.trailerSize else {
            throw StorageError.corrupt(path: path, offset: 0, reason: "\(size) bytes are too few for a part")
        }
        let trailerOffset = size - PartFormat.trailerSize
        let trailer = try file.read(at: trailerOffset, count: PartFormat.trailerSize)
        do {
            var reader = ByteReader(trailer)
            let place = try reader.readCount64(limit: trailerOffset)
            let length = try reader.readCount64(limit: trailerOffset - place)
            let version = try reader.readFixed32()
            guard CRC32C.checksum(trailer[..<20]) == (try reader.readFixed32()),
                reader.rest.elementsEqual(PartFormat.magic)
            else { throw reader.failure("the trailer's checksum does not match") }
            guard version == PartFormat.version else {
                throw StorageError.unsupported(
                    version > PartFormat.version
                        ? "\(path) has part format \(version), this needletail reads \(PartFormat.version): use a newer one"
                        : "\(path) has part format \(version), from before the first release: begin with an empty folder")
            }
            guard try file.read(at: 0, count: PartFormat.headerSize) == PartFormat.header else {
                throw StorageError.corrupt(path: path, offset: 0, reason: "the header is not that of a part")
            }
            var block = ByteReader(try file.read(at: place, count: length))
            directory = try PartDirectory(decoding: try SealedBlock.read(&block))
        } catch let error as CodecError {
            throw StorageError.corrupt(path: path, offset: trailerOffset, reason: error.reason)
        }
    }

    func overlaps(_ range: TimeRange) -> Bool { range.overlaps(first: directory.minTime, last: directory.maxTime) }

    func sealed(_ offset: Int, _ length: Int, _ what: String) throws -> [UInt8] {
        do {
            var reader = ByteReader(try file.read(at: offset, count: length))
            return try SealedBlock.read(&reader)
        } catch let error as CodecError {
            throw StorageError.corrupt(path: path, offset: offset, reason: "\(what): \(error.reason)")
        }
    }

    // MARK: Series

    /// All series of a group, in order, those that were deleted too.
    func series(inGroup index: Int) throws -> [PartSeries] {
        try PartGroupTable(self, group: index).series { _ in true }
    }

    // MARK: Samples

    /// For many blocks in their order a ``PartReader`` is quicker.
    func readFloats(_ block: PartBlock) throws -> (timestamps: [Int64], values: [Double]) {
        let read = try PartReader(self).floats(block)
        return (read.timestamps, read.values)
    }

    func readHistograms(_ block: PartBlock) throws -> (timestamps: [Int64], histograms: [NativeHistogram]) {
        let read = try PartReader(self).histograms(block)
        return (read.timestamps, read.histograms)
    }

    // MARK: Matches

    /// Hands over the series that match, in order of the part. Damage goes to `report`, and the rest goes on; without
    /// its index a part is read in full.
    func forEachMatch(
        _ matchers: [CompiledMatcher], context: QueryContext, report: (String) -> Void,
        _ body: (PartSeries) throws -> Void
    ) throws {
        var candidates: [UInt32]?
        do {
            candidates = try self.candidates(matchers)
        } catch let error as StorageError {
            guard case .corrupt = error else { throw error }
            report(error.description)
        }
        var next = 0
        for group in directory.groups.indices {
            let first = group * PartFormat.groupSize
            var wanted = [Bool](repeating: candidates == nil, count: PartFormat.groupSize)
            if let candidates {
                while next < candidates.count, candidates[next] < first { next += 1 }
                if next >= candidates.count { return }
                if candidates[next] >= first + PartFormat.groupSize {
                    context.count { $0.blocksSkipped += 1 }
                    continue
                }
                while next < candidates.count, candidates[next] < first + PartFormat.groupSize {
                    if candidates[next] >= first { wanted[Int(candidates[next]) - first] = true }
                    next += 1
                }
            }
            try context.check()
            do {
                let all = try PartGroupTable(self, group: group).series { wanted[$0] }
                for one in all where matchers.matches(one.labels) {
                    if let living = living(one) { try body(living) }
                }
            } catch let error as StorageError {
                guard case .corrupt(path, directory.groups[group].tableOffset, _) = error else { throw error }
                report(error.description)
            }
        }
    }
}

extension ByteReader {
    /// A fixed 64-bit number in `0...limit`.
    mutating func readCount64(limit: Int) throws(CodecError) -> Int {
        let value = try readFixed64()
        guard value <= UInt64(max(limit, 0)) else { throw failure("\(value) is over the limit of \(limit)") }
        return Int(value)
    }
}
