import Codecs
import Telemetry

/// Writes what Prometheus writes, from the description of its formats: the other half of the readers under test.
struct GoBytes {
    var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }
    mutating func fixed32(_ value: UInt32) {
        for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(i)))) }
    }
    mutating func fixed64(_ value: UInt64) {
        for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64(i)))) }
    }
    mutating func double(_ value: Double) { fixed64(value.bitPattern) }
    mutating func unsigned(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
    mutating func signed(_ value: Int64) { unsigned(ZigZag.encode(value)) }
    mutating func text(_ value: String) {
        unsigned(UInt64(value.utf8.count))
        bytes += Array(value.utf8)
    }
    mutating func checksum(from start: Int) { fixed32(CRC32C.checksum(bytes[start...])) }
}

/// Bits, the most significant first.
struct GoBits {
    private(set) var bytes: [UInt8]
    private var free = 0

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    mutating func write(_ value: UInt64, _ count: Int) {
        for i in (0..<count).reversed() {
            if free == 0 {
                bytes.append(0)
                free = 8
            }
            free -= 1
            if value >> UInt64(i) & 1 == 1 { bytes[bytes.count - 1] |= 1 << UInt8(free) }
        }
    }
    mutating func bytes(_ build: (inout GoBytes) -> Void) {
        var inner = GoBytes()
        build(&inner)
        for byte in inner.bytes { write(UInt64(byte), 8) }
    }
    mutating func double(_ value: Double) { write(value.bitPattern, 64) }

    private static let widths = [3, 6, 9, 12, 18, 25, 56]

    mutating func varbit(_ value: Int64) {
        if value == 0 { return write(0, 1) }
        for (ones, width) in GoBits.widths.enumerated() {
            let half = Int64(1) << Int64(width - 1)
            guard value > -half, value <= half else { continue }
            write(UInt64(1) << UInt64(ones + 2) - 2, ones + 2)
            return write(UInt64(bitPattern: value), width)
        }
        write(0xff, 8)
        write(UInt64(bitPattern: value), 64)
    }
    mutating func varbitUnsigned(_ value: UInt64) {
        if value == 0 { return write(0, 1) }
        for (ones, width) in GoBits.widths.enumerated() where value >> UInt64(width) == 0 {
            write(UInt64(1) << UInt64(ones + 2) - 2, ones + 2)
            return write(value, width)
        }
        write(0xff, 8)
        write(value, 64)
    }
}

/// The window of a float that is written as its difference.
struct GoFloat {
    var bits: UInt64
    var leading = 99
    var trailing = 0

    /// 0, 10 and 11 before the cases; XOR2 has other control bits.
    mutating func write(
        _ value: Double, _ out: inout GoBits, same: (UInt64, Int) = (0, 1), window: (UInt64, Int) = (0b10, 2),
        fresh: (UInt64, Int) = (0b11, 2)
    ) {
        let delta = bits ^ value.bitPattern
        bits = value.bitPattern
        if delta == 0 { return out.write(same.0, same.1) }
        let (newLeading, newTrailing) = (min(31, delta.leadingZeroBitCount), delta.trailingZeroBitCount)
        if leading <= 64, newLeading >= leading, newTrailing >= trailing {
            out.write(window.0, window.1)
            return out.write(delta >> UInt64(trailing), 64 - leading - trailing)
        }
        (leading, trailing) = (newLeading, newTrailing)
        out.write(fresh.0, fresh.1)
        out.write(UInt64(leading), 5)
        let significant = 64 - leading - trailing
        out.write(UInt64(significant), 6)
        out.write(delta >> UInt64(trailing), significant)
    }
}

enum GoChunk {
    /// XOR2 with start timestamps from the second sample on where there are any.
    static func xor2(_ times: [Int64], _ values: [Double], starts: [Int64]) -> [UInt8] {
        let hasStarts = starts.contains { $0 != 0 }
        var out = GoBits([UInt8(times.count >> 8), UInt8(times.count & 255), hasStarts ? 0x81 : 0])
        var float = GoFloat(bits: SpecialValue.isStaleMarker(values[0]) ? 0 : values[0].bitPattern)
        var (delta, distance): (Int64, Int64) = (0, 0)
        for i in times.indices {
            let isStale = SpecialValue.isStaleMarker(values[i])
            func value(_ out: inout GoBits) {
                if isStale { return out.write(0b111, 3) }
                float.write(values[i], &out, window: (0b10, 2), fresh: (0b110, 3))
            }
            if i == 0 {
                out.bytes { $0.signed(times[0]) }
                out.double(values[0])
                if hasStarts { out.bytes { $0.signed(times[0] - starts[0]) } }
                continue
            }
            let step = times[i] - times[i - 1]
            let change = step - delta
            delta = step
            if i == 1 {
                out.bytes { $0.unsigned(UInt64(step)) }
                value(&out)
            } else if change == 0 {
                if isStale {
                    out.write(0b11111, 5)
                } else if values[i].bitPattern == float.bits {
                    out.write(0, 1)
                } else {
                    out.write(0b10, 2)
                    float.write(values[i], &out, window: (0, 1), fresh: (1, 1))
                }
            } else {
                if (-4096...4095).contains(change) {
                    out.write(0b110, 3)
                    out.write(UInt64(bitPattern: change), 13)
                } else if (-524_288...524_287).contains(change) {
                    out.write(0b1110, 4)
                    out.write(UInt64(bitPattern: change), 20)
                } else {
                    out.write(0b11110, 5)
                    out.write(UInt64(bitPattern: change), 64)
                }
                value(&out)
            }
            if hasStarts {
                let new = times[i - 1] - starts[i]
                out.varbit(i == 1 ? new : new - distance)
                distance = new
            }
        }
        return out.bytes
    }

    static func xor(_ times: [Int64], _ values: [Double]) -> [UInt8] {
        var out = GoBits([UInt8(times.count >> 8), UInt8(times.count & 255)])
        var float = GoFloat(bits: values[0].bitPattern)
        var delta: Int64 = 0
        for i in times.indices {
            if i == 0 {
                out.bytes { $0.signed(times[0]) }
                out.double(values[0])
                continue
            }
            let step = times[i] - times[i - 1]
            let change = step - delta
            delta = step
            if i == 1 {
                out.bytes { $0.unsigned(UInt64(step)) }
            } else if change == 0 {
                out.write(0, 1)
            } else if let (prefix, length, width) = [(0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)].first(where: {
                change > -(1 << ($0.2 - 1)) && change <= 1 << ($0.2 - 1)
            }) {
                out.write(UInt64(prefix), length)
                out.write(UInt64(bitPattern: change), width)
            } else {
                out.write(0b1111, 4)
                out.write(UInt64(bitPattern: change), 64)
            }
            float.write(values[i], &out)
        }
        return out.bytes
    }

    /// Histograms of one layout.
    static func histograms(_ times: [Int64], _ list: [NativeHistogram], flags: UInt8) -> [UInt8] {
        let first = list[0]
        var out = GoBits([UInt8(times.count >> 8), UInt8(times.count & 255), flags])
        if first.zeroThreshold == 0 {
            out.write(0, 8)
        } else {
            out.write(255, 8)
            out.double(first.zeroThreshold)
        }
        out.varbit(Int64(first.schema))
        for spans in [first.positiveSpans, first.negativeSpans] {
            out.varbitUnsigned(UInt64(spans.count))
            for span in spans {
                out.varbitUnsigned(UInt64(span.length))
                out.varbit(Int64(span.offset))
            }
        }
        if first.schema == -53 {
            out.varbitUnsigned(UInt64(first.customValues.count))
            for bound in first.customValues {
                let thousandths = bound * 1000
                if thousandths >= 0, thousandths <= 33_554_430, thousandths == thousandths.rounded() {
                    out.varbitUnsigned(UInt64(thousandths) + 1)
                } else {
                    out.write(0, 1)
                    out.double(bound)
                }
            }
        }
        if first.isInteger { integers(times, list, &out) } else { floats(times, list, &out) }
        return out.bytes
    }

    private static func deltas(_ counts: [Double]) -> [Int64] {
        zip(counts, [0] + counts).map { Int64($0 - $1) }
    }

    private static func integers(_ times: [Int64], _ list: [NativeHistogram], _ out: inout GoBits) {
        var previous: [Int64] = []
        var slopes: [Int64] = []
        var sum = GoFloat(bits: list[0].sum.bitPattern)
        for (i, one) in list.enumerated() {
            let numbers =
                [times[i], Int64(one.count), Int64(one.zeroCount)] + deltas(one.positiveBuckets)
                + deltas(one.negativeBuckets)
            if i == 0 {
                out.varbit(numbers[0])
                out.varbitUnsigned(UInt64(numbers[1]))
                out.varbitUnsigned(UInt64(numbers[2]))
                out.double(one.sum)
                for number in numbers[3...] { out.varbit(number) }
                slopes = numbers.map { _ in 0 }
            } else {
                let new = zip(numbers, previous).map { $0 - $1 }
                for k in 0..<3 { out.varbit(new[k] - slopes[k]) }
                sum.write(one.sum, &out)
                for k in 3..<new.count { out.varbit(new[k] - slopes[k]) }
                slopes = new
            }
            previous = numbers
        }
    }

    private static func floats(_ times: [Int64], _ list: [NativeHistogram], _ out: inout GoBits) {
        var state: [GoFloat] = []
        var (last, slope): (Int64, Int64) = (0, 0)
        for (i, one) in list.enumerated() {
            let numbers = [one.count, one.zeroCount, one.sum] + one.positiveBuckets + one.negativeBuckets
            if i == 0 {
                out.varbit(times[0])
                for number in numbers { out.double(number) }
                state = numbers.map { GoFloat(bits: $0.bitPattern) }
            } else {
                out.varbit(times[i] - last - slope)
                slope = times[i] - last
                for k in numbers.indices { state[k].write(numbers[k], &out) }
            }
            last = times[i]
        }
    }
}

enum GoFiles {
    /// One segment of a log.
    static func log(_ records: [(bytes: [UInt8], compression: UInt8)]) -> [UInt8] {
        var out: [UInt8] = []
        for record in records {
            var rest = record.bytes[...]
            var isFirst = true
            repeat {
                if 32768 - out.count % 32768 < 8 { out += Array(repeating: 0, count: 32768 - out.count % 32768) }
                let part = rest.prefix(32768 - out.count % 32768 - 7)
                rest = rest.dropFirst(part.count)
                let kind: UInt8 = isFirst ? rest.isEmpty ? 1 : 2 : rest.isEmpty ? 4 : 3
                var header = GoBytes()
                header.byte(kind | record.compression)
                header.byte(UInt8(part.count >> 8))
                header.byte(UInt8(part.count & 255))
                header.fixed32(CRC32C.checksum(part))
                out += header.bytes + Array(part)
                isFirst = false
            } while !rest.isEmpty
        }
        return out
    }

    /// An index with one chunk for each series, at offset 8 of the first file and on.
    static func index(version: UInt8, _ series: [[(String, String)]]) -> [UInt8] {
        var out = GoBytes()
        out.fixed32(0xBAAA_D700)
        out.byte(version)
        func section(_ body: [UInt8]) -> Int {
            let start = out.bytes.count
            out.fixed32(UInt32(body.count))
            out.bytes += body
            out.fixed32(CRC32C.checksum(body))
            return start
        }
        let symbols = Set(series.flatMap { $0.flatMap { [$0.0, $0.1] } }).sorted()
        var table = GoBytes()
        table.fixed32(UInt32(symbols.count))
        var places: [String: Int] = [:]
        for (number, symbol) in symbols.enumerated() {
            places[symbol] = version == 2 ? number : out.bytes.count + 4 + table.bytes.count
            table.text(symbol)
        }
        let symbolsStart = section(table.bytes)
        var references: [Int] = []
        let seriesStart = out.bytes.count
        for (number, labels) in series.enumerated() {
            while version == 2, out.bytes.count % 16 != 0 { out.byte(0) }
            references.append(version == 2 ? out.bytes.count / 16 : out.bytes.count)
            var body = GoBytes()
            body.unsigned(UInt64(labels.count))
            for (name, value) in labels {
                body.unsigned(UInt64(places[name] ?? 0))
                body.unsigned(UInt64(places[value] ?? 0))
            }
            body.unsigned(2)
            body.signed(-5)
            body.unsigned(10)
            body.unsigned(UInt64(1 << 32 | 8 + number * 100))
            body.unsigned(3)
            body.unsigned(4)
            body.signed(50)
            out.unsigned(UInt64(body.bytes.count))
            out.bytes += body.bytes
            out.fixed32(CRC32C.checksum(body.bytes))
        }
        var list = GoBytes()
        list.fixed32(UInt32(references.count))
        for reference in references { list.fixed32(UInt32(reference)) }
        let postings = section(list.bytes)
        var offsets = GoBytes()
        offsets.fixed32(1)
        offsets.unsigned(2)
        offsets.text("")
        offsets.text("")
        offsets.unsigned(UInt64(postings))
        let postingsTable = section(offsets.bytes)
        let toc = out.bytes.count
        for offset in [symbolsStart, seriesStart, 0, 0, postings, postingsTable] { out.fixed64(UInt64(offset)) }
        out.checksum(from: toc)
        return out.bytes
    }
}
