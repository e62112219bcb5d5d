internal import Storage
internal import Telemetry
internal import Vectors

extension Evaluator {
    mutating func evaluate(_ call: FunctionCall, _ expression: Expression, _ grid: StepGrid) throws -> Value {
        let name = call.function.name
        let arguments = call.arguments
        if let function = RangeFunction(rawValue: name) { return .vector(try evaluate(function, call, grid)) }
        if let function = ElementFunction(rawValue: name) {
            return .vector(try map(function, arguments[0], grid))
        }
        if let part = DatePart(rawValue: name) { return .vector(try date(part, arguments, grid)) }
        switch name {
        case "time": return .scalar(seconds(of: grid))
        case "pi": return .scalar([Double](repeating: .pi, count: grid.count))
        case "start", "end", "step", "range":
            let milliseconds =
                switch name {
                case "start": setting.start
                case "end": setting.end
                case "step": setting.step
                default: setting.end &- setting.start
                }
            return .scalar([Double](repeating: Double(milliseconds) / 1000, count: grid.count))
        case "min_of", "max_of":
            let a = try scalar(arguments[0], grid)
            let b = try scalar(arguments[1], grid)
            let least = name == "min_of"
            return .scalar(zip(a, b).map { least ? Elementary.smaller($0, $1) : Elementary.larger($0, $1) })
        case "scalar": return .scalar(try toScalar(arguments[0], grid))
        case "vector":
            let numbers = try scalar(arguments[0], grid)
            let series = StepSeries(
                labels: .empty, values: numbers, present: [Bool](repeating: true, count: numbers.count))
            return .vector(StepMatrix(grid: grid, series: [series]))
        case "absent", "absent_over_time": return .vector(try absent(call, grid))
        case "timestamp": return .vector(try timestamp(arguments[0], grid))
        case "start_timestamp": return .vector(try startTimestamp(arguments[0], grid))
        case "round", "clamp", "clamp_min", "clamp_max": return .vector(try bounded(call, grid))
        case "sort", "sort_desc", "sort_by_label", "sort_by_label_desc":
            return .vector(try sorted(call, expression, grid))
        case "label_replace":
            return .vector(
                try labelReplace(
                    try vector(arguments[0], grid), destination: try string(arguments[1]),
                    replacement: try string(arguments[2]), source: try string(arguments[3]),
                    pattern: try string(arguments[4])))
        case "label_join":
            return .vector(
                try labelJoin(
                    try vector(arguments[0], grid), destination: try string(arguments[1]),
                    separator: try string(arguments[2]), sources: try arguments.dropFirst(3).map { try string($0) }))
        case "info": return .vector(try info(call, expression, grid))
        default: return .vector(try histogramFunction(call, grid))
        }
    }

    private mutating func evaluate(_ function: RangeFunction, _ call: FunctionCall, _ grid: StepGrid) throws
        -> StepMatrix
    {
        var parameters: [[Double]] = []
        var argument = call.arguments[0]
        for written in call.arguments {
            if written.type == .matrix { argument = written } else { parameters.append(try scalar(written, grid)) }
        }
        if function == .doubleExponentialSmoothing {
            if let bad = parameters[0].first(where: { $0 <= 0 || $0 >= 1 }) {
                throw PromQLError.evaluation(
                    "invalid smoothing factor. Expected: 0 < sf < 1, got: \(NumberSyntax.fixed(bad))")
            }
            if let bad = parameters[1].first(where: { $0 <= 0 || $0 >= 1 }) {
                throw PromQLError.evaluation(
                    "invalid trend factor. Expected: 0 < tf < 1, got: \(NumberSyntax.fixed(bad))")
            }
        }
        if case .matrix(let selector, _) = argument.unwrapped.node, let kind = selector.rangeExtension {
            let fits =
                switch function {
                case .rate, .increase, .delta: true
                case .resets, .changes: kind == .anchored
                default: false
                }
            guard fits else {
                throw PromQLError.evaluation(
                    "\(kind.rawValue) modifier can only be used with: "
                        + (kind == .anchored ? "changes, delta, increase, rate, resets" : "delta, increase, rate")
                        + " - not with \(function.rawValue)")
            }
        }
        let output = try evaluate(function, argument, parameters, grid)
        if function == .quantileOverTime, let ranks = parameters.first {
            var found = Annotations()
            for (i, rank) in ranks.enumerated()
            where !(rank >= 0 && rank <= 1) && output.series.contains(where: { $0.present[i] }) {
                found.warn(AnnotationText.invalidQuantile(rank))
            }
            note(found, at: call.arguments[0].range)
        }
        return output
    }

    func seconds(of grid: StepGrid) -> [Double] {
        (0..<grid.count).map { Double(grid.timestamp(at: $0)) / 1000 }
    }

    private mutating func map(_ function: ElementFunction, _ argument: Expression, _ grid: StepGrid) throws
        -> StepMatrix
    {
        var matrix = try vector(argument, grid)
        let apply = function.function
        for at in matrix.series.indices {
            removeHistograms(&matrix.series[at])
            for i in matrix.series[at].values.indices where matrix.series[at].present[i] {
                matrix.series[at].values[i] = apply(matrix.series[at].values[i])
            }
            matrix.series[at].dropName(setting.names)
        }
        return try settled(matrix)
    }

    /// Functions of floats leave histograms out.
    func removeHistograms(_ series: inout StepSeries) {
        guard let histograms = series.histograms else { return }
        for i in histograms.indices where histograms[i] != nil { series.present[i] = false }
        series.histograms = nil
    }

    func settled(_ input: StepMatrix) throws(VectorError) -> StepMatrix {
        var matrix = input
        matrix.removeEmptySeries()
        if setting.names == .eager { try matrix.mergeEqualLabels() }
        return matrix
    }

    private mutating func bounded(_ call: FunctionCall, _ grid: StepGrid) throws -> StepMatrix {
        var matrix = try vector(call.arguments[0], grid)
        var numbers: [[Double]] = []
        for argument in call.arguments.dropFirst() { numbers.append(try scalar(argument, grid)) }
        let name = call.function.name
        for at in matrix.series.indices {
            removeHistograms(&matrix.series[at])
            for i in 0..<grid.count where matrix.series[at].present[i] {
                let value = matrix.series[at].values[i]
                switch name {
                case "clamp":
                    let (low, high) = (numbers[0][i], numbers[1][i])
                    if low > high { matrix.series[at].remove(at: i) }
                    matrix.series[at].values[i] = Elementary.larger(low, Elementary.smaller(high, value))
                case "clamp_min": matrix.series[at].values[i] = Elementary.larger(numbers[0][i], value)
                case "clamp_max": matrix.series[at].values[i] = Elementary.smaller(numbers[0][i], value)
                default:
                    // Through the inverse, which is exact for 0.1, 0.01 and their like where the step is not.
                    let inverse = 1 / (numbers.first.map { $0[i] } ?? 1)
                    matrix.series[at].values[i] = (value * inverse + 0.5).rounded(.down) / inverse
                }
            }
            matrix.series[at].dropName(setting.names)
        }
        return try settled(matrix)
    }

    private mutating func toScalar(_ argument: Expression, _ grid: StepGrid) throws -> [Double] {
        let matrix = try vector(argument, grid)
        var counts = [Int](repeating: 0, count: grid.count)
        var numbers = [Double](repeating: .nan, count: grid.count)
        for series in matrix.series {
            for i in 0..<grid.count where series.present[i] && series.histogram(at: i) == nil {
                counts[i] += 1
                numbers[i] = series.values[i]
            }
        }
        for i in 0..<grid.count where counts[i] != 1 { numbers[i] = .nan }
        return numbers
    }

    private mutating func absent(_ call: FunctionCall, _ grid: StepGrid) throws -> StepMatrix {
        let argument = call.arguments[0]
        var missing = [Bool](repeating: true, count: grid.count)
        if call.function.name == "absent" {
            for series in try vector(argument, grid).series {
                for i in 0..<grid.count where series.present[i] { missing[i] = false }
            }
        } else {
            let present = try evaluate(.presentOverTime, argument, [], grid)
            for series in present.series { for i in 0..<grid.count where series.present[i] { missing[i] = false } }
        }
        let series = StepSeries(
            labels: absentLabels(argument), values: [Double](repeating: 1, count: grid.count), present: missing)
        return StepMatrix(grid: grid, series: series.isEmpty ? [] : [series])
    }

    /// What equality matchers say. Of several matchers of one label only a single equality that comes last counts, as in
    /// Prometheus.
    private func absentLabels(_ expression: Expression) -> LabelSet {
        let matchers: [Matcher]
        switch expression.unwrapped.node {
        case .vector(let selector), .matrix(let selector, _): matchers = selector.allMatchers
        default: return .empty
        }
        var labels: [String: String] = [:]
        var seen: Set<String> = []
        for matcher in matchers where matcher.name != "__name__" {
            if matcher.operation == .equal, seen.insert(matcher.name).inserted {
                labels[matcher.name] = matcher.value
            } else {
                labels[matcher.name] = nil
            }
        }
        return LabelSet(labels)
    }

    private mutating func timestamp(_ argument: Expression, _ grid: StepGrid) throws -> StepMatrix {
        var matrix: StepMatrix
        if case .vector(let written) = argument.unwrapped.node {
            let selector = written.forTimestamp
            let selection = try select(selector, grid, wantsTimes: true)
            matrix = selection.matrix
            for at in matrix.series.indices {
                for i in 0..<grid.count { matrix.series[at].values[i] = Double(selection.times[at][i]) / 1000 }
            }
        } else {
            matrix = try vector(argument, grid)
            let times = seconds(of: grid)
            for at in matrix.series.indices { matrix.series[at].values = times }
        }
        for at in matrix.series.indices {
            matrix.series[at].histograms = nil
            matrix.series[at].dropName(setting.names)
        }
        return try settled(matrix)
    }

    private mutating func sorted(_ call: FunctionCall, _ expression: Expression, _ grid: StepGrid) throws -> StepMatrix
    {
        var matrix = try vector(call.arguments[0], grid)
        let name = call.function.name
        if setting.isRange {
            if name == "sort" || name == "sort_desc" {
                for at in matrix.series.indices { removeHistograms(&matrix.series[at]) }
            }
            var found = Annotations()
            found.warn(
                "PromQL warning: sort is ineffective for range queries since results are always ordered by labels")
            if grid.count > 1 { note(found, at: expression.range) }
            return matrix
        }
        if name == "sort" || name == "sort_desc" {
            for at in matrix.series.indices { removeHistograms(&matrix.series[at]) }
            matrix.removeEmptySeries()
            return sortByValue(matrix, descending: name == "sort_desc")
        }
        let labels = try call.arguments.dropFirst().map { try string($0) }
        return sortByLabels(matrix, names: labels, descending: name == "sort_by_label_desc")
    }
}
