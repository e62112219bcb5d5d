internal import Telemetry

/// `topk`, `bottomk`, `limitk`, `limit_ratio`: elements keep their labels.
func selectElements(
    _ operation: AggregationOperator, _ groups: AggregationGroups, _ parameter: AggregationParameter,
    _ input: StepMatrix,
    _ annotations: inout Annotations
) throws(VectorError) -> StepMatrix {
    var output = input
    for at in output.series.indices {
        output.series[at].present = [Bool](repeating: false, count: input.grid.count)
    }
    var ranked: [Int] = []
    for step in 0..<input.grid.count {
        let raw = parameter.value(at: step)
        if operation == .limitRatio {
            let ratio = try checkedRatio(raw, &annotations)
            for members in groups.members {
                for member in members
                where input.series[member].present[step]
                    && LimitRatio.keeps(input.series[member].labels, ratio: ratio)
                { output.series[member].present[step] = true }
            }
            continue
        }
        let limit = try checkedCount(raw)
        guard limit >= 1 else { continue }
        for members in groups.members {
            var chosen = members.filter { input.series[$0].present[step] }
            if operation == .limitk {
                chosen = Array(chosen.prefix(limit))
            } else {
                chosen = rank(chosen, operation, limit, step, input, &annotations)
                if input.grid.count == 1 { ranked.append(contentsOf: chosen) }
            }
            for member in chosen { output.series[member].present[step] = true }
        }
    }
    if input.grid.count == 1, operation == .topk || operation == .bottomk {
        output.series = ranked.map { output.series[$0] }
    }
    for at in output.series.indices {
        guard var histograms = output.series[at].histograms else { continue }
        for i in histograms.indices where !output.series[at].present[i] { histograms[i] = nil }
        output.series[at].histograms = histograms.contains { $0 != nil } ? histograms : nil
    }
    output.removeEmptySeries()
    return output
}

/// The first `limit` by value; NaN comes last in either direction, equal values keep their order.
private func rank(
    _ candidates: [Int], _ operation: AggregationOperator, _ limit: Int, _ step: Int, _ input: StepMatrix,
    _ annotations: inout Annotations
) -> [Int] {
    var floats = candidates.filter { input.series[$0].histogram(at: step) == nil }
    if floats.count != candidates.count {
        annotations.inform(AnnotationText.histogramIgnored(in: operation.rawValue))
    }
    let largestFirst = operation == .topk
    func precedes(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN { return false }
        if b.isNaN { return true }
        return largestFirst ? a > b : a < b
    }
    if limit < floats.count / 8 {
        // A small k over many series: keep a sorted prefix instead of sorting all.
        var best: [Int] = []
        for candidate in floats {
            let value = input.series[candidate].values[step]
            if best.count == limit, let last = best.last, !precedes(value, input.series[last].values[step]) { continue }
            var low = 0
            var high = best.count
            while low < high {
                let middle = (low + high) / 2
                if precedes(value, input.series[best[middle]].values[step]) { high = middle } else { low = middle + 1 }
            }
            best.insert(candidate, at: low)
            if best.count > limit { best.removeLast() }
        }
        return best
    }
    floats.sort { a, b in
        let left = input.series[a].values[step]
        let right = input.series[b].values[step]
        if precedes(left, right) { return true }
        return precedes(right, left) ? false : a < b
    }
    return Array(floats.prefix(limit))
}

private func checkedCount(_ raw: Double) throws(VectorError) -> Int {
    if raw.isNaN { throw .parameterNotANumber }
    guard raw > -9.2e18 else { throw .parameterOutOfRange("Scalar value \(formatGeneral(raw)) underflows int64") }
    guard raw < 9.2e18 else { throw .parameterOutOfRange("Scalar value \(formatGeneral(raw)) overflows int64") }
    return Int(raw)
}

private func checkedRatio(_ raw: Double, _ annotations: inout Annotations) throws(VectorError) -> Double {
    if raw.isNaN { throw .other("Ratio value is NaN") }
    let capped = min(1, max(-1, raw))
    if capped != raw {
        annotations.warn(
            "PromQL warning: ratio value should be between -1 and 1, got \(formatGeneral(raw)), "
                + "capping to \(formatGeneral(capped))")
    }
    return capped
}

/// Sampling by the hash of the labels: `limit_ratio(r, v)` and `limit_ratio(-(1 - r), v)` split the vector in two.
enum LimitRatio {
    static func keeps(_ labels: LabelSet, ratio: Double) -> Bool {
        // Prometheus hashes the same bytes with the same function, so both keep the same series.
        let offset = Double(xxHash64(labels.bytes)) / Double(UInt64.max)
        return ratio >= 0 ? offset < ratio : offset >= 1 + ratio
    }
}
