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
    private let file: any File

    /// Throws where directory or trailer are damaged: nothing of such a part can be found.
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
                    "\(path) has part format \(version), this needletail reads \(PartFormat.version): use a newer one")
            }
            var block = ByteReader(try file.read(at: place, count: length))
            directory = try PartDirectory(decoding: try SealedBlock.read(&block))
        } catch let error as CodecError {
            throw StorageError.corrupt(path: path, offset: trailerOffset, reason: error.reason)
        }
    }

    func overlaps(_ range: TimeRange) -> Bool { range.overlaps(first: directory.minTime, last: directory.maxTime) }

    private func sealed(_ offset: Int, _ length: Int, _ what: String) throws -> [UInt8] {
        do {
            var reader = ByteReader(try file.read(at: offset, count: length))
            return try SealedBlock.read(&reader)
        } catch let error as CodecError {
            throw StorageError.corrupt(path: path, offset: offset, reason: "\(what): \(error.reason)")
        }
    }

    // MARK: Series

    /// All series of a group, in order.
    func series(inGroup index: Int) throws -> [PartSeries] {
        let group = directory.groups[index]
        let bytes = try sealed(group.tableOffset, group.tableLength, "series table")
        do {
            var reader = ByteReader(bytes)
            var all: [PartSeries] = []
            var labels: [UInt8] = []
            var offset = group.dataOffset
            for _ in 0..<group.count {
                let shared = try reader.readCount(limit: labels.count)
                labels.removeSubrange(shared...)
                labels.append(contentsOf: try reader.readLengthPrefixed())
                // The block's checksum held, so these are the canonical bytes that were written.
                let set = LabelSet(canonical: labels)
                var blocks: [PartBlock] = []
                for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
                    guard let kind = BlockKind(rawValue: try reader.readByte()) else {
                        throw reader.failure("unknown block kind")
                    }
                    let length = try reader.readCount(limit: 1 << 32)
                    let count = try reader.readCount(limit: PartFormat.blockSamples)
                    let first = try reader.readZigzag()
                    let last = first &+ Int64(bitPattern: try reader.readVarint())
                    blocks.append(
                        PartBlock(kind: kind, offset: offset, length: length, count: count, first: first, last: last))
                    offset += length
                }
                all.append(PartSeries(labels: set, blocks: blocks))
            }
            return all
        } catch {
            throw StorageError.corrupt(
                path: path, offset: group.tableOffset,
                reason: "series table: \((error as? CodecError)?.reason ?? "\(error)")")
        }
    }

    // MARK: Samples

    func readFloats(_ block: PartBlock) throws -> (timestamps: [Int64], values: [Double]) {
        let bytes = try read(block)
        do {
            return try SealedColumn.decode(bytes, count: block.count)
        } catch {
            throw StorageError.corrupt(path: path, offset: block.offset, reason: error.reason)
        }
    }

    func readHistograms(_ block: PartBlock) throws -> (timestamps: [Int64], histograms: [NativeHistogram]) {
        let bytes = try read(block)
        do {
            var outer = ByteReader(bytes)
            var reader = ByteReader(try SealedBlock.read(&outer))
            let timestamps = try IntegerColumn.decode(&reader, count: block.count)
            var histograms: [NativeHistogram] = []
            for _ in 0..<block.count { histograms.append(try HistogramCodec.decode(try reader.readLengthPrefixed())) }
            return (timestamps, histograms)
        } catch {
            throw StorageError.corrupt(path: path, offset: block.offset, reason: error.reason)
        }
    }

    private func read(_ block: PartBlock) throws -> ArraySlice<UInt8> {
        let bytes = try file.read(at: block.offset, count: block.length)
        var reader = ByteReader(bytes)
        guard bytes.count == block.length, let checksum = try? reader.readFixed32(),
            CRC32C.checksum(reader.rest) == checksum
        else {
            throw StorageError.corrupt(path: path, offset: block.offset, reason: "the block's checksum does not match")
        }
        return reader.rest
    }

    // MARK: Index

    /// One value of a posting page; its series are decoded when they are wanted.
    private struct Posting {
        var value: String
        var count: Int
        var packed: ArraySlice<UInt8>

        func decode(into series: inout [UInt32]) throws(CodecError) {
            var reader = ByteReader(packed)
            series.reserveCapacity(series.count + count)
            var last: UInt32 = 0
            for _ in 0..<count {
                last = last &+ UInt32(truncatingIfNeeded: try reader.readVarint())
                series.append(last)
            }
        }
    }

    private func postings(_ page: PartDirectory.Page, _ body: (Posting) throws -> Void) throws {
        let bytes = try sealed(page.offset, page.length, "label index")
        do {
            var reader = ByteReader(bytes)
            for _ in 0..<(try reader.readCount(limit: PartFormat.pageSize)) {
                let value = try reader.readString()
                let count = try reader.readCount(limit: reader.remaining)
                try body(Posting(value: value, count: count, packed: try reader.readLengthPrefixed()))
            }
        } catch let error as CodecError {
            throw StorageError.corrupt(path: path, offset: page.offset, reason: "label index: \(error.reason)")
        }
    }

    private func pages(of name: String) -> [PartDirectory.Page]? {
        let place = directory.names.partitioningIndex { !$0.name.utf8.lexicographicallyPrecedes(name.utf8) }
        guard place < directory.names.count, directory.names[place].name == name else { return nil }
        return directory.names[place].pages
    }

    func values(of name: String) throws -> [String] {
        var values: [String] = []
        for page in pages(of: name) ?? [] { try postings(page) { values.append($0.value) } }
        return values
    }

    /// Series numbers in ascending order, a superset of those that match; nil where the index does not narrow it.
    func candidates(_ matchers: [CompiledMatcher]) throws -> [UInt32]? {
        var best: [UInt32]?
        for matcher in matchers where !matcher.matchesEmpty {
            guard let literals = matcher.literals else { continue }
            guard let pages = pages(of: matcher.name) else { return [] }
            var wanted: [Int: Set<String>] = [:]
            for literal in literals {
                let place = pages.partitioningIndex { literal.utf8.lexicographicallyPrecedes($0.firstValue.utf8) }
                if place > 0 { wanted[place - 1, default: []].insert(literal) }
            }
            var found: [Posting] = []
            for (place, values) in wanted {
                try postings(pages[place]) { if values.contains($0.value) { found.append($0) } }
            }
            let total = found.reduce(0) { $0 + $1.count }
            if total == 0 { return [] }
            // Only a list that is shorter than the last is decoded.
            if total < best?.count ?? .max { best = try decode(found) }
        }
        if let best { return best }
        for matcher in matchers where !matcher.matchesEmpty {
            guard let pages = pages(of: matcher.name) else { return [] }
            var found: [Posting] = []
            for page in pages { try postings(page) { if matcher.matches(value: $0.value) { found.append($0) } } }
            return try decode(found)
        }
        return nil
    }

    private func decode(_ postings: [Posting]) throws -> [UInt32] {
        var series: [UInt32] = []
        do {
            for posting in postings { try posting.decode(into: &series) }
        } catch {
            throw StorageError.corrupt(path: path, offset: 0, reason: "label index: \(error)")
        }
        return postings.count > 1 ? series.sorted() : series
    }

    /// Hands over the series that match, in order of labels. Damage goes to `report`, and the rest goes on; without
    /// its index
    /// a part is read in full.
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
            if let candidates {
                while next < candidates.count, candidates[next] < first { next += 1 }
                if next >= candidates.count { return }
                if candidates[next] >= first + PartFormat.groupSize {
                    context.count { $0.blocksSkipped += 1 }
                    continue
                }
            }
            try context.check()
            let all: [PartSeries]
            do {
                all = try series(inGroup: group)
            } catch let error as StorageError {
                guard case .corrupt = error else { throw error }
                report(error.description)
                continue
            }
            if let candidates {
                while next < candidates.count, candidates[next] < first + PartFormat.groupSize {
                    let place = Int(candidates[next]) - first
                    if all.indices.contains(place), matchers.matches(all[place].labels) { try body(all[place]) }
                    next += 1
                }
            } else {
                for one in all where matchers.matches(one.labels) { try body(one) }
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
