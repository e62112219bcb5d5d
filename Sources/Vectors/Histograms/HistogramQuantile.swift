internal import Telemetry

/// `histogram_quantile`: over classic buckets, grouped by all labels but `le`, and over native histograms.
///
/// `quantiles` has one φ for each grid point.
package func histogramQuantile(
    _ quantiles: [Double], _ input: StepMatrix, names: NameRemoval = .eager, annotations: inout Annotations
) throws(VectorError) -> StepMatrix {
    for rank in quantiles where !(rank >= 0 && rank <= 1) {
        annotations.warn(AnnotationText.invalidQuantile(rank))
    }
    return try overHistograms(input, names: names, annotations: &annotations) { source, step, name, annotations in
        let rank = step < quantiles.count ? quantiles[step] : .nan
        switch source {
        case .native(let histogram):
            return histogram.quantile(rank, metricName: name, annotations: &annotations)
        case .classic(var buckets):
            let (value, repair) = buckets.quantile(rank)
            if let repair {
                let sentence =
                    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity "
                    + "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
                annotations.inform(
                    AnnotationText.named(sentence, name) + ", from buckets \(formatGeneral(repair.lowestBound)) to "
                        + "\(formatGeneral(repair.highestBound)), with a max diff of "
                        + formatGeneral(repair.largestDifference))
            }
            return value
        }
    }
}

/// `histogram_fraction`: one lower and upper bound for each grid point.
package func histogramFraction(
    _ lower: [Double], _ upper: [Double], _ input: StepMatrix, names: NameRemoval = .eager,
    annotations: inout Annotations
) throws(VectorError) -> StepMatrix {
    try overHistograms(input, names: names, annotations: &annotations) { source, step, name, annotations in
        guard step < lower.count, step < upper.count else { return .nan }
        switch source {
        case .native(let histogram):
            return histogram.fraction(
                from: lower[step], to: upper[step], metricName: name, annotations: &annotations)
        case .classic(var buckets): return buckets.fraction(from: lower[step], to: upper[step])
        }
    }
}

private enum HistogramSource {
    case native(NativeHistogram)
    case classic(ClassicBuckets)
}

private struct HistogramGroup {
    var labels: LabelSet
    /// A native histogram's series.
    var native: Int?
    var classic: [(bound: Double, series: Int)] = []
    var dropsName = false
}

private func overHistograms(
    _ input: StepMatrix, names: NameRemoval, annotations: inout Annotations,
    _ evaluate: (HistogramSource, Int, String?, inout Annotations) -> Double
) throws(VectorError) -> StepMatrix {
    var output = StepMatrix(grid: input.grid)
    for group in histogramGroups(input, &annotations) {
        var series = StepSeries(labels: group.labels, count: input.grid.count, dropsName: group.dropsName)
        let name = group.labels.metricName
        // Where names go at once, Prometheus has lost it before it looks into the histogram.
        let keptName = names == .eager ? nil : name
        for step in 0..<input.grid.count {
            var buckets: [ClassicBuckets.Bucket] = []
            for (bound, at) in group.classic
            where input.series[at].present[step] && input.series[at].histogram(at: step) == nil {
                buckets.append(ClassicBuckets.Bucket(upperBound: bound, count: input.series[at].values[step]))
            }
            let histogram = group.native.flatMap { input.series[$0].histogram(at: step) }
            if histogram != nil, !buckets.isEmpty {
                annotations.warn(
                    AnnotationText.named(
                        "PromQL warning: vector contains a mix of classic and native histograms", name))
            } else if let histogram {
                series.set(evaluate(.native(histogram), step, keptName, &annotations), at: step)
            } else if !buckets.isEmpty {
                series.set(evaluate(.classic(ClassicBuckets(buckets)), step, keptName, &annotations), at: step)
            }
        }
        series.dropName(names)
        if !series.isEmpty { output.series.append(series) }
    }
    if names == .eager { try output.mergeEqualLabels() }
    return output
}

private func histogramGroups(_ input: StepMatrix, _ annotations: inout Annotations) -> [HistogramGroup] {
    var groups: [HistogramGroup] = []
    var index: [LabelSet: Int] = [:]
    func group(_ labels: LabelSet, _ series: StepSeries) -> Int {
        if let known = index[labels] { return known }
        index[labels] = groups.count
        groups.append(HistogramGroup(labels: labels, dropsName: series.dropsName))
        return groups.count - 1
    }
    for (at, series) in input.series.enumerated() {
        if series.histograms != nil { groups[group(series.labels, series)].native = at }
        let hasFloats = series.present.indices.contains { series.present[$0] && series.histogram(at: $0) == nil }
        guard hasFloats else { continue }
        let text = series.labels["le"] ?? ""
        guard let bound = Double(text), !bound.isNaN else {
            annotations.warn(
                AnnotationText.named(
                    "PromQL warning: bucket label \"le\" is missing or has a malformed value of \(quoteGo(text))",
                    series.labels.metricName))
            continue
        }
        groups[group(series.labels.dropping(["le"]), series)].classic.append((bound, at))
    }
    return groups
}
