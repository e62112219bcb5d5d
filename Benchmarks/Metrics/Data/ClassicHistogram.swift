import Foundation

/// A classic histogram of durations: cumulative buckets, a sum in full precision, a count.
struct ClassicHistogram: Sendable {
    /// What the client libraries use when nobody chooses.
    static let bounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, .infinity]
    static let boundTexts = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
    static let seriesCount = bounds.count + 2

    private let perSecond: Double
    private let shares: [Double]
    private var counts: [Int64]
    private var sum: Double

    /// `median` in seconds; durations spread around it log-normally.
    init(perSecond: Double, median: Double, random: inout SeededRandom) {
        self.perSecond = perSecond
        var below = 0.0
        var shares: [Double] = []
        for bound in Self.bounds {
            let share = bound.isInfinite ? 1 : 0.5 * erfc(-log(bound / median) / (0.8 * 2.0.squareRoot()))
            // Beyond one in a million nothing ever comes: most real histograms have buckets that stay empty.
            shares.append(share - below < 1e-6 ? 0 : share - below)
            below = share
        }
        self.shares = shares
        let uptime = random.between(3600, 864_000)
        counts = shares.map { Int64($0 * perSecond * uptime) }
        sum = 0
        for (index, count) in counts.enumerated() where count > 0 {
            sum += Double(count) * Self.middle(index) * random.between(0.95, 1.05)
        }
    }

    private static func middle(_ index: Int) -> Double {
        let low = index == 0 ? 0.001 : bounds[index - 1]
        return bounds[index].isInfinite ? low * 1.5 : (low + bounds[index]) / 2
    }

    mutating func step(seconds: Double, load: Double, random: inout SeededRandom) {
        let mean = perSecond * seconds * load
        if mean > 24 {
            for (index, share) in shares.enumerated() where share > 0 {
                add(random.poisson(mean * share), to: index, &random)
            }
        } else {
            for _ in 0..<random.poisson(mean) {
                var rest = random.unit()
                var index = 0
                while index < shares.count - 1, rest >= shares[index] {
                    rest -= shares[index]
                    index += 1
                }
                add(1, to: index, &random)
            }
        }
    }

    private mutating func add(_ events: Int64, to index: Int, _ random: inout SeededRandom) {
        guard events > 0 else { return }
        counts[index] += events
        sum += Double(events) * Self.middle(index) * random.between(0.8, 1.2)
    }

    /// In the order of exposition: buckets, sum, count.
    func write(into values: inout [Double], at start: Int) {
        var total: Int64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            values[start + index] = Double(total)
        }
        values[start + counts.count] = sum
        values[start + counts.count + 1] = Double(total)
    }
}
