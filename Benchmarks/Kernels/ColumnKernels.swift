import Codecs

/// Each way of storing a series' samples against block compression of the raw ones.
enum ColumnKernels {
    private static let samplesPerSeries = 480
    private static let seriesCount = 100

    private struct Shape: Sendable {
        var name: String
        /// Of a series and a sample, from a seeded sequence of numbers below 2^53.
        var value: @Sendable (inout Sequence) -> Double
    }

    /// A linear congruential sequence, and where a series stands.
    private struct Sequence {
        var state: UInt64
        var position = 0.0

        mutating func next(below limit: UInt64) -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double((state >> 33) % limit)
        }
    }

    private static let shapes: [Shape] = [
        Shape(name: "a constant") { _ in 1_048_576 },
        Shape(name: "a counter that rarely moves") { sequence in
            if sequence.next(below: 50) == 0 { sequence.position += 1 }
            return sequence.position
        },
        Shape(name: "an integer counter") { sequence in
            sequence.position += sequence.next(below: 60)
            return sequence.position
        },
        Shape(name: "a gauge of two decimals") { sequence in
            sequence.position += sequence.next(below: 81) - 40
            return (5200 + sequence.position) / 100
        },
        Shape(name: "memory in pages") { sequence in
            sequence.position += (sequence.next(below: 21) - 10) * 4096
            return 220_000_256 + sequence.position
        },
        Shape(name: "a sum in full precision") { sequence in
            sequence.position += sequence.next(below: 1 << 30) / 3.7e9
            return sequence.position
        },
    ]

    static func run() throws {
        for shape in shapes { try compare(shape) }
    }

    private static func compare(_ shape: Shape) throws {
        let times = (0..<samplesPerSeries).map { 1_790_000_000_000 + Int64($0) * 15_000 }
        let series = (0..<seriesCount).map { index in
            var sequence = Sequence(state: UInt64(index) &* 0x9e37_79b9_7f4a_7c15 &+ 7)
            return (0..<samplesPerSeries).map { _ in shape.value(&sequence) }
        }
        let count = Double(samplesPerSeries * seriesCount)
        let raw = series.map { plain(times, $0) }

        let sealed = series.map { SealedColumn.encode(timestamps: times, values: $0) }
        let chunks = series.map { chunk(times, $0) }
        let packed = raw.map { BlockCodec.compress($0, codec: .best, level: 3) }
        try check(times, series, sealed, chunks)

        let other = "\(BlockCodec.best) of raw"
        let packedSize = size(packed.map(\.bytes))
        Measure.row(
            "sealed size, \(shape.name) | \(other)", size(sealed), packedSize, unit: "B/sample", scale: 1 / count)
        Measure.row(
            "open chunk size, \(shape.name) | \(other)", size(chunks), packedSize, unit: "B/sample", scale: 1 / count)

        let pack = Measure.best { for bytes in raw { _ = BlockCodec.compress(bytes, codec: .best, level: 3) } }
        let unpack = try Measure.best {
            for (index, block) in packed.enumerated() {
                _ = try BlockCodec.decompress(block.bytes[...], codec: block.codec, expectedSize: raw[index].count)
            }
        }
        let seal = Measure.best { for values in series { _ = SealedColumn.encode(timestamps: times, values: values) } }
        let unseal = try Measure.best {
            for bytes in sealed { _ = try SealedColumn.decode(bytes[...], count: samplesPerSeries) }
        }
        let append = Measure.best { for values in series { _ = chunk(times, values) } }
        let read = try Measure.best { for bytes in chunks { _ = try SampleChunkDecoder.decode(bytes[...]) } }
        for (what, ours, theirs) in [
            ("seal", seal, pack), ("read sealed", unseal, unpack), ("append to open chunk", append, pack),
            ("read open chunk", read, unpack),
        ] {
            Measure.row(
                "\(what), \(shape.name) | \(other)", ours, theirs, unit: "ns/sample", scale: 1e9 / count)
        }
    }

    private static func size(_ blocks: [[UInt8]]) -> Double { Double(blocks.reduce(0) { $0 + $1.count }) }

    private static func plain(_ times: [Int64], _ values: [Double]) -> [UInt8] {
        var writer = ByteWriter(reserving: times.count * 16)
        for (time, value) in zip(times, values) {
            writer.writeFixed64(UInt64(bitPattern: time))
            writer.writeDouble(value)
        }
        return writer.bytes
    }

    private static func chunk(_ times: [Int64], _ values: [Double]) -> [UInt8] {
        var encoder = SampleChunkEncoder(reserving: 256)
        for (time, value) in zip(times, values) { encoder.append(timestamp: time, value: value) }
        return encoder.encoded()
    }

    private static func check(
        _ times: [Int64], _ series: [[Double]], _ sealed: [[UInt8]], _ chunks: [[UInt8]]
    ) throws {
        for (index, values) in series.enumerated() {
            let first = try SealedColumn.decode(sealed[index][...], count: values.count)
            let second = try SampleChunkDecoder.decode(chunks[index][...])
            guard first.timestamps == times, second.timestamps == times,
                first.values.map(\.bitPattern) == values.map(\.bitPattern),
                second.values.map(\.bitPattern) == values.map(\.bitPattern)
            else { throw KernelError("series \(index) came back different") }
        }
    }
}
