internal import Telemetry

/// Aggregates over series, at every grid point by itself.
///
/// Groups come out in the order in which they were first met; `topk` and `bottomk` over a grid of one point give the
/// elements of each group ranked. Floats are accumulated column by column, so that a group costs no lookup for each
/// step.
package func aggregate(
    _ operation: AggregationOperator, grouping: Grouping, parameter: AggregationParameter = .none, _ input: StepMatrix,
    annotations: inout Annotations
) throws(VectorError) -> StepMatrix {
    let groups = AggregationGroups(input, grouping)
    switch operation {
    case .topk, .bottomk, .limitk, .limitRatio:
        return try selectElements(operation, groups, parameter, input, &annotations)
    case .countValues:
        guard case .label(let name) = parameter else { throw .other("count_values needs the name of a label") }
        return try countValues(groups, label: name, input)
    case .quantile:
        return quantile(groups, parameter, input, &annotations)
    default:
        var output = StepMatrix(grid: input.grid)
        output.series.reserveCapacity(groups.members.count)
        for group in groups.members.indices {
            var series = StepSeries(labels: groups.labels[group], count: input.grid.count)
            series.dropsName = groups.dropsName[group]
            accumulate(operation, groups.members[group], input, into: &series, &annotations)
            output.series.append(series)
        }
        output.removeEmptySeries()
        return output
    }
}

/// Which series belong to which group.
struct AggregationGroups {
    var labels: [LabelSet] = []
    var members: [[Int]] = []
    var dropsName: [Bool] = []

    init(_ input: StepMatrix, _ grouping: Grouping) {
        if case .none = grouping {
            if !input.series.isEmpty {
                labels = [.empty]
                members = [Array(input.series.indices)]
                dropsName = [false]
            }
            return
        }
        var index: [LabelSet: Int] = [:]
        for (at, series) in input.series.enumerated() {
            let key = grouping.labels(of: series.labels)
            if let known = index[key] {
                members[known].append(at)
                if grouping.keepsName, series.dropsName { dropsName[known] = true }
            } else {
                index[key] = labels.count
                labels.append(key)
                members.append([at])
                dropsName.append(grouping.keepsName && series.dropsName)
            }
        }
    }
}

private func accumulate(
    _ operation: AggregationOperator, _ members: [Int], _ input: StepMatrix, into output: inout StepSeries,
    _ annotations: inout Annotations
) {
    let hasHistograms = members.contains { input.series[$0].histograms != nil }
    switch operation {
    case .group:
        for member in members {
            let present = input.series[member].present
            for i in present.indices where present[i] { output.set(1, at: i) }
        }
    case .count:
        for member in members {
            let present = input.series[member].present
            for i in present.indices where present[i] { output.set(output.values[i] + 1, at: i) }
        }
    case .sum where hasHistograms, .avg where hasHistograms:
        accumulateMixed(operation, members, input, into: &output, &annotations)
    case .sum:
        var compensations = [Double](repeating: 0, count: output.count)
        for member in members {
            let series = input.series[member]
            for i in 0..<series.count where series.present[i] {
                if output.present[i] {
                    CompensatedSum.add(series.values[i], &output.values[i], &compensations[i])
                } else {
                    output.set(series.values[i], at: i)
                }
            }
        }
        for i in 0..<output.count where !output.values[i].isInfinite { output.values[i] += compensations[i] }
    case .avg:
        var means = [CompensatedMean](repeating: CompensatedMean(), count: output.count)
        for member in members {
            let series = input.series[member]
            for i in 0..<series.count where series.present[i] {
                means[i].add(series.values[i])
                output.present[i] = true
            }
        }
        for i in 0..<output.count where output.present[i] { output.values[i] = means[i].value }
    case .min, .max:
        accumulateExtreme(operation, members, input, into: &output, &annotations)
    case .stddev, .stdvar:
        accumulateVariance(operation, members, input, into: &output, &annotations)
    default: break
    }
}

private func accumulateExtreme(
    _ operation: AggregationOperator, _ members: [Int], _ input: StepMatrix, into output: inout StepSeries,
    _ annotations: inout Annotations
) {
    let wantsLargest = operation == .max
    for member in members {
        let series = input.series[member]
        for i in 0..<series.count where series.present[i] {
            if series.histogram(at: i) != nil {
                annotations.inform(AnnotationText.histogramIgnored(in: operation.rawValue))
                continue
            }
            let value = series.values[i]
            if !output.present[i] {
                output.set(value, at: i)
            } else {
                let old = output.values[i]
                if old.isNaN || (wantsLargest ? value > old : value < old) { output.values[i] = value }
            }
        }
    }
}

/// Welford's method: one pass, no cancellation.
private func accumulateVariance(
    _ operation: AggregationOperator, _ members: [Int], _ input: StepMatrix, into output: inout StepSeries,
    _ annotations: inout Annotations
) {
    var counts = [Double](repeating: 0, count: output.count)
    var means = counts
    var meanCompensations = counts
    var compensations = counts
    for member in members {
        let series = input.series[member]
        for i in 0..<series.count where series.present[i] {
            if series.histogram(at: i) != nil {
                annotations.inform(AnnotationText.histogramIgnored(in: operation.rawValue))
                continue
            }
            let value = series.values[i]
            counts[i] += 1
            if !output.present[i] {
                output.set(value.isFinite ? 0 : .nan, at: i)
                means[i] = value
                continue
            }
            let delta = value - (means[i] + meanCompensations[i])
            CompensatedSum.add(delta / counts[i], &means[i], &meanCompensations[i])
            let after = value - (means[i] + meanCompensations[i])
            CompensatedSum.add(delta * after, &output.values[i], &compensations[i])
        }
    }
    for i in 0..<output.count where output.present[i] {
        let variance = (output.values[i] + compensations[i]) / counts[i]
        output.values[i] = operation == .stddev ? variance.squareRoot() : variance
    }
}

/// Sum and mean where some elements are native histograms. A point with both kinds has no answer.
private func accumulateMixed(
    _ operation: AggregationOperator, _ members: [Int], _ input: StepMatrix, into output: inout StepSeries,
    _ annotations: inout Annotations
) {
    for i in 0..<output.count {
        var mean = CompensatedMean()
        var sum = CompensatedSum()
        var floats = 0
        var histograms: [NativeHistogram] = []
        for member in members where input.series[member].present[i] {
            if let histogram = input.series[member].histogram(at: i) {
                histograms.append(histogram)
            } else {
                floats += 1
                sum.add(input.series[member].values[i])
                mean.add(input.series[member].values[i])
            }
        }
        if floats > 0, !histograms.isEmpty {
            annotations.warn(AnnotationText.mixedFloatsAndHistograms + " aggregation")
        } else if floats > 0 {
            output.set(operation == .sum ? sum.value : mean.value, at: i)
        } else if let total = HistogramSum.combine(
            histograms, mean: operation == .avg, operationName: "aggregation", &annotations)
        {
            output.set(total, at: i)
        }
    }
}
