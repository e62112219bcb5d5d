import Telemetry
import Wire

/// Which spellings belong to one metric: the samples of a counter, histogram or summary that share their other labels.
///
/// Needed where one line says something about others: `_created` of OpenMetrics 1 is when all samples of its metric began,
/// and the lines of a classic histogram may be wanted as one native histogram. Empty for all other targets.
struct MetricGroups: Sendable {
    enum Part: UInt8, Sendable { case none, other, created, bucket, count, sum }

    struct Member: Sendable {
        var group: UInt32 = 0
        var part = Part.none
        /// Upper bound of a bucket.
        var bound = 0.0
    }

    private struct Group: Sendable {
        var key: SeriesKey
        var users: UInt32 = 0
        var start: Int64 = 0
        var startScrape: UInt32 = 0
        /// Labels as exposed, with the family's name.
        var labels: LabelSet
        var classic = ClassicHistogram()
        var classicScrape: UInt32 = 0
    }

    /// What one scrape says of a classic histogram.
    struct ClassicHistogram: Sendable {
        var buckets: [(bound: Double, value: Double)] = []
        var count: Double?
        var sum = 0.0
        var timestamp: Int64?
        var rows: [UInt32] = []
    }

    private var members: [Member] = []
    private var groups: [Group] = []
    private var free: [UInt32] = []
    private var groupByKey: [SeriesKey: UInt32] = [:]
    private var collected: [UInt32] = []

    var isEmpty: Bool { members.isEmpty }

    func member(_ spelling: UInt32) -> Member {
        Int(spelling) < members.count ? members[Int(spelling)] : Member()
    }

    /// What a sample is to its metric, and the metric's name; nil where it has none.
    static func role(_ exposed: LabelSet, kind: MetricMetadata.Kind) -> (part: Part, family: String, bound: Double)? {
        guard let name = exposed.metricName else { return nil }
        func without(_ suffix: String) -> String? {
            name.utf8.count > suffix.utf8.count && name.hasSuffix(suffix)
                ? String(decoding: name.utf8.dropLast(suffix.utf8.count), as: UTF8.self) : nil
        }
        switch kind {
        case .counter:
            if let family = without("_created") { return (.created, family, 0) }
            return (.other, without("_total") ?? name, 0)
        case .summary:
            if exposed.valueRange(of: "quantile") != nil { return (.other, name, 0) }
            if let family = without("_created") { return (.created, family, 0) }
            return (.other, without("_count") ?? without("_sum") ?? name, 0)
        case .histogram:
            if let text = exposed["le"] {
                guard let family = without("_bucket"), let bound = FloatParser.parse(text) else { return nil }
                return (.bucket, family, bound)
            }
            if let family = without("_created") { return (.created, family, 0) }
            if let family = without("_count") { return (.count, family, 0) }
            return without("_sum").map { (.sum, $0, 0) }
        default: return nil
        }
    }

    mutating func join(
        _ spelling: UInt32, _ exposed: LabelSet, _ role: (part: Part, family: String, bound: Double)
    ) {
        let labels = exposed.dropping(["le", "quantile"]).setting("__name__", to: role.family)
        let key = ScrapeKeys.key(labels)
        let group: UInt32
        if let known = groupByKey[key] {
            group = known
        } else if let reused = free.popLast() {
            group = reused
            groups[Int(group) - 1] = Group(key: key, labels: labels)
        } else {
            groups.append(Group(key: key, labels: labels))
            group = UInt32(truncatingIfNeeded: groups.count)
        }
        groupByKey[key] = group
        groups[Int(group) - 1].users += 1
        if members.count <= Int(spelling) {
            members += Array(repeating: Member(), count: Int(spelling) + 1 - members.count)
        }
        members[Int(spelling)] = Member(group: group, part: role.part, bound: role.bound)
    }

    mutating func leave(_ spelling: UInt32) {
        let member = member(spelling)
        guard member.group > 0 else { return }
        members[Int(spelling)] = Member()
        let index = Int(member.group) - 1
        groups[index].users -= 1
        guard groups[index].users == 0 else { return }
        groupByKey[groups[index].key] = nil
        free.append(member.group)
    }

    mutating func setStart(_ member: Member, seconds: Double, scrape: UInt32) {
        let milliseconds = (seconds * 1000).rounded()
        guard member.group > 0, let start = Int64(exactly: milliseconds), start > 0 else { return }
        groups[Int(member.group) - 1].start = start
        groups[Int(member.group) - 1].startScrape = scrape
    }

    /// 0 where the scrape did not say it.
    func start(_ spelling: UInt32, scrape: UInt32) -> Int64 {
        let member = member(spelling)
        guard member.group > 0, groups[Int(member.group) - 1].startScrape == scrape else { return 0 }
        return groups[Int(member.group) - 1].start
    }

    mutating func collect(_ member: Member, _ value: Double, row: UInt32, timestamp: Int64?, scrape: UInt32) {
        let index = Int(member.group) - 1
        if groups[index].classicScrape != scrape {
            groups[index].classicScrape = scrape
            groups[index].classic = ClassicHistogram()
            collected.append(member.group)
        }
        groups[index].classic.timestamp = timestamp
        groups[index].classic.rows.append(row)
        switch member.part {
        case .bucket: groups[index].classic.buckets.append((member.bound, value))
        case .count: groups[index].classic.count = value
        case .sum: groups[index].classic.sum = value
        case .none, .other, .created: break
        }
    }

    /// The classic histograms of this scrape, in order; they are forgotten here.
    mutating func takeCollected() -> [(group: UInt32, labels: LabelSet, histogram: ClassicHistogram)] {
        defer { collected = [] }
        return collected.map { group in
            let index = Int(group) - 1
            defer { groups[index].classic = ClassicHistogram() }
            return (group, groups[index].labels, groups[index].classic)
        }
    }

    func start(group: UInt32, scrape: UInt32) -> Int64 {
        groups[Int(group) - 1].startScrape == scrape ? groups[Int(group) - 1].start : 0
    }
}
