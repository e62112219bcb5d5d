import Codecs
internal import Storage
internal import Telemetry

/// The timestamp columns of a part, each written once: the series of one target have the same.
struct PartTimesWriter {
    private struct Regular: Hashable {
        var first: Int64
        var last: Int64
        var count: Int
    }

    private var regular: [Regular: PartTimes] = [:]
    private var known: [UInt64: [(times: [Int64], place: PartTimes)]] = [:]
    private var heldBytes = 0
    private var last: (times: [Int64], place: PartTimes)?
    private var encoder = EntropyColumnEncoder()

    /// Where the column is; `write` gets the bytes of one that is new and answers their offset in the file.
    mutating func place(_ times: [Int64], write: (_ bytes: [UInt8]) -> Int) -> PartTimes {
        if let last, last.times == times { return last.place }
        let first = times.first ?? 0
        let end = times.last ?? 0
        if PartTimesWriter.isRegular(times) {
            let key = Regular(first: first, last: end, count: times.count)
            if regular.count > 100_000 { regular = [:] }
            let place = regular[key] ?? PartTimes(offset: 0, length: 0, count: times.count, first: first, last: end)
            regular[key] = place
            last = (times, place)
            return place
        }
        var hash = Hash64.mix(UInt64(bitPattern: first), seed: UInt64(bitPattern: end) ^ UInt64(times.count))
        for index in stride(from: 0, to: times.count, by: max(1, times.count / 8)) {
            hash = Hash64.mix(UInt64(bitPattern: times[index]), seed: hash)
        }
        for one in known[hash] ?? [] where one.times == times {
            last = one
            return one.place
        }
        var bytes = ByteWriter()
        encoder.encode(times, into: &bytes)
        let offset = write(bytes.bytes)
        // With its checksum.
        let place = PartTimes(
            offset: offset, length: bytes.count + 4, count: times.count, first: first, last: end)
        if heldBytes > 32 << 20 {
            // Forgotten ones are written again where they come back: no harm but a few bytes.
            known = [:]
            heldBytes = 0
        }
        heldBytes += times.count * 8 + 64
        known[hash, default: []].append((times, place))
        last = (times, place)
        return place
    }

    /// Whether first, last and count say it all.
    private static func isRegular(_ times: [Int64]) -> Bool {
        guard times.count > 1 else { return true }
        let step = times[1] &- times[0]
        let (product, overflow) = step.multipliedReportingOverflow(by: Int64(times.count - 1))
        guard !overflow, times[0].addingReportingOverflow(product) == (times[times.count - 1], false) else {
            return false
        }
        for index in 1..<times.count where times[index] &- times[index - 1] != step { return false }
        return true
    }
}
