internal import Telemetry
internal import Vectors

extension Evaluator {
    mutating func histogramFunction(_ call: FunctionCall, _ grid: StepGrid) throws -> StepMatrix {
        let arguments = call.arguments
        switch call.function.name {
        case "histogram_count": return try histogramPart(arguments[0], grid, onlyCounts: true) { $0.count }
        case "histogram_sum": return try histogramPart(arguments[0], grid, onlyCounts: true) { $0.sum }
        case "histogram_avg": return try histogramPart(arguments[0], grid, onlyCounts: true) { $0.sum / $0.count }
        case "histogram_stdvar": return try histogramPart(arguments[0], grid) { $0.variance }
        case "histogram_stddev": return try histogramPart(arguments[0], grid) { $0.variance.squareRoot() }
        case "histogram_quantile":
            let ranks = try scalar(arguments[0], grid)
            let input = try vector(arguments[1], grid)
            return try quantile(ranks, input, at: arguments[0].range, input: arguments[1].range)
        case "histogram_fraction":
            let lower = try scalar(arguments[0], grid)
            let upper = try scalar(arguments[1], grid)
            let input = try vector(arguments[2], grid)
            var found = Annotations()
            let output = try histogramFraction(lower, upper, input, names: setting.names, annotations: &found)
            note(found, at: arguments[2].range)
            return output
        case "histogram_quantiles": return try quantiles(call, grid)
        default: throw PromQLError.evaluation("\(call.function.name) is not supported by this store")
        }
    }

    private mutating func histogramPart(
        _ argument: Expression, _ grid: StepGrid, onlyCounts: Bool = false, _ part: (NativeHistogram) -> Double
    ) throws -> StepMatrix {
        let outer = detectsResets
        detectsResets = onlyCounts
        defer { detectsResets = outer }
        let input = try vector(argument, grid)
        var output = StepMatrix(grid: grid)
        for series in input.series where series.histograms != nil {
            var out = StepSeries(labels: series.labels, count: grid.count, dropsName: series.dropsName)
            for i in 0..<grid.count {
                guard let histogram = series.histogram(at: i) else { continue }
                out.set(part(histogram), at: i)
            }
            out.dropName(setting.names)
            output.series.append(out)
        }
        return try settled(output)
    }

    private mutating func quantile(
        _ ranks: [Double], _ input: StepMatrix, at rankRange: SourceRange, input inputRange: SourceRange
    ) throws -> StepMatrix {
        var found = Annotations()
        let output = try histogramQuantile(ranks, input, names: setting.names, annotations: &found)
        var aboutRank = Annotations()
        var aboutInput = Annotations()
        for sentence in found.warnings {
            if sentence.hasPrefix("PromQL warning: quantile") {
                aboutRank.warn(sentence)
            } else {
                aboutInput.warn(sentence)
            }
        }
        for sentence in found.infos { aboutInput.inform(sentence) }
        note(aboutRank, at: rankRange)
        note(aboutInput, at: inputRange)
        return output
    }

    /// Several quantiles at once, told apart by a label.
    private mutating func quantiles(_ call: FunctionCall, _ grid: StepGrid) throws -> StepMatrix {
        let input = try vector(call.arguments[0], grid)
        let label = try string(call.arguments[1])
        guard isValidLabelName(label) else { throw VectorError.invalidLabelName(quoteGo(label)) }
        var output = StepMatrix(grid: grid)
        for argument in call.arguments.dropFirst(2) {
            let ranks = try scalar(argument, grid)
            let one = try quantile(ranks, input, at: argument.range, input: call.arguments[0].range)
            for series in one.series {
                for i in 0..<grid.count where series.present[i] {
                    var point = StepSeries(labels: series.labels, count: grid.count, dropsName: series.dropsName)
                    point.labels = series.labels.setting(label, to: formatValue(ranks[i]))
                    point.set(series.values[i], at: i)
                    output.series.append(point)
                }
            }
        }
        try output.mergeEqualLabels()
        return output
    }
}
