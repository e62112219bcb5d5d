/// The cumulative buckets of a classic histogram at one point.
package struct ClassicBuckets: Sendable {
    package struct Bucket: Hashable, Sendable {
        package var upperBound: Double
        package var count: Double
        package init(upperBound: Double, count: Double) {
            self.upperBound = upperBound
            self.count = count
        }
    }

    /// What had to be raised so that counts never fall.
    package struct Repair: Hashable, Sendable {
        package var lowestBound: Double
        package var highestBound: Double
        package var largestDifference: Double
    }

    /// Ascending by bound, each bound once.
    package private(set) var buckets: [Bucket]

    /// Buckets in any order; equal bounds are added up.
    package init(_ unordered: [Bucket]) {
        let sorted = unordered.sorted { $0.upperBound < $1.upperBound }
        buckets = []
        buckets.reserveCapacity(sorted.count)
        for bucket in sorted {
            if buckets.last?.upperBound == bucket.upperBound {
                buckets[buckets.count - 1].count += bucket.count
            } else {
                buckets.append(bucket)
            }
        }
    }

    private var isComplete: Bool { buckets.last?.upperBound == .infinity }

    /// Differences of rounding are flattened silently; larger decreases are raised to the maximum so far and reported.
    package mutating func makeMonotonic() -> Repair? {
        var repair: Repair?
        guard var previous = buckets.first?.count else { return nil }
        for i in buckets.indices.dropFirst() {
            let current = buckets[i].count
            if current == previous { continue }
            if (current - previous).magnitude < 1e-12 * (current.magnitude + previous.magnitude) {
                buckets[i].count = previous
                continue
            }
            if current < previous {
                let bound = buckets[i].upperBound
                let difference = previous - current
                repair = Repair(
                    lowestBound: repair?.lowestBound ?? bound, highestBound: bound,
                    largestDifference: max(repair?.largestDifference ?? 0, difference))
                buckets[i].count = previous
                continue
            }
            previous = current
        }
        return repair
    }

    /// The φ-quantile, linear inside a bucket. The lowest bucket starts at 0 if its bound is positive; in the highest
    /// the second-highest bound is the answer.
    package mutating func quantile(_ rank: Double) -> (value: Double, repair: Repair?) {
        if rank.isNaN { return (.nan, nil) }
        if rank < 0 { return (-.infinity, nil) }
        if rank > 1 { return (.infinity, nil) }
        guard isComplete else { return (.nan, nil) }
        let repair = makeMonotonic()
        guard buckets.count >= 2, let observations = buckets.last?.count, observations != 0, !observations.isNaN
        else { return (.nan, nil) }
        var wanted = rank * observations
        var at = 0
        while at < buckets.count - 1, !(buckets[at].count >= wanted) { at += 1 }
        if at == buckets.count - 1 { return (buckets[at - 1].upperBound, repair) }
        if at == 0, buckets[0].upperBound <= 0 { return (buckets[0].upperBound, repair) }
        var start = 0.0
        var count = buckets[at].count
        if at > 0 {
            start = buckets[at - 1].upperBound
            count -= buckets[at - 1].count
            wanted -= buckets[at - 1].count
        }
        return (start + (buckets[at].upperBound - start) * (wanted / count), repair)
    }

    /// The fraction of observations between two bounds.
    package mutating func fraction(from lower: Double, to upper: Double) -> Double {
        guard isComplete else { return .nan }
        _ = makeMonotonic()
        guard let observations = buckets.last?.count, observations != 0, !lower.isNaN, !upper.isNaN else { return .nan }
        if lower >= upper { return 0 }
        var rank = 0.0
        var lowerRank: Double?
        var upperRank: Double?
        var start = (buckets.first?.upperBound ?? 0) > 0 ? 0 : -Double.infinity
        for bucket in buckets {
            let walk = HistogramBucket(lower: start, upper: bucket.upperBound, count: bucket.count - rank)
            if lowerRank == nil { lowerRank = start >= lower ? rank : walk.rank(of: lower, after: rank, linear: true) }
            if upperRank == nil { upperRank = start >= upper ? rank : walk.rank(of: upper, after: rank, linear: true) }
            if lowerRank != nil, upperRank != nil { break }
            rank = bucket.count
            start = bucket.upperBound
        }
        return ((upperRank ?? observations) - (lowerRank ?? observations)) / observations
    }
}
