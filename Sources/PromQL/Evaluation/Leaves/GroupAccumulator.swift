internal import Telemetry
internal import Vectors

/// What a task has added up of each group at every point. Groups take memory when they are met.
struct GroupAccumulator: Sendable {
    let operation: AggregationOperator
    let steps: Int
    /// By group where its columns begin, −1 for none.
    private var starts: [Int32]
    /// Sums and extremes; of sums also what rounding lost, and how many terms a mean has.
    private(set) var values: [Double] = []
    private var compensations: [Double] = []
    private var counts: [Double] = []
    private var present: [Bool] = []

    init(_ operation: AggregationOperator, groups: Int, steps: Int) {
        self.operation = operation
        self.steps = steps
        starts = [Int32](repeating: -1, count: groups)
    }

    private var isSum: Bool { operation == .sum || operation == .avg }

    /// Of one group more.
    var bytesPerGroup: Int { steps * (isSum ? (operation == .avg ? 25 : 17) : 9) }
    var byteCount: Int { starts.count * 4 + (steps > 0 ? values.count / steps : 0) * bytesPerGroup }

    private mutating func start(of group: Int) -> Int {
        if starts[group] >= 0 { return Int(starts[group]) * steps }
        let number = steps > 0 ? values.count / steps : 0
        starts[group] = Int32(truncatingIfNeeded: number)
        // Minus zero is what leaves every first term as it is.
        values += [Double](repeating: isSum ? -0.0 : 0, count: steps)
        present += [Bool](repeating: false, count: steps)
        if isSum { compensations += [Double](repeating: 0, count: steps) }
        if operation == .avg { counts += [Double](repeating: 0, count: steps) }
        return number * steps
    }

    mutating func add(_ row: borrowing StepRow, to group: Int) {
        let start = start(of: group)
        switch operation {
        case .sum, .avg: addSum(row, start)
        case .min: addExtreme(row, start) { $0 < $1 }
        case .max: addExtreme(row, start) { $0 > $1 }
        case .count:
            for step in 0..<steps where row.present[step] {
                values[start &+ step] += 1
                present[start &+ step] = true
            }
        default:
            for step in 0..<steps where row.present[step] {
                values[start &+ step] = 1
                present[start &+ step] = true
            }
        }
    }

    private mutating func addSum(_ row: borrowing StepRow, _ start: Int) {
        let steps = steps
        let isMean = operation == .avg
        unsafe row.values.withUnsafeBufferPointer { terms in
            unsafe row.present.withUnsafeBufferPointer { isThere in
                unsafe values.withUnsafeMutableBufferPointer { sums in
                    unsafe compensations.withUnsafeMutableBufferPointer { compensations in
                        unsafe present.withUnsafeMutableBufferPointer { present in
                            for step in 0..<steps where unsafe isThere[step] {
                                unsafe CompensatedSum.add(
                                    terms[step], &sums[start &+ step], &compensations[start &+ step])
                                unsafe present[start &+ step] = true
                            }
                        }
                    }
                }
            }
            if isMean {
                for step in 0..<steps where row.present[step] { counts[start &+ step] += 1 }
            }
        }
    }

    @inline(__always)
    private mutating func addExtreme(_ row: borrowing StepRow, _ start: Int, _ precedes: (Double, Double) -> Bool) {
        for step in 0..<steps where row.present[step] {
            let place = start &+ step
            let value = row.values[step]
            if !present[place] || values[place].isNaN || precedes(value, values[place]) { values[place] = value }
            present[place] = true
        }
    }

    /// Adds what another task has of the series behind this one's.
    mutating func merge(_ other: borrowing GroupAccumulator) {
        for group in other.starts.indices where other.starts[group] >= 0 {
            let from = Int(other.starts[group]) * steps
            let start = start(of: group)
            for step in 0..<steps where other.present[from + step] {
                let place = start + step
                let value = other.values[from + step]
                switch operation {
                case .sum, .avg:
                    CompensatedSum.add(value, &values[place], &compensations[place])
                    if !values[place].isInfinite { compensations[place] += other.compensations[from + step] }
                    if operation == .avg { counts[place] += other.counts[from + step] }
                case .min:
                    if !present[place] || values[place].isNaN || value < values[place] { values[place] = value }
                case .max:
                    if !present[place] || values[place].isNaN || value > values[place] { values[place] = value }
                case .count: values[place] += value
                default: values[place] = 1
                }
                present[place] = true
            }
        }
    }

    /// The answer; nil where a mean went over what a double holds, which takes another way to add up.
    func finished(_ labels: [LabelSet], _ grid: StepGrid) -> StepMatrix? {
        var matrix = StepMatrix(grid: grid)
        for group in starts.indices where starts[group] >= 0 {
            let start = Int(starts[group]) * steps
            var series = StepSeries(
                labels: labels[group], values: Array(values[start..<start + steps]),
                present: Array(present[start..<start + steps]))
            guard !series.isEmpty else { continue }
            if isSum {
                for step in 0..<steps where series.present[step] {
                    let sum = series.values[step]
                    if operation == .avg {
                        if sum.isInfinite { return nil }
                        series.values[step] =
                            sum / counts[start + step] + compensations[start + step] / counts[start + step]
                    } else if !sum.isInfinite {
                        series.values[step] = sum + compensations[start + step]
                    }
                }
            }
            matrix.series.append(series)
        }
        return matrix
    }
}
