import Codecs
internal import Storage
internal import Telemetry

/// Decodes blocks of one part into a buffer, and remembers what neighbours share: a stretch of the file, and the
/// integers that the next bucket of a histogram is the difference to. For one task.
///
/// `@safe`: the memory is its own, allocated once and freed with it; blocks have no more samples than it has room for,
/// which the series table was checked for.
@safe final class BlockDecoder {
    private var file: PartBytes

    /// Integers of the block decoded last, and room for those of the next.
    private var integers: UnsafeMutableBufferPointer<Int64>
    private var spare: UnsafeMutableBufferPointer<Int64>
    private var scratch: UnsafeMutableBufferPointer<Double>?
    private var lastGroup: GroupIndex?
    private var lastBlock = -1
    private var lastCount = 0
    private var lastScale: UInt8 = 0

    init(_ part: SeriesPart) {
        file = PartBytes(part)
        unsafe integers = .allocate(capacity: PartFormat.blockSamples)
        unsafe spare = .allocate(capacity: PartFormat.blockSamples)
    }

    deinit {
        unsafe integers.deallocate()
        unsafe spare.deallocate()
        unsafe scratch?.deallocate()
    }

    /// Appends the block's values; true where one of them may be no number.
    func decode(_ number: Int, of group: GroupIndex, into buffer: SampleBuffer) throws -> Bool {
        let block = group.blocks[number]
        if block.reference >= 0 { try decodeChain(to: Int(block.reference), of: group) }
        var mayHoldNaN = true
        unsafe try buffer.extend(by: group.columns[Int(block.column)].count) { target in
            mayHoldNaN = unsafe try decode(number, of: group, into: target)
        }
        return mayHoldNaN
    }

    /// Brings the integers of a block to hand, from the last one on that stands alone or was decoded last.
    private func decodeChain(to number: Int, of group: GroupIndex) throws {
        if lastGroup === group, lastBlock == number { return }
        var chain: [Int] = []
        var next = number
        while next >= 0 {
            if lastGroup === group, lastBlock == next { break }
            chain.append(next)
            let before = Int(group.blocks[next].reference)
            guard before < next, chain.count <= PartFormat.groupSize else { break }
            next = before
        }
        let memory: UnsafeMutableBufferPointer<Double>
        if let scratch = unsafe scratch {
            unsafe memory = scratch
        } else {
            unsafe memory = .allocate(capacity: PartFormat.blockSamples)
            unsafe scratch = memory
        }
        for one in chain.reversed() {
            let count = group.columns[Int(group.blocks[one].column)].count
            _ = unsafe try decode(one, of: group, into: UnsafeMutableBufferPointer(rebasing: memory[..<count]))
        }
    }

    @unsafe
    private func decode(
        _ number: Int, of group: GroupIndex, into target: UnsafeMutableBufferPointer<Double>
    ) throws -> Bool {
        let block = group.blocks[number]
        let bytes = try bytes(block, of: group)
        let isAtHand = block.reference >= 0 && lastGroup === group && lastBlock == Int(block.reference)
        do {
            var reader = ByteReader(bytes)
            let outcome = unsafe try ValueColumn.decode(
                &reader, into: target, integers: UnsafeMutableBufferPointer(rebasing: spare[..<target.count]),
                reference: isAtHand ? UnsafeBufferPointer(rebasing: integers[..<lastCount]) : nil,
                referenceScale: lastScale)
            guard reader.isAtEnd else { throw reader.failure("bytes after the last sample") }
            if outcome.hasIntegers {
                unsafe swap(&integers, &spare)
                (lastGroup, lastBlock) = (group, number)
                (lastCount, lastScale) = (target.count, outcome.scale)
            }
            return outcome.mayHoldNaN
        } catch let error as CodecError {
            throw file.damage(block.offset, error.reason)
        }
    }

    /// Whether a stale marker may be in the block, by its bytes: an exception to integers stands in them as it is.
    func mayHoldStaleMarkers(_ number: Int, of group: GroupIndex) throws -> Bool {
        let bytes = try bytes(group.blocks[number], of: group)
        return ValueColumn.mayHold(bits: SpecialValue.staleMarkerBits, in: bytes)
    }

    func timestamps(_ stretch: TimelineTable.Stretch) throws -> [Int64] {
        let bytes = try file.times(stretch.offset, stretch.length)
        do {
            var reader = ByteReader(bytes)
            let values = try EntropyColumn.decode(&reader, count: stretch.count)
            guard reader.isAtEnd, values.first == stretch.first, values.last == stretch.last else {
                throw reader.failure("timestamps are not those of the series table")
            }
            for index in 1..<max(values.count, 1) where values[index] <= values[index - 1] {
                throw reader.failure("timestamps do not ascend")
            }
            return values
        } catch let error as CodecError {
            throw file.damage(stretch.offset, error.reason)
        }
    }

    // MARK: Bytes

    /// What the block holds behind its checksum.
    private func bytes(_ block: GroupIndex.Block, of group: GroupIndex) throws -> ArraySlice<UInt8> {
        let length = Int(block.length)
        if block.isInline { return group.inlineBytes[block.offset..<block.offset + length] }
        return try file.block(block.offset, length)
    }
}
