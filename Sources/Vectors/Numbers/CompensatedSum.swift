/// Neumaier's variant of Kahan's sum: the error stays at one rounding however many terms there are.
package struct CompensatedSum: Sendable {
    package var sum: Double
    package var compensation: Double

    package init(_ sum: Double = 0, compensation: Double = 0) {
        self.sum = sum
        self.compensation = compensation
    }

    @inline(__always)
    package mutating func add(_ term: Double) { CompensatedSum.add(term, &sum, &compensation) }

    /// For sums that live in columns.
    @inline(__always)
    package static func add(_ term: Double, _ sum: inout Double, _ compensation: inout Double) {
        let total = sum + term
        if total.isInfinite {
            compensation = 0
        } else if sum.magnitude >= term.magnitude {
            compensation += (sum - total) + term
        } else {
            compensation += (term - total) + sum
        }
        sum = total
    }

    package var value: Double { sum.isInfinite ? sum : sum + compensation }
}

/// A mean that keeps the compensated sum as long as it is finite and turns to an incremental mean where it overflows.
package struct CompensatedMean: Sendable {
    private var total = CompensatedSum()
    private var count = 0.0
    private var incremental = false

    package init() {}

    package mutating func add(_ value: Double) {
        count += 1
        if !incremental {
            var next = total
            next.add(value)
            if count == 1 || !next.sum.isInfinite {
                total = next
                return
            }
            incremental = true
            total.sum /= count - 1
            total.compensation /= count - 1
        }
        let weight = (count - 1) / count
        total.sum *= weight
        total.compensation *= weight
        total.add(value / count)
    }

    package var value: Double {
        if incremental { return total.sum + total.compensation }
        return total.sum / count + total.compensation / count
    }
}
