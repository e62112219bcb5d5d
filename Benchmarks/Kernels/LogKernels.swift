import Codecs
import EventStore
import Patterns
import ShopLogs

/// Lines of a shop as templates and variables against zstd -3 of the same lines, block by block.
enum LogKernels {
    private struct Block {
        var bytes: [UInt8] = []
        var ends: [UInt32] = []
        var times: [Int64] = []
        var text = EncodedText()
        var zstd: [UInt8] = []

        func reader() throws -> TextReader {
            let chunks = text.chunks
            let times = times
            return try TextReader(
                head: text.head[...], lineCount: ends.count, rows: nil, bodySize: chunks.count,
                fetch: { (range: Range<Int>) throws(CodecError) in chunks[range] },
                times: { () throws(CodecError) in times })
        }
    }

    static func run() throws {
        var blocks = blocks()
        let raw = Double(blocks.reduce(0) { $0 + $1.bytes.count })
        let split = Measure.best { for i in blocks.indices { encode(&blocks[i]) } }
        let zstd = Measure.best { for i in blocks.indices { compress(&blocks[i]) } }
        Measure.row("lines to templates and columns | zstd -3", split / raw, zstd / raw, unit: "ns/kB", scale: 1e12)
        let size = Double(blocks.reduce(0) { $0 + $1.text.head.count + $1.text.chunks.count })
        let zstdSize = Double(blocks.reduce(0) { $0 + $1.zstd.count })
        Measure.row("size of lines | zstd -3", size / raw, zstdSize / raw, unit: "of plain", scale: 1)

        let back = try Measure.best {
            for block in blocks where try block.reader().lines().bytes != block.bytes {
                throw KernelError("lines came back different")
            }
        }
        let inflate = try Measure.best { for block in blocks { _ = try decompress(block) } }
        Measure.row("columns back to lines | zstd", back / raw, inflate / raw, unit: "ns/kB", scale: 1e12)
        try search(blocks, raw)
        filters(blocks, raw, stored: size)
    }

    private static func blocks() -> [Block] {
        var options = ShopLogs.Options()
        options.lines = 60_000
        var logs = ShopLogs(options)
        var blocks = [Block](repeating: Block(), count: logs.streams.count)
        while true {
            let batch = logs.batch(10_000)
            if batch.count == 0 { return blocks.filter { $0.ends.count > 100 } }
            var start = 0
            for line in 0..<batch.count {
                let stream = batch.streams[line]
                blocks[stream].bytes.append(contentsOf: batch.bytes[start..<batch.ends[line]])
                blocks[stream].ends.append(UInt32(blocks[stream].bytes.count))
                blocks[stream].times.append(batch.timestamps[line])
                start = batch.ends[line]
            }
        }
    }

    private static func encode(_ block: inout Block) {
        var encoder = TextEncoder(codec: .best, times: block.times)
        block.text = encoder.encode(bytes: block.bytes, ends: block.ends, rows: nil)
    }

    private static func compress(_ block: inout Block) {
        block.zstd = BlockCodec.compress(block.bytes, codec: .best, level: 3).bytes
    }

    private static func decompress(_ block: Block) throws -> [UInt8] {
        try BlockCodec.decompress(block.zstd, codec: .best, expectedSize: block.bytes.count)
    }

    private static func search(_ blocks: [Block], _ raw: Double) throws {
        for needle in ["ervedLat", "4f4ea0", "\"status\":500"] {
            let bytes = Array(needle.utf8)
            var ours = 0
            var theirs = 0
            let columns = try Measure.best {
                ours = 0
                for block in blocks {
                    ours += try block.reader().lines(containing: bytes).reduce(0) { $0 + ($1 ? 1 : 0) }
                }
            }
            let lines = try Measure.best {
                theirs = 0
                for block in blocks { theirs += count(bytes, try decompress(block), block.ends) }
            }
            guard ours == theirs else { throw KernelError("\(needle) in \(ours) lines and not in \(theirs)") }
            Measure.row(
                "search \(needle) | zstd and substring search", columns / raw, lines / raw, unit: "ns/kB", scale: 1e12)
        }
    }

    private static func count(_ needle: [UInt8], _ text: [UInt8], _ ends: [UInt32]) -> Int {
        var count = 0
        var start = 0
        for end in ends {
            if ByteSearch.find(needle, in: text[start..<Int(end)]) != nil { count += 1 }
            start = Int(end)
        }
        return count
    }

    private static func filters(_ blocks: [Block], _ raw: Double, stored: Double) {
        var filters: [[GramFilter]] = []
        let build = Measure.best {
            filters = blocks.map {
                GramFilter.build(
                    bytes: $0.bytes, ends: $0.ends, budget: ($0.text.head.count + $0.text.chunks.count) / 6)
            }
        }
        var trigrams = 0
        let naive = Measure.best {
            trigrams = 0
            for block in blocks {
                var seen = Set<UInt32>()
                for i in 2..<block.bytes.count {
                    seen.insert(
                        UInt32(block.bytes[i - 2]) << 16 | UInt32(block.bytes[i - 1]) << 8 | UInt32(block.bytes[i]))
                }
                trigrams += seen.count
            }
        }
        Measure.row("gram filters | a set of trigrams", build / raw, naive / raw, unit: "ns/kB", scale: 1e12)
        let bytes = filters.reduce(0) { $0 + $1.reduce(0) { $0 + $1.bits.count } }
        Measure.row(
            "size of filters | ten bits a trigram", Double(bytes) / stored, Double(trigrams) * 1.25 / stored,
            unit: "of stored", scale: 1)
    }
}
