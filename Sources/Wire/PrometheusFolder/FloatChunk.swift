import Telemetry

/// Samples of one series in the order of a chunk.
package struct FolderSamples: Sendable {
    package var timestamps: [Int64] = []
    package var values: [Double] = []
    /// Empty, or one for each sample; 0 where nobody said.
    package var startTimestamps: [Int64] = []
    package var histogramTimestamps: [Int64] = []
    package var histograms: [NativeHistogram] = []

    package init() {}

    package var count: Int { timestamps.count + histogramTimestamps.count }

    package mutating func removeAll() {
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        startTimestamps.removeAll(keepingCapacity: true)
        histogramTimestamps.removeAll(keepingCapacity: true)
        histograms.removeAll(keepingCapacity: true)
    }

    mutating func add(_ timestamp: Int64, _ value: Double, start: Int64) {
        if start != 0, startTimestamps.count < timestamps.count {
            startTimestamps.append(contentsOf: repeatElement(0, count: timestamps.count - startTimestamps.count))
        }
        timestamps.append(timestamp)
        values.append(value)
        if start != 0 || !startTimestamps.isEmpty { startTimestamps.append(start) }
    }
}

/// The chunk encodings of Prometheus' blocks and head (tsdb/chunkenc).
package enum PrometheusChunk {
    /// Appends the samples of the chunk's data (what is between its encoding and its checksum).
    package static func decode(
        encoding: UInt8, _ data: [UInt8], into out: inout FolderSamples
    ) throws(ChunkDefect) {
        guard data.count >= 2 else { throw ChunkDefect("a chunk of \(data.count) bytes") }
        let count = Int(data[0]) << 8 | Int(data[1])
        guard count > 0 else { return }
        switch encoding {
        case 1: try decodeXOR(data, count, into: &out)
        case 2: try HistogramChunk.decode(data, count, isInteger: true, into: &out)
        case 3: try HistogramChunk.decode(data, count, isInteger: false, into: &out)
        case 4: try decodeXOR2(data, count, into: &out)
        default:
            throw ChunkDefect(
                "chunk encoding \(encoding) is not known here; XOR, XOR2, histogram and float histogram are",
                isUnsupported: true)
        }
    }

    private static func decodeXOR(_ data: [UInt8], _ count: Int, into out: inout FolderSamples) throws(ChunkDefect) {
        var bits = ChunkBits(data, fromByte: 2)
        var time = try bits.varint()
        var value = ChunkFloat(try bits.double())
        out.add(time, value.value, start: 0)
        guard count > 1 else { return }
        var delta = Int64(bitPattern: try bits.unsignedVarint())
        time &+= delta
        try value.readNext(&bits)
        out.add(time, value.value, start: 0)
        for _ in 2..<max(count, 2) {
            delta &+= try deltaOfDelta(&bits)
            time &+= delta
            try value.readNext(&bits)
            out.add(time, value.value, start: 0)
        }
    }

    /// 0, or 10, 110, 1110 before 14, 17 and 20 bits, or 1111 before 64.
    private static func deltaOfDelta(_ bits: inout ChunkBits) throws(ChunkDefect) -> Int64 {
        var ones = 0
        while ones < 4, try bits.bit() { ones &+= 1 }
        switch ones {
        case 0: return 0
        case 1: return try half(&bits, 14)
        case 2: return try half(&bits, 17)
        case 3: return try half(&bits, 20)
        default: return Int64(bitPattern: try bits.bits(64))
        }
    }

    /// Above the half of its range it stands for a negative number; the half itself is positive.
    private static func half(_ bits: inout ChunkBits, _ width: Int) throws(ChunkDefect) -> Int64 {
        let raw = Int64(bitPattern: try bits.bits(width))
        return raw > 1 &<< Int64(width &- 1) ? raw &- (1 &<< Int64(width)) : raw
    }

    // MARK: XOR2

    /// Time and value share their control bits, and a start timestamp may follow each sample.
    private static func decodeXOR2(_ data: [UInt8], _ count: Int, into out: inout FolderSamples) throws(ChunkDefect) {
        guard data.count >= 3 else { throw ChunkDefect("an XOR2 chunk of \(data.count) bytes") }
        var starts = StartTimestamps(header: data[2])
        var bits = ChunkBits(data, fromByte: 3)
        var time = try bits.varint()
        let first = try bits.double()
        // A stale marker never becomes what the next value is compared with.
        var baseline = ChunkFloat(SpecialValue.isStaleMarker(first) ? 0 : first)
        if starts.isFirstKnown { starts.current = time &- (try bits.varint()) }
        out.add(time, first, start: starts.current)
        guard count > 1 else { return }
        var delta = Int64(bitPattern: try bits.unsignedVarint())
        var previous = time
        time &+= delta
        var value = try nextValue(&bits, &baseline)
        try starts.read(&bits, number: 1, previous: previous)
        out.add(time, value, start: starts.current)
        for number in 2..<max(count, 2) {
            previous = time
            var ones = 0
            while ones < 5, try bits.bit() { ones &+= 1 }
            switch ones {
            case 0: value = baseline.value
            case 1:
                if try bits.bit() { try baseline.readWindow(&bits) } else { try baseline.readInWindow(&bits) }
                value = baseline.value
            case 2, 3, 4:
                delta &+= try twosComplement(&bits, [13, 20, 64][ones &- 2])
                value = try nextValue(&bits, &baseline)
            default: value = SpecialValue.staleMarker
            }
            time &+= delta
            try starts.read(&bits, number: number, previous: previous)
            out.add(time, value, start: starts.current)
        }
    }

    /// 0 is the same, 10 the window of before, 110 a new one, 111 a stale marker.
    private static func nextValue(
        _ bits: inout ChunkBits, _ baseline: inout ChunkFloat
    ) throws(ChunkDefect) -> Double {
        guard try bits.bit() else { return baseline.value }
        if try bits.bit() {
            if try bits.bit() { return SpecialValue.staleMarker }
            try baseline.readWindow(&bits)
        } else {
            try baseline.readInWindow(&bits)
        }
        return baseline.value
    }

    private static func twosComplement(_ bits: inout ChunkBits, _ width: Int) throws(ChunkDefect) -> Int64 {
        let raw = Int64(bitPattern: try bits.bits(width))
        let unused = Int64(64 &- width)
        return (raw &<< unused) &>> unused
    }

    private struct StartTimestamps {
        var current: Int64 = 0
        let isFirstKnown: Bool
        /// Number of the sample from which on each has its own; 0 where none has.
        private let changesFrom: Int
        private var distance: Int64 = 0

        init(header: UInt8) {
            isFirstKnown = header & 0x80 != 0
            changesFrom = Int(header & 0x7f)
        }

        /// It is written as its distance to the time of the sample before.
        mutating func read(_ bits: inout ChunkBits, number: Int, previous: Int64) throws(ChunkDefect) {
            guard changesFrom > 0, number >= changesFrom else { return }
            let written = try bits.signed()
            distance = number == changesFrom ? written : distance &+ written
            current = previous &- distance
        }
    }
}
