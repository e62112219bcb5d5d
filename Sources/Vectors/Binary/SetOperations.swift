package import Telemetry

extension VectorMatching {
    /// The labels on which two elements must agree.
    package func signature(of labels: LabelSet) -> LabelSet {
        if on { return labels.keeping(self.labels) }
        if self.labels.isEmpty { return labels.droppingMetricName }
        return labels.dropping(self.labels + ["__name__"])
    }
}

/// `and`, `or`, `unless`: elements are kept by whether their match group has an element on the other side.
package func combineSets(
    _ operation: BinaryOperator, _ left: StepMatrix, _ right: StepMatrix, matching: VectorMatching
) throws(VectorError) -> StepMatrix {
    var output = StepMatrix(grid: left.grid)
    let reference = operation == .or ? left : right
    let filtered = operation == .or ? right : left
    // For each match group: at which points its side has an element.
    var presence: [LabelSet: [Bool]] = [:]
    for series in reference.series {
        let key = matching.signature(of: series.labels)
        if var known = presence[key] {
            presence[key] = nil
            for i in known.indices where series.present[i] { known[i] = true }
            presence[key] = known
        } else {
            presence[key] = series.present
        }
    }
    if operation == .or { output.series = left.series }
    let keepsMatched = operation == .and
    for series in filtered.series {
        guard let other = presence[matching.signature(of: series.labels)] else {
            if !keepsMatched { output.series.append(series) }
            continue
        }
        var kept = series
        for i in other.indices where other[i] != keepsMatched { kept.remove(at: i) }
        if !kept.isEmpty { output.series.append(kept) }
    }
    if operation == .or { try output.mergeEqualLabels() }
    return output
}
