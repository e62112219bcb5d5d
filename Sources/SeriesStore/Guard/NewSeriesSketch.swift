import Codecs
internal import Telemetry

/// What the new series of one subject have in common and what sets them apart, in some kilobytes whatever comes.
struct NewSeriesSketch {
    private static let mostLabels = 32
    /// Beyond this many, one of sixteen is enough: the biggest label is known by then.
    private static let samplingBegins = 20_000

    private var names: [[UInt8]] = []
    private var values: [DistinctCounter] = []
    private var refused = DistinctCounter(bits: 10)
    private var all = DistinctCounter(bits: 10)
    /// Of the series whose labels were looked at.
    private var sampled = DistinctCounter(bits: 10)
    private var seen = 0

    mutating func add(_ labels: LabelSet, isRefused: Bool) {
        let hash = Hash64.hash(labels.bytes)
        if isRefused { refused.add(hash) }
        all.add(hash)
        seen &+= 1
        // By hash and not by turn: an exporter's order would hide labels from a fixed step.
        if seen > NewSeriesSketch.samplingBegins, hash & 15 != 0 { return }
        sampled.add(hash)
        labels.forEachRange { name, value in
            guard let place = place(of: labels.bytes[name]) else { return }
            values[place].add(Hash64.hash(labels.bytes[value]))
        }
    }

    private mutating func place(of name: ArraySlice<UInt8>) -> Int? {
        if let place = names.firstIndex(where: { $0.elementsEqual(name) }) { return place }
        guard names.count < NewSeriesSketch.mostLabels else { return nil }
        names.append(Array(name))
        values.append(DistinctCounter())
        return names.count - 1
    }

    var refusedSeries: Int { refused.estimate }

    /// The label with the most values, nil before the first series.
    var widestLabel: (name: String, values: Int)? {
        var widest: (name: String, values: Int)?
        for (name, counter) in zip(names, values) {
            let count = counter.estimate
            if count > widest?.values ?? 0 { widest = (String(decoding: name, as: UTF8.self), count) }
        }
        guard let widest else { return nil }
        // A label with a value of its own in most of the sampled series has one in most of the others too.
        let share = Double(widest.values) / Double(max(1, sampled.estimate))
        return (widest.name, share > 0.5 ? Int(min(1, share) * Double(all.estimate)) : widest.values)
    }
}
