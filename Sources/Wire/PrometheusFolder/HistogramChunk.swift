import Telemetry

/// Chunks of native histograms: one layout for all samples, integer or float counts.
enum HistogramChunk {
    private struct Layout {
        var empty = NativeHistogram()
        var positive = 0
        var negative = 0

        init(_ bits: inout ChunkBits, isInteger: Bool) throws(ChunkDefect) {
            empty.isInteger = isInteger
            empty.zeroThreshold = try Layout.zeroThreshold(&bits)
            guard let schema = Int32(exactly: try bits.signed()) else {
                throw ChunkDefect("the schema is out of range")
            }
            guard schema == NativeHistogram.customBucketsSchema || (-4...8).contains(schema) else {
                throw ChunkDefect("histogram schema \(schema) is not known here", isUnsupported: true)
            }
            empty.schema = schema
            (empty.positiveSpans, positive) = try Layout.spans(&bits)
            (empty.negativeSpans, negative) = try Layout.spans(&bits)
            guard schema == NativeHistogram.customBucketsSchema else { return }
            let bounds = try bits.unsigned()
            guard bounds <= UInt64(bits.remaining) else {
                throw ChunkDefect("more custom bounds than the chunk has bits")
            }
            for _ in 0..<bounds {
                // Most bounds are written by people: thousandths as an integer, plus one.
                let thousandths = try bits.unsigned()
                empty.customValues.append(thousandths == 0 ? try bits.double() : Double(thousandths &- 1) / 1000)
            }
        }

        private static func zeroThreshold(_ bits: inout ChunkBits) throws(ChunkDefect) -> Double {
            switch try bits.bits(8) {
            case 0: return 0
            case 255: return try bits.double()
            case let exponent:
                return Double(sign: .plus, exponent: Int(truncatingIfNeeded: exponent) &- 244, significand: 1)
            }
        }

        private static func spans(
            _ bits: inout ChunkBits
        ) throws(ChunkDefect) -> (spans: [NativeHistogram.Span], buckets: Int) {
            let count = try bits.unsigned()
            guard count <= UInt64(bits.remaining) else { throw ChunkDefect("more spans than the chunk has bits") }
            var spans: [NativeHistogram.Span] = []
            var buckets = 0
            for _ in 0..<count {
                guard let length = UInt32(exactly: try bits.unsigned()), let offset = Int32(exactly: try bits.signed())
                else { throw ChunkDefect("a span is out of range") }
                spans.append(NativeHistogram.Span(offset: offset, length: length))
                buckets += Int(length)
            }
            // Each bucket takes a bit at least.
            guard buckets <= bits.remaining else { throw ChunkDefect("more buckets than the chunk has bits") }
            return (spans, buckets)
        }
    }

    static func decode(
        _ data: [UInt8], _ count: Int, isInteger: Bool, into out: inout FolderSamples
    ) throws(ChunkDefect) {
        guard data.count >= 3 else { throw ChunkDefect("a histogram chunk of \(data.count) bytes") }
        var bits = ChunkBits(data, fromByte: 3)
        let layout = try Layout(&bits, isInteger: isInteger)
        if isInteger {
            try decodeIntegers(&bits, layout, count, flags: data[2], into: &out)
        } else {
            try decodeFloats(&bits, layout, count, flags: data[2], into: &out)
        }
    }

    /// A chunk's flags say how its first sample follows the chunk before. That there is no reset inside of it is left
    /// unsaid: it holds only while every sample is there, and whoever asks finds out by comparing.
    private static func hint(flags: UInt8, number: Int) -> NativeHistogram.ResetHint {
        switch flags >> 6 {
        case 3: .gauge
        case 2 where number == 0: .reset
        default: .unknown
        }
    }

    private static func add(
        _ histogram: NativeHistogram, _ time: Int64, _ flags: UInt8, _ number: Int, to out: inout FolderSamples
    ) {
        var histogram = histogram
        if SpecialValue.isStaleMarker(histogram.sum) {
            let sum = histogram.sum
            histogram = NativeHistogram()
            histogram.isInteger = true
            histogram.sum = sum
        }
        histogram.resetHint = hint(flags: flags, number: number)
        out.histogramTimestamps.append(time)
        out.histograms.append(histogram)
    }

    // MARK: Integer counts

    /// A number that is written as the difference of differences.
    private struct Slope {
        var value: Int64
        private var delta: Int64 = 0
        init(_ value: Int64) { self.value = value }
        mutating func readNext(_ bits: inout ChunkBits) throws(ChunkDefect) {
            delta &+= try bits.signed()
            value &+= delta
        }
    }

    private static func decodeIntegers(
        _ bits: inout ChunkBits, _ layout: Layout, _ count: Int, flags: UInt8, into out: inout FolderSamples
    ) throws(ChunkDefect) {
        var time = Slope(try bits.signed())
        var total = Slope(Int64(bitPattern: try bits.unsigned()))
        var zero = Slope(Int64(bitPattern: try bits.unsigned()))
        var sum = ChunkFloat(try bits.double())
        var positive: [Slope] = []
        var negative: [Slope] = []
        for _ in 0..<layout.positive { positive.append(Slope(try bits.signed())) }
        for _ in 0..<layout.negative { negative.append(Slope(try bits.signed())) }
        for number in 0..<count {
            if number > 0 {
                try time.readNext(&bits)
                try total.readNext(&bits)
                try zero.readNext(&bits)
                try sum.readNext(&bits)
                // Nothing more is written of a stale marker.
                if !SpecialValue.isStaleMarker(sum.value) {
                    for i in positive.indices { try positive[i].readNext(&bits) }
                    for i in negative.indices { try negative[i].readNext(&bits) }
                }
            }
            var histogram = layout.empty
            histogram.count = Double(UInt64(bitPattern: total.value))
            histogram.zeroCount = Double(UInt64(bitPattern: zero.value))
            histogram.sum = sum.value
            histogram.positiveBuckets = counts(positive)
            histogram.negativeBuckets = counts(negative)
            add(histogram, time.value, flags, number, to: &out)
        }
    }

    /// Each bucket is written as its difference to the bucket before.
    private static func counts(_ slopes: [Slope]) -> [Double] {
        var running: Int64 = 0
        return slopes.map { slope in
            running &+= slope.value
            return Double(running)
        }
    }

    // MARK: Float counts

    private static func decodeFloats(
        _ bits: inout ChunkBits, _ layout: Layout, _ count: Int, flags: UInt8, into out: inout FolderSamples
    ) throws(ChunkDefect) {
        var time = Slope(try bits.signed())
        var total = ChunkFloat(try bits.double())
        var zero = ChunkFloat(try bits.double())
        var sum = ChunkFloat(try bits.double())
        var positive: [ChunkFloat] = []
        var negative: [ChunkFloat] = []
        for _ in 0..<layout.positive { positive.append(ChunkFloat(try bits.double())) }
        for _ in 0..<layout.negative { negative.append(ChunkFloat(try bits.double())) }
        for number in 0..<count {
            if number > 0 {
                try time.readNext(&bits)
                try total.readNext(&bits)
                try zero.readNext(&bits)
                try sum.readNext(&bits)
                if !SpecialValue.isStaleMarker(sum.value) {
                    for i in positive.indices { try positive[i].readNext(&bits) }
                    for i in negative.indices { try negative[i].readNext(&bits) }
                }
            }
            var histogram = layout.empty
            histogram.count = total.value
            histogram.zeroCount = zero.value
            histogram.sum = sum.value
            histogram.positiveBuckets = positive.map(\.value)
            histogram.negativeBuckets = negative.map(\.value)
            add(histogram, time.value, flags, number, to: &out)
        }
    }
}
