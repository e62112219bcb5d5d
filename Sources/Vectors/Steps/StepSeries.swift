package import Telemetry

/// One series of a result: a value for each point of the grid at which it is present.
package struct StepSeries: Sendable {
    package var labels: LabelSet
    /// One for each grid point; what stands where `present` is false has no meaning.
    package var values: [Double]
    package var present: [Bool]
    /// Native histograms, for each grid point; nil where the series has none at all. A point with a histogram is
    /// present and its float has no meaning.
    package var histograms: [NativeHistogram?]?
    /// The metric name is to go at the end of the evaluation (Prometheus' delayed name removal).
    package var dropsName: Bool

    package init(
        labels: LabelSet, values: [Double], present: [Bool], histograms: [NativeHistogram?]? = nil,
        dropsName: Bool = false
    ) {
        self.labels = labels
        self.values = values
        self.present = present
        self.histograms = histograms
        self.dropsName = dropsName
    }

    /// Absent at all of `count` points.
    package init(labels: LabelSet, count: Int, dropsName: Bool = false) {
        self.init(
            labels: labels, values: [Double](repeating: 0, count: count),
            present: [Bool](repeating: false, count: count),
            dropsName: dropsName)
    }

    /// The same value at every point.
    package init(labels: LabelSet, constant value: Double, count: Int) {
        self.init(
            labels: labels, values: [Double](repeating: value, count: count),
            present: [Bool](repeating: true, count: count))
    }

    package var count: Int { values.count }
    package var isEmpty: Bool { !present.contains(true) }

    @inline(__always)
    package func histogram(at index: Int) -> NativeHistogram? {
        guard let histograms else { return nil }
        return histograms[index]
    }

    @inline(__always)
    package mutating func set(_ value: Double, at index: Int) {
        values[index] = value
        present[index] = true
    }

    package mutating func set(_ histogram: NativeHistogram, at index: Int) {
        if histograms == nil { histograms = [NativeHistogram?](repeating: nil, count: values.count) }
        histograms?[index] = histogram
        present[index] = true
    }

    package mutating func remove(at index: Int) {
        present[index] = false
        histograms?[index] = nil
    }
}

/// Series over one grid. The order of the series means something for instant queries only (`sort`, `topk`).
package struct StepMatrix: Sendable {
    package var grid: StepGrid
    package var series: [StepSeries]

    package init(grid: StepGrid, series: [StepSeries] = []) {
        self.grid = grid
        self.series = series
    }

    /// Drops series that are present nowhere.
    package mutating func removeEmptySeries() { series.removeAll(where: \.isEmpty) }

    /// Orders by labels, as range results are given out.
    package mutating func sortByLabels() { series.sort { $0.labels < $1.labels } }

    /// Throws where two series with equal labels are present at one point; joins those that never are.
    package mutating func mergeEqualLabels() throws(VectorError) {
        var index: [LabelSet: Int] = [:]
        index.reserveCapacity(series.count)
        var merged: [StepSeries] = []
        merged.reserveCapacity(series.count)
        for one in series {
            guard let at = index[one.labels] else {
                index[one.labels] = merged.count
                merged.append(one)
                continue
            }
            for i in 0..<one.count where one.present[i] {
                if merged[at].present[i] { throw VectorError.sameLabelset }
                if let histogram = one.histogram(at: i) {
                    merged[at].set(histogram, at: i)
                } else {
                    merged[at].set(one.values[i], at: i)
                }
            }
        }
        series = merged
    }

    /// Throws where two series with equal labels are present at one point.
    package func checkDistinctLabels() throws(VectorError) {
        var seen: Set<LabelSet> = []
        seen.reserveCapacity(series.count)
        for one in series where !seen.insert(one.labels).inserted {
            var copy = self
            try copy.mergeEqualLabels()
            return
        }
    }
}
