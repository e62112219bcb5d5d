import Codecs
import Telemetry

/// A series of a block, with where its chunks are.
package struct BlockSeries: Sendable {
    package struct Chunk: Hashable, Sendable {
        /// Milliseconds, both inclusive.
        package var minTime: Int64
        package var maxTime: Int64
        /// Number of the segment file in `chunks/`, counted from 0, and the offset in it.
        package var segment: Int
        package var offset: Int
    }

    /// What tombstones call it.
    package var reference: UInt64
    package var labels: LabelSet
    package var chunks: [Chunk]
}

/// The index of a block, format 1 or 2 (tsdb/index). Symbols and series are looked up in the file: in memory are four
/// bytes for each symbol.
package struct BlockIndex: Sendable {
    private static let magic: UInt32 = 0xBAAA_D700
    private static let tocSize = 6 * 8 + 4

    private let file: any FolderFile
    private let version: UInt8
    private let symbolsStart: Int
    /// Of each symbol, from `symbolsStart` on. Format 1 refers to symbols by their offset in the file, and needs none.
    private var symbolOffsets: [UInt32] = []
    /// Where the list of all series is.
    private let postings: Range<Int>
    package var seriesCount: Int { postings.count / 4 }

    package init(_ file: any FolderFile) throws(PrometheusFolderError) {
        self.file = file
        var header = try FolderCursor(file, from: 0, to: min(5, file.count))
        guard try header.fixed32() == BlockIndex.magic else {
            throw .corrupt(file: file.name, offset: 0, reason: "it does not begin as an index does")
        }
        version = try header.byte()
        guard version == 1 || version == 2 else {
            throw .unsupported(file: file.name, offset: 4, reason: "index format \(version) is not known here")
        }
        let tocStart = file.count - BlockIndex.tocSize
        guard tocStart >= 5 else { throw header.failure("the table of contents is missing") }
        var toc = try FolderCursor(file, from: tocStart, to: file.count)
        var offsets: [Int] = []
        for _ in 0..<6 {
            guard let offset = Int(exactly: try toc.fixed64()), offset <= tocStart else {
                throw toc.failure("the table of contents points out of the file")
            }
            offsets.append(offset)
        }
        guard try toc.fixed32() == (try FolderCursor.checksum(file, from: tocStart, to: file.count - 4)) else {
            throw .corrupt(file: file.name, offset: tocStart, reason: "the table of contents' checksum is wrong")
        }
        symbolsStart = offsets[0]
        guard offsets[5] > 0 else { throw toc.failure("there is no table of postings") }
        postings = try BlockIndex.allSeries(file, table: offsets[5], end: tocStart)
        if version == 2 {
            symbolOffsets = try BlockIndex.symbols(file, at: symbolsStart, end: tocStart)
        } else {
            _ = try BlockIndex.section(file, at: symbolsStart, end: tocStart, "symbols")
        }
    }

    /// A section begins with its length and ends with a checksum; answers what is between.
    private static func section(
        _ file: any FolderFile, at start: Int, end: Int, _ what: String
    ) throws(PrometheusFolderError) -> Range<Int> {
        var cursor = try FolderCursor(file, from: start, to: end)
        let length = Int(try cursor.fixed32())
        guard length <= cursor.remaining - 4 else { throw cursor.failure("\(what): \(length) bytes are not there") }
        let body = cursor.offset..<cursor.offset + length
        try cursor.skip(length)
        guard try cursor.fixed32() == (try FolderCursor.checksum(file, from: body.lowerBound, to: body.upperBound))
        else { throw .corrupt(file: file.name, offset: start, reason: "\(what): the checksum is wrong") }
        return body
    }

    private static func symbols(
        _ file: any FolderFile, at start: Int, end: Int
    ) throws(PrometheusFolderError) -> [UInt32] {
        let body = try section(file, at: start, end: end, "symbols")
        var cursor = try FolderCursor(file, from: body.lowerBound, to: body.upperBound)
        let count = Int(try cursor.fixed32())
        guard count <= cursor.remaining else { throw cursor.failure("\(count) symbols do not fit their table") }
        var offsets: [UInt32] = []
        offsets.reserveCapacity(count)
        for _ in 0..<count {
            guard let offset = UInt32(exactly: cursor.offset - start) else {
                throw cursor.failure("the symbols take more than 4 GiB")
            }
            offsets.append(offset)
            try cursor.skip(try cursor.count(ofSize: 1))
        }
        return offsets
    }

    /// The list of postings of the empty name and value has every series, in the order of their labels.
    private static func allSeries(
        _ file: any FolderFile, table: Int, end: Int
    ) throws(PrometheusFolderError) -> Range<Int> {
        let body = try section(file, at: table, end: end, "table of postings")
        var cursor = try FolderCursor(file, from: body.lowerBound, to: body.upperBound)
        for _ in 0..<(try cursor.fixed32()) {
            let names = try cursor.unsignedVarint()
            guard names == 2 else { throw cursor.failure("an entry of the table of postings has \(names) names") }
            let nameIsEmpty = try cursor.lengthPrefixed().isEmpty
            let valueIsEmpty = try cursor.lengthPrefixed().isEmpty
            let offset = try cursor.unsignedVarint()
            guard nameIsEmpty, valueIsEmpty else { continue }
            guard let start = Int(exactly: offset), start < end else {
                throw cursor.failure("the list of all series is out of the file")
            }
            let list = try section(file, at: start, end: end, "list of all series")
            var head = try FolderCursor(file, from: list.lowerBound, to: list.upperBound)
            let count = Int(try head.fixed32())
            guard count * 4 == head.remaining else { throw head.failure("\(count) series do not fit their list") }
            return list.lowerBound + 4..<list.upperBound
        }
        throw cursor.failure("the list of all series is missing")
    }

    /// Calls with the reference of every series, in the order of their labels.
    package func forEachReference(
        _ body: (UInt64) throws(PrometheusFolderError) -> Void
    ) throws(PrometheusFolderError) {
        var cursor = try FolderCursor(file, from: postings.lowerBound, to: postings.upperBound)
        while !cursor.isAtEnd { try body(UInt64(try cursor.fixed32())) }
    }

    /// References from `first` on, at most `count`: for those who do other things between.
    package func references(from first: Int, count: Int) throws(PrometheusFolderError) -> [UInt64] {
        let start = postings.lowerBound + 4 * max(0, min(first, seriesCount))
        let end = min(postings.upperBound, start + 4 * max(0, count))
        var cursor = try FolderCursor(file, from: start, to: end)
        var found: [UInt64] = []
        while !cursor.isAtEnd { found.append(UInt64(try cursor.fixed32())) }
        return found
    }

    package func series(_ reference: UInt64) throws(PrometheusFolderError) -> BlockSeries {
        // Format 2 aligns series to 16 bytes and counts in these.
        let scaled = reference.multipliedReportingOverflow(by: version == 2 ? 16 : 1)
        guard !scaled.overflow, let start = Int(exactly: scaled.partialValue), start < file.count else {
            throw .corrupt(file: file.name, offset: 0, reason: "series \(reference) is out of the file")
        }
        var head = try FolderCursor(
            file.bytes(at: start, count: min(10, file.count - start)), of: file, at: start)
        let length = try head.unsignedVarint()
        guard length <= UInt64(max(0, file.count - head.offset - 4)) else {
            throw head.failure("a series of \(length) bytes is not there")
        }
        let bytes = try file.bytes(at: head.offset, count: Int(length) + 4)
        let body = Array(bytes.dropLast(4))
        let sum = bytes.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard sum == CRC32C.checksum(body) else {
            throw .corrupt(file: file.name, offset: start, reason: "a series' checksum is wrong")
        }
        var cursor = FolderCursor(body, of: file, at: head.offset)
        return BlockSeries(
            reference: reference, labels: try labels(&cursor), chunks: try BlockIndex.chunks(&cursor))
    }

    private func labels(_ cursor: inout FolderCursor) throws(PrometheusFolderError) -> LabelSet {
        var builder = LabelBuilder()
        for _ in 0..<(try cursor.count(ofSize: 2)) {
            let name = try symbol(try cursor.unsignedVarint(), for: cursor)
            let value = try symbol(try cursor.unsignedVarint(), for: cursor)
            builder.append(name: name, value: value)
        }
        _ = builder.finish()
        guard let labels = LabelSet(checking: builder.canonical) else {
            throw cursor.failure("the labels of a series are not UTF-8")
        }
        return labels
    }

    private func symbol(_ number: UInt64, for cursor: FolderCursor) throws(PrometheusFolderError) -> [UInt8] {
        let start: Int
        if version == 2 {
            guard number < UInt64(symbolOffsets.count) else { throw cursor.failure("symbol \(number) does not exist") }
            start = symbolsStart + Int(symbolOffsets[Int(number)])
        } else {
            guard number < UInt64(file.count) else { throw cursor.failure("symbol \(number) does not exist") }
            start = Int(number)
        }
        // Most symbols are short: one look for length and text.
        let guess = try file.bytes(at: start, count: min(64, file.count - start))
        var head = FolderCursor(guess, of: file, at: start)
        let length = try head.unsignedVarint()
        guard length <= UInt64(file.count - head.offset) else { throw head.failure("a symbol is cut off") }
        if length <= UInt64(head.remaining) { return Array(try head.bytes(Int(length))) }
        return try file.bytes(at: head.offset, count: Int(length))
    }

    private static func chunks(_ cursor: inout FolderCursor) throws(PrometheusFolderError) -> [BlockSeries.Chunk] {
        var chunks: [BlockSeries.Chunk] = []
        var maxTime: Int64 = 0
        var reference: Int64 = 0
        for number in 0..<(try cursor.count(ofSize: 3)) {
            let minTime = number == 0 ? try cursor.varint() : maxTime &+ Int64(bitPattern: try cursor.unsignedVarint())
            maxTime = minTime &+ Int64(bitPattern: try cursor.unsignedVarint())
            reference =
                number == 0 ? Int64(bitPattern: try cursor.unsignedVarint()) : reference &+ (try cursor.varint())
            let bits = UInt64(bitPattern: reference)
            chunks.append(
                BlockSeries.Chunk(
                    minTime: minTime, maxTime: maxTime, segment: Int(bits >> 32), offset: Int(bits & 0xffff_ffff)))
        }
        return chunks
    }
}
