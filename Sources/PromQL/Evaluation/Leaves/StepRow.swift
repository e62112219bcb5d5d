/// One series' answer at every point of a grid, in memory that is used again.
struct StepRow {
    var values: [Double]
    var present: [Bool]
    /// At how many points there is a value.
    var found = 0

    init(count: Int) {
        values = [Double](repeating: 0, count: count)
        present = [Bool](repeating: false, count: count)
    }

    @inline(__always)
    mutating func set(_ value: Double, _ step: Int) {
        values[step] = value
        present[step] = true
        found &+= 1
    }

    mutating func clear() {
        found = 0
        for step in present.indices { present[step] = false }
    }
}
