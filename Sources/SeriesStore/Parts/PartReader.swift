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
    private var file: PartBytes
    private var columns: [Int: [Int64]] = [:]
    private var lastColumn: (times: PartTimes, values: [Int64])?
    private var lastIntegers: (offset: Int, integers: ValueColumn.Integers)?

    init(_ part: SeriesPart) {
        self.part = part
        file = PartBytes(part)
    }

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
        let bytes = try block.inline.map { $0[...] } ?? file.block(block.offset, block.length)
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
            throw file.damage(block.offset, error.reason)
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
        let bytes = try inline.map { $0[...] } ?? file.block(offset, length)
        do {
            var reader = ByteReader(bytes)
            let read = try ValueColumn.decode(&reader, count: count, reference: reference)
            guard reader.isAtEnd else { throw reader.failure("bytes after the last sample") }
            return read
        } catch {
            throw file.damage(offset, (error as? CodecError)?.reason ?? "\(error)")
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
        let bytes = try file.times(times.offset, times.length)
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
            throw file.damage(times.offset, (error as? CodecError)?.reason ?? "\(error)")
        }
    }
}
