internal import Patterns
internal import Telemetry

/// `label_replace`: where the expression matches the whole source value, the destination becomes the expanded template;
/// an empty result deletes the label, no match leaves the series as it is.
package func labelReplace(
    _ input: StepMatrix, destination: String, replacement: String, source: String, pattern: String
) throws(VectorError) -> StepMatrix {
    let expression: Pattern
    do {
        expression = try Pattern(pattern, options: [.dotMatchesNewline])
    } catch {
        throw .badRegularExpression("invalid regular expression in label_replace(): \(pattern)")
    }
    guard isValidLabelName(destination) else {
        throw .other("invalid destination label name in label_replace(): \(destination)")
    }
    var output = input
    for at in output.series.indices {
        let labels = output.series[at].labels
        let value = labels.valueRange(of: source).map { labels.bytes[$0] } ?? []
        guard let match = expression.wholeMatch(in: value) else { continue }
        let expanded = expression.expand(replacement, match, in: value)
        output.series[at].labels = labels.setting(destination, to: String(decoding: expanded, as: UTF8.self))
        if destination == "__name__" { output.series[at].dropsName = false }
    }
    try output.mergeEqualLabels()
    return output
}

/// `label_join`: the source values, absent ones as empty text, joined by the separator.
package func labelJoin(
    _ input: StepMatrix, destination: String, separator: String, sources: [String]
) throws(VectorError) -> StepMatrix {
    for source in sources where !isValidLabelName(source) {
        throw .other("invalid source label name in label_join(): \(source)")
    }
    guard isValidLabelName(destination) else {
        throw .other("invalid destination label name in label_join(): \(destination)")
    }
    var output = input
    for at in output.series.indices {
        let labels = output.series[at].labels
        let joined = sources.map { labels[$0] ?? "" }.joined(separator: separator)
        output.series[at].labels = labels.setting(destination, to: joined)
        if destination == "__name__" { output.series[at].dropsName = false }
    }
    try output.mergeEqualLabels()
    return output
}
