/// Which parts are to be merged, and when: a pure function of what there is, so that it can be tested without a disk.
///
/// Two hours, a day, then up to 31 days but never more than a tenth of the retention, as in Prometheus: dropping a part
/// is how samples expire. While a span still fills, sixteen parts of one level make one of the next, so that a sample is
/// rewritten a few times at most.
struct MergePlan {
    struct Part: Hashable {
        var id: Int64
        var minTime: Int64
        var maxTime: Int64
        var bytes: Int
        var created: Int64
        var level: Int
    }

    static let hour: Int64 = 3_600_000
    static let day: Int64 = 24 * hour
    /// Parts of one level in an open span that make one of the next.
    static let fanIn = 16
    /// Late samples wait this long for company before the parts of a span that has ended are rewritten for them.
    static let lateDelay = hour
    /// A part of more bytes than this stays as it is.
    var largest = 8 << 30
    let spans: [Int64]

    init(retention: Int64, largest: Int = 8 << 30) {
        self.largest = largest
        let limit = min(31 * MergePlan.day, max(retention / 10, 2 * MergePlan.hour))
        var spans = [2 * MergePlan.hour]
        if limit >= MergePlan.day {
            spans.append(MergePlan.day)
            if limit >= 2 * MergePlan.day { spans.append(limit / MergePlan.day * MergePlan.day) }
        } else if let hours = [12, 8, 6, 4].first(where: { Int64($0) * MergePlan.hour <= limit }) {
            spans.append(Int64(hours) * MergePlan.hour)
        }
        self.spans = spans
    }

    /// Sets of ids to merge, the shortest spans first. What overlaps with one set is in no other.
    func due(_ parts: [Part], now: Int64) -> [[Int64]] {
        var taken: Set<Int64> = []
        var sets: [[Int64]] = []
        for (number, span) in spans.enumerated() {
            var members: [Int64: [Part]] = [:]
            for part in parts where !taken.contains(part.id) && spanNumber(of: part) <= number {
                members[MergePlan.floor(part.minTime, span), default: []].append(part)
            }
            for (place, group) in members.sorted(by: { $0.key < $1.key }) where group.count > 1 {
                let (end, overflow) = (place &+ 1).multipliedReportingOverflow(by: span)
                // Ten minutes for what is still in memory.
                let hasEnded = !overflow && end <= now &- 600_000
                let chosen = hasEnded ? endedSet(group, now: now) : number == 0 ? openSet(group) : []
                guard chosen.count > 1, chosen.reduce(0, { $0 + $1.bytes }) <= largest else { continue }
                taken.formUnion(chosen.map(\.id))
                sets.append(chosen.map(\.id).sorted())
            }
        }
        return sets
    }

    private func endedSet(_ group: [Part], now: Int64) -> [Part] {
        let total = group.reduce(0) { $0 + $1.bytes }
        let biggest = group.max { $0.bytes < $1.bytes }?.bytes ?? 0
        // A few late samples beside a part that is merged already.
        if biggest > total / 10 * 9, group.count < MergePlan.fanIn,
            let youngest = group.map(\.created).max(), now &- youngest < MergePlan.lateDelay,
            group.contains(where: { $0.bytes == biggest && $0.level > 0 })
        {
            return []
        }
        return group
    }

    private func openSet(_ group: [Part]) -> [Part] {
        let levels = Dictionary(grouping: group, by: \.level)
        return levels.filter { $0.value.count >= MergePlan.fanIn }.min { $0.key < $1.key }?.value ?? []
    }

    /// The first of the spans that the part does not cross; past the last for one that crosses them all.
    private func spanNumber(of part: Part) -> Int {
        spans.firstIndex { MergePlan.floor(part.minTime, $0) == MergePlan.floor(part.maxTime, $0) } ?? spans.count
    }

    private static func floor(_ time: Int64, _ length: Int64) -> Int64 {
        let quotient = time / length
        return time % length < 0 ? quotient - 1 : quotient
    }
}
