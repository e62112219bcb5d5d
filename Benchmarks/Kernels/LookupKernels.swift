import Codecs
import Telemetry
import Wire

/// From a sender's bytes to the series that a store knows.
enum LookupKernels {
    static func run() throws {
        let series = ShopSeries.labelSets(20_000)
        byKey(series)
        try request(Array(series[..<2000]))
    }

    /// The store's table is by key; a standard dictionary stands in for it here.
    private static func byKey(_ series: [LabelSet]) {
        var keyed: [SeriesKey: UInt32] = [:]
        var named: [[String: String]: UInt32] = [:]
        var sets: [LabelSet: UInt32] = [:]
        let dictionaries = series.map(\.dictionary)
        for (index, labels) in series.enumerated() {
            keyed[key(labels.bytes)] = UInt32(index)
            named[dictionaries[index]] = UInt32(index)
            sets[labels] = UInt32(index)
        }
        var sums: (UInt64, UInt64, UInt64) = (0, 0, 0)
        let ours = Measure.best { for labels in series { sums.0 += UInt64(keyed[key(labels.bytes)] ?? 0) } }
        let other = Measure.best(5) { for labels in dictionaries { sums.1 += UInt64(named[labels] ?? 0) } }
        let bytes = Measure.best { for labels in series { sums.2 += UInt64(sets[labels] ?? 0) } }
        precondition(sums.0 == sums.2 && sums.0 / 7 == sums.1 / 5, "the lookups differ")
        let count = Double(series.count)
        Measure.row(
            "label lookup by key | Dictionary<[String: String], …>", ours / count, other / count, unit: "ns/series",
            scale: 1e9)
        Measure.row(
            "label lookup by key | Dictionary<LabelSet, …>", ours / count, bytes / count, unit: "ns/series", scale: 1e9)
    }

    private static func key(_ bytes: [UInt8]) -> SeriesKey {
        let hash = Hash128.hash(bytes, 0..<bytes.count)
        return SeriesKey(high: hash.high, low: hash.low)
    }

    /// A whole request of series that are known, to references and values.
    private static func request(_ series: [LabelSet]) throws {
        let bytes = ShopSeries.request(series)
        var known: [SeriesKey: UInt32] = [:]
        for key in try RemoteWrite.decode(bytes).batch.keys { known[key] = UInt32(known.count) }
        guard known.count == series.count else { throw KernelError("the request's series have no keys of their own") }
        var named: [[String: String]: UInt32] = [:]
        for (index, labels) in series.enumerated() { named[labels.dictionary] = UInt32(index) }
        var sums: (UInt64, UInt64) = (0, 0)
        let ours = try Measure.best {
            for key in try RemoteWrite.decode(bytes).batch.keys { sums.0 += UInt64(known[key] ?? 0) }
        }
        let other = Measure.best {
            for series in NaiveRequest.read(bytes) { sums.1 += UInt64(named[series.labels] ?? 0) }
        }
        precondition(sums.0 == sums.1, "the requests were read differently")
        let count = Double(series.count)
        Measure.row(
            "remote write to known series | strings and a dictionary", ours / count, other / count, unit: "ns/sample",
            scale: 1e9)
    }
}

/// A WriteRequest as one would first write its reader: labels become strings, each series a dictionary.
private enum NaiveRequest {
    struct Series {
        var labels: [String: String] = [:]
        var value = 0.0
        var timestamp: Int64 = 0
    }

    static func read(_ bytes: [UInt8]) -> [Series] {
        fields(bytes[...]).map { _, message, _ in
            var series = Series()
            for (field, inner, _) in fields(message) {
                if field == 1 {
                    let pair = fields(inner).map { String(decoding: $0.1, as: UTF8.self) }
                    series.labels[pair[0]] = pair[1]
                } else {
                    for (field, _, number) in fields(inner) {
                        if field == 1 {
                            series.value = Double(bitPattern: number)
                        } else {
                            series.timestamp = Int64(bitPattern: number)
                        }
                    }
                }
            }
            return series
        }
    }

    private static func fields(_ bytes: ArraySlice<UInt8>) -> [(Int, ArraySlice<UInt8>, UInt64)] {
        var result: [(Int, ArraySlice<UInt8>, UInt64)] = []
        var rest = bytes
        func varint() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { break }
                shift += 7
            }
            return value
        }
        while !rest.isEmpty {
            let tag = varint()
            switch tag & 7 {
            case 0: result.append((Int(tag >> 3), [], varint()))
            case 1:
                result.append((Int(tag >> 3), [], rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }))
                rest = rest.dropFirst(8)
            default:
                let length = Int(varint())
                result.append((Int(tag >> 3), rest.prefix(length), 0))
                rest = rest.dropFirst(length)
            }
        }
        return result
    }
}
