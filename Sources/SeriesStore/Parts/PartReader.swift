import Codecs
internal import Storage
internal import Telemetry

/// Reads blocks of one part and remembers what neighbours share: a stretch of the file, timestamps, the integers that
/// the next bucket of a histogram is the difference to. For one thread.
final class PartReader {
    struct Floats {
        var timestamps: [Int64]
        var values: [Double]
        /// Empty where the block has none.
        var starts: [Int64]
    }

    struct Histograms {
        var timestamps: [Int64]
        var histograms: [NativeHistogram]
        var starts: [Int64]
    }

    let part: SeriesPart
    private var window: [UInt8] = []
    private var windowOffset = 0
    private var lastEnd = -1
    private var columns: [Int: [Int64]] = [:]
    private var lastColumn: (times: PartTimes, values: [Int64])?
    private var lastIntegers: (offset: Int, integers: ValueColumn.Integers)?
    private static let readAhead = 64 << 10

    init(_ part: SeriesPart) { self.part = part }

    func floats(_ block: PartBlock) throws -> Floats {
        var read = Floats(
            timestamps: try timestamps(block.times), values: try values(block),
            starts: try block.starts.map { try timestamps($0) } ?? [])
        if let kept = kept(block, read.timestamps) {
            read.timestamps = kept.map { read.timestamps[$0] }
            read.values = kept.map { read.values[$0] }
            if !read.starts.isEmpty { read.starts = kept.map { read.starts[$0] } }
        }
        return read
    }

    /// Places of what no tombstone covers; nil for all.
    private func kept(_ block: PartBlock, _ times: [Int64]) -> [Int]? {
        guard let deleted = block.deleted else { return nil }
        return times.indices.filter { place in !deleted.contains { $0.contains(times[place]) } }
    }

    func histograms(_ block: PartBlock) throws -> Histograms {
        let times = try timestamps(block.times)
        let bytes = try block.inline.map { $0[...] } ?? bytes(block.offset, block.length)
        do {
            var read = Histograms(
                timestamps: times, histograms: try HistogramColumn.decode(bytes, count: block.count),
                starts: try block.starts.map { try timestamps($0) } ?? [])
            if let kept = kept(block, times) {
                read.timestamps = kept.map { read.timestamps[$0] }
                read.histograms = kept.map { read.histograms[$0] }
                if !read.starts.isEmpty { read.starts = kept.map { read.starts[$0] } }
            }
            return read
        } catch let error as CodecError {
            throw damage(block.offset, error.reason)
        }
    }

    // MARK: Values

    private func values(_ block: PartBlock) throws -> [Double] {
        var reference: ValueColumn.Integers?
        if let first = block.reference {
            // Back to the one that stands alone or was read last, and from there to the block.
            var chain: [PartReference] = []
            var next: PartReference? = first
            while let one = next {
                if let lastIntegers, one.inline == nil, lastIntegers.offset == one.offset {
                    reference = lastIntegers.integers
                    break
                }
                chain.append(one)
                next = one.before
            }
            for one in chain.reversed() {
                reference = try decode(one.offset, one.length, one.inline, one.count, reference).integers
            }
        }
        let read = try decode(block.offset, block.length, block.inline, block.count, reference)
        if block.inline == nil, let integers = read.integers { lastIntegers = (block.offset, integers) }
        return read.values
    }

    private func decode(
        _ offset: Int, _ length: Int, _ inline: [UInt8]?, _ count: Int, _ reference: ValueColumn.Integers?
    ) throws -> (values: [Double], integers: ValueColumn.Integers?) {
        let bytes = try inline.map { $0[...] } ?? bytes(offset, length)
        do {
            var reader = ByteReader(bytes)
            let read = try ValueColumn.decode(&reader, count: count, reference: reference)
            guard reader.isAtEnd else { throw reader.failure("bytes after the last sample") }
            return read
        } catch {
            throw damage(offset, (error as? CodecError)?.reason ?? "\(error)")
        }
    }

    // MARK: Timestamps

    private func timestamps(_ times: PartTimes) throws -> [Int64] {
        if let lastColumn, lastColumn.times === times { return lastColumn.values }
        let values = times.length == 0 ? PartReader.regular(times) : try stored(times)
        lastColumn = (times, values)
        return values
    }

    private static func regular(_ times: PartTimes) -> [Int64] {
        let step = times.count > 1 ? (times.last &- times.first) / Int64(times.count - 1) : 0
        return unsafe [Int64](unsafeUninitializedCapacity: times.count) { target, initialized in
            var time = times.first
            for index in 0..<times.count {
                unsafe target[index] = time
                time &+= step
            }
            initialized = times.count
        }
    }

    private func stored(_ times: PartTimes) throws -> [Int64] {
        if let known = columns[times.offset], known.count == times.count { return known }
        // Not through the window: they stand before the blocks of their group, and the blocks are what is read in a row.
        let bytes = try checked(try part.file.read(at: times.offset, count: times.length)[...], times.offset, times.length)
        do {
            var reader = ByteReader(bytes)
            let values = try EntropyColumn.decode(&reader, count: times.count)
            guard reader.isAtEnd, values.first == times.first, values.last == times.last else {
                throw reader.failure("timestamps are not those of the series table")
            }
            if columns.count >= 512 { columns = [:] }
            columns[times.offset] = values
            return values
        } catch {
            throw damage(times.offset, (error as? CodecError)?.reason ?? "\(error)")
        }
    }

    // MARK: Bytes

    /// What the block holds behind its checksum.
    private func bytes(_ offset: Int, _ length: Int) throws -> ArraySlice<UInt8> {
        if offset < windowOffset || offset + length > windowOffset + window.count {
            // Whoever reads on where it stopped will want what comes next.
            let isSequential = lastEnd >= 0 && offset >= lastEnd && offset - lastEnd <= PartReader.readAhead
            window = try part.file.read(at: offset, count: isSequential ? max(length, PartReader.readAhead) : length)
            windowOffset = offset
        }
        lastEnd = offset + length
        let start = offset - windowOffset
        return try checked(window[min(start, window.count)..<min(start + length, window.count)], offset, length)
    }

    private func checked(_ bytes: ArraySlice<UInt8>, _ offset: Int, _ length: Int) throws -> ArraySlice<UInt8> {
        var reader = ByteReader(bytes)
        guard bytes.count == length, let checksum = try? reader.readFixed32(),
            CRC32C.checksum(reader.rest) == checksum
        else { throw damage(offset, "the block's checksum does not match") }
        return reader.rest
    }

    private func damage(_ offset: Int, _ reason: String) -> StorageError {
        .corrupt(path: part.path, offset: offset, reason: reason)
    }
}
