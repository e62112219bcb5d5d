internal import Telemetry

/// One series for each group and distinct value.
func countValues(_ groups: AggregationGroups, label: String, _ input: StepMatrix) throws(VectorError) -> StepMatrix {
    guard isValidLabelName(label) else { throw .invalidLabelName(quoteGo(label)) }
    var output = StepMatrix(grid: input.grid)
    var index: [LabelSet: Int] = [:]
    for (group, members) in groups.members.enumerated() {
        for member in members {
            let series = input.series[member]
            // Neighbouring points mostly have the same value: its text and slot are looked up once for a run.
            var lastBits: UInt64?
            var slot = 0
            for i in 0..<series.count where series.present[i] {
                let histogram = series.histogram(at: i)
                if histogram != nil || lastBits != series.values[i].bitPattern {
                    let text = histogram.map { $0.compactText } ?? formatPlain(series.values[i])
                    lastBits = histogram == nil ? series.values[i].bitPattern : nil
                    let labels = groups.labels[group].setting(label, to: text)
                    if let known = index[labels] {
                        slot = known
                    } else {
                        slot = output.series.count
                        index[labels] = slot
                        output.series.append(StepSeries(labels: labels, count: input.grid.count))
                    }
                }
                output.series[slot].set(output.series[slot].values[i] + 1, at: i)
            }
        }
    }
    return output
}

func quantile(
    _ groups: AggregationGroups, _ parameter: AggregationParameter, _ input: StepMatrix,
    _ annotations: inout Annotations
) -> StepMatrix {
    var output = StepMatrix(grid: input.grid)
    for group in groups.members.indices {
        output.series.append(
            StepSeries(labels: groups.labels[group], count: input.grid.count, dropsName: groups.dropsName[group]))
    }
    var values: [Double] = []
    let ranks = (0..<input.grid.count).map { parameter.value(at: $0) }
    if ranks.contains(where: \.isNaN) { annotations.warn(AnnotationText.invalidQuantile(.nan)) }
    if let largest = ranks.max(), largest > 1 { annotations.warn(AnnotationText.invalidQuantile(largest)) }
    if let least = ranks.min(), least < 0 { annotations.warn(AnnotationText.invalidQuantile(least)) }
    for (step, rank) in ranks.enumerated() {
        for (group, members) in groups.members.enumerated() {
            values.removeAll(keepingCapacity: true)
            for member in members where input.series[member].present[step] {
                if input.series[member].histogram(at: step) != nil {
                    annotations.inform(AnnotationText.histogramIgnored(in: "quantile"))
                } else {
                    values.append(input.series[member].values[step])
                }
            }
            if !values.isEmpty { output.series[group].set(quantile(rank, &values), at: step) }
        }
    }
    output.removeEmptySeries()
    return output
}

/// The φ-quantile, linear between the two nearest ranks; NaN counts as smallest. Sorts `values`.
package func quantile(_ rank: Double, _ values: inout [Double]) -> Double {
    if values.isEmpty || rank.isNaN { return .nan }
    if rank < 0 { return -.infinity }
    if rank > 1 { return .infinity }
    values.sort { $0 < $1 || ($0.isNaN && !$1.isNaN) }
    let position = rank * Double(values.count - 1)
    let lower = max(0, min(values.count - 1, Int(position.rounded(.down))))
    let upper = min(values.count - 1, lower + 1)
    let weight = position - position.rounded(.down)
    return values[lower] * (1 - weight) + values[upper] * weight
}
