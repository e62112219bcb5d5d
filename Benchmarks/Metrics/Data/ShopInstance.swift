import Telemetry

/// One running copy of a shop's service and everything that its exporter shows.
struct ShopInstance: Sendable {
    enum Source: Sendable {
        case plain(Behaviour)
        case histogram(perSecond: Double, median: Double)

        var seriesCount: Int {
            switch self {
            case .plain: 1
            case .histogram: ClassicHistogram.seriesCount
            }
        }
    }

    struct Member: Sendable {
        var labels: [Label]
        var source: Source
    }

    struct Family: Sendable {
        var name: String
        var kind: MetricMetadata.Kind
        var help: String
        var members: [Member]
    }

    let service: String
    let replica: Int
    /// Given by the scrape configuration, not by the exporter.
    let targetLabels: [Label]
    var families: [Family] = []
    /// Milliseconds after the full interval at which this one is scraped.
    let offset: Int64

    var seriesCount: Int {
        families.reduce(0) { $0 + $1.members.reduce(0) { $0 + $1.source.seriesCount } }
    }

    /// Every series in order of exposition: its name and its own labels (without the target's).
    func forEachSeries(_ body: (_ name: String, _ labels: [Label]) -> Void) {
        for family in families {
            for member in family.members {
                guard case .histogram = member.source else {
                    body(family.name, member.labels)
                    continue
                }
                for bound in ClassicHistogram.boundTexts {
                    body(family.name + "_bucket", member.labels + [Label("le", bound)])
                }
                body(family.name + "_sum", member.labels)
                body(family.name + "_count", member.labels)
            }
        }
    }
}

/// The moving values of an instance.
struct InstanceValues: Sendable {
    private enum Slot {
        case plain(Int)
        case histogram(Int)
    }

    private var random: SeededRandom
    private var load = 1.0
    private var slots: [Slot] = []
    private var plain: [PlainState] = []
    private var histograms: [ClassicHistogram] = []
    private(set) var values: [Double]

    init(_ instance: ShopInstance, seed: UInt64) {
        random = SeededRandom(seed: seed)
        for family in instance.families {
            for member in family.members {
                switch member.source {
                case .plain(let behaviour):
                    slots.append(.plain(plain.count))
                    plain.append(PlainState(behaviour, random: &random))
                case .histogram(let rate, let median):
                    slots.append(.histogram(histograms.count))
                    histograms.append(ClassicHistogram(perSecond: rate, median: median, random: &random))
                }
            }
        }
        values = [Double](repeating: 0, count: instance.seriesCount)
        write()
    }

    mutating func step(seconds: Double) {
        load = min(1.6, max(0.4, load + (1 - load) * 0.02 + random.normal() * 0.03))
        for index in plain.indices { plain[index].step(seconds: seconds, load: load, random: &random) }
        for index in histograms.indices { histograms[index].step(seconds: seconds, load: load, random: &random) }
        write()
    }

    private mutating func write() {
        var next = 0
        for slot in slots {
            switch slot {
            case .plain(let index):
                values[next] = plain[index].value
                next += 1
            case .histogram(let index):
                histograms[index].write(into: &values, at: next)
                next += ClassicHistogram.seriesCount
            }
        }
    }
}
