internal import Storage
internal import Telemetry
internal import Vectors

/// What an expression gives over a whole grid at once.
enum Value {
    /// One number for each point.
    case scalar([Double])
    case string(String)
    case vector(StepMatrix)

    var byteCount: Int {
        switch self {
        case .scalar(let numbers): numbers.count * 8
        case .string(let text): text.utf8.count
        case .vector(let matrix): matrix.byteCount
        }
    }
}

extension Expression {
    /// Whether the order of its elements means something.
    fileprivate var ranksElements: Bool {
        switch node {
        case .vector, .matrix, .subquery: false
        case .aggregate(let aggregation): aggregation.operation == .topk || aggregation.operation == .bottomk
        case .call(let call): RangeFunction(rawValue: call.function.name) == nil
        default: true
        }
    }
}

extension StepMatrix {
    /// Bytes held, about.
    var byteCount: Int {
        var bytes = series.count * 150
        for one in series {
            bytes += one.count * 9 + one.labels.bytes.count
            if let histograms = one.histograms { bytes += histograms.count * 200 }
        }
        return bytes
    }
}

/// Walks the tree once. Every node is evaluated for all points of the grid; samples are walked series by series.
struct Evaluator {
    let setting: QuerySetting
    let columns: [Int: [SeriesColumns]]
    let context: QueryContext
    /// Leaves, by the places that they stand at.
    let leaves: [Leaf.Place: LeafOutcome]
    var annotations = Annotations()
    /// Bytes charged for what the nodes have given so far and their parents hold.
    private var held = 0
    /// Inside `histogram_count` and its like, where only counts and sums are asked for, selectors look for counter
    /// resets between neighbouring samples themselves, as Prometheus' reader of such statistics does.
    var detectsResets = false

    init(
        setting: QuerySetting, columns: [Int: [SeriesColumns]], leaves: [Leaf.Place: LeafOutcome], context: QueryContext
    ) {
        self.setting = setting
        self.columns = columns
        self.leaves = leaves
        self.context = context
    }

    mutating func result(of expression: Expression, over grid: StepGrid) throws -> PromQLResult {
        let value: PromQLResult.Value
        if expression.type == .matrix {
            value = .samples(try samples(of: expression.unwrapped, over: grid))
        } else {
            switch try evaluate(expression, grid) {
            case .scalar(let numbers) where setting.isRange:
                let series = StepSeries(
                    labels: .empty, values: numbers, present: [Bool](repeating: true, count: numbers.count))
                value = .matrix(StepMatrix(grid: grid, series: grid.count > 0 ? [series] : []))
            case .scalar(let numbers): value = .scalar(numbers.first ?? .nan)
            case .string(let text): value = .string(text)
            case .vector(var matrix):
                try finish(&matrix)
                if !setting.isRange, !expression.unwrapped.ranksElements { matrix.sortByLabels() }
                value = setting.isRange ? .matrix(matrix) : .vector(matrix)
            }
        }
        return PromQLResult(
            value: value, time: grid.end, warnings: annotations.warnings, infos: annotations.infos)
    }

    private func finish(_ matrix: inout StepMatrix) throws(VectorError) {
        matrix.removeEmptySeries()
        if setting.names == .delayed {
            for at in matrix.series.indices where matrix.series[at].dropsName {
                matrix.series[at].labels = matrix.series[at].labels.droppingMetricIdentity
            }
            try matrix.mergeEqualLabels()
        } else {
            try matrix.checkDistinctLabels()
        }
        if setting.isRange { matrix.sortByLabels() }
    }

    /// A range vector on its own, at the grid's last point.
    private mutating func samples(of expression: Expression, over grid: StepGrid) throws -> [SeriesColumns] {
        let source = try rangeSource(expression, grid)
        let window = source.window(at: grid.end)
        var out: [SeriesColumns] = []
        for series in source.series {
            let labels = series.dropsName ? series.labels.droppingMetricIdentity : series.labels
            if let kind = source.rangeExtension {
                var cursor = WindowCursor()
                let seen = cursor.window(series, window.start, window.end, kind, setting.lookback)
                let (timestamps, values) = try series.extendedSamples(seen, kind)
                if !timestamps.isEmpty {
                    out.append(SeriesColumns(labels: labels, timestamps: timestamps, values: values))
                }
                continue
            }
            let floats = series.timestamps.indices.filter {
                series.timestamps[$0] > window.start && series.timestamps[$0] <= window.end
            }
            let histograms = series.histogramTimestamps.indices.filter {
                series.histogramTimestamps[$0] > window.start && series.histogramTimestamps[$0] <= window.end
            }
            if floats.isEmpty, histograms.isEmpty { continue }
            out.append(
                SeriesColumns(
                    labels: labels, timestamps: floats.map { series.timestamps[$0] },
                    values: floats.map { series.values[$0] },
                    histogramTimestamps: histograms.map { series.histogramTimestamps[$0] },
                    histograms: histograms.map { series.histograms[$0] }))
        }
        return out.sorted { $0.labels < $1.labels }
    }

    /// Takes over the sentences of an operation, with the place they are about.
    mutating func note(_ found: Annotations, at range: SourceRange) {
        guard !found.isEmpty else { return }
        annotations.merge(found, suffix: " (\(range.startText(in: setting.query)))")
    }

    // MARK: Nodes

    /// What the operands hold is given back when the node has its value, which is charged in their place.
    mutating func evaluate(_ expression: Expression, _ grid: StepGrid) throws -> Value {
        let before = held
        let value = try value(of: expression, grid)
        let bytes = value.byteCount
        try context.charge(memory: bytes)
        context.release(memory: held - before)
        held = before + bytes
        return value
    }

    private mutating func value(of expression: Expression, _ grid: StepGrid) throws -> Value {
        switch expression.node {
        case .number(let literal): return .scalar([Double](repeating: literal.value, count: grid.count))
        case .string(let text): return .string(text)
        case .vector(let selector):
            if let leaf = leaf(.selector, selector.range, grid, noteAt: selector.range) { return .vector(leaf) }
            return .vector(try select(selector, grid).matrix)
        case .parenthesized(let inner), .plus(let inner): return try evaluate(inner, grid)
        case .negated(let inner): return try negate(inner, grid)
        case .binary(let binary): return try evaluate(binary, expression, grid)
        case .aggregate(let aggregation): return .vector(try evaluate(aggregation, expression, grid))
        case .call(let call): return try evaluate(call, expression, grid)
        case .matrix, .subquery:
            throw PromQLError.evaluation("a range vector is no value by itself: \(expression)")
        }
    }

    /// What was worked out before the walk began.
    mutating func leaf(
        _ form: Leaf.Place.Form, _ range: SourceRange, _ grid: StepGrid, noteAt place: SourceRange
    ) -> StepMatrix? {
        guard let found = leaves[Leaf.Place(form: form, range: range, grid: grid)] else { return nil }
        note(found.annotations, at: place)
        return found.matrix
    }

    mutating func vector(_ expression: Expression, _ grid: StepGrid) throws -> StepMatrix {
        try context.check()
        guard case .vector(let matrix) = try evaluate(expression, grid) else {
            throw PromQLError.evaluation("expected an instant vector: \(expression)")
        }
        return matrix
    }

    mutating func scalar(_ expression: Expression, _ grid: StepGrid) throws -> [Double] {
        guard case .scalar(let numbers) = try evaluate(expression, grid) else {
            throw PromQLError.evaluation("expected a scalar: \(expression)")
        }
        return numbers
    }

    mutating func string(_ expression: Expression) throws -> String {
        guard case .string(let text) = expression.unwrapped.node else {
            throw PromQLError.evaluation("expected a string: \(expression)")
        }
        return text
    }

    private mutating func negate(_ inner: Expression, _ grid: StepGrid) throws -> Value {
        switch try evaluate(inner, grid) {
        case .scalar(let numbers): return .scalar(numbers.map { -$0 })
        case .string: throw PromQLError.evaluation("a string cannot be negated")
        case .vector(var matrix):
            for at in matrix.series.indices {
                for i in matrix.series[at].values.indices { matrix.series[at].values[i].negate() }
                matrix.series[at].histograms = matrix.series[at].histograms?.map { $0?.scaled(by: -1) }
                matrix.series[at].dropName(setting.names)
            }
            if setting.names == .eager { try matrix.mergeEqualLabels() }
            return .vector(matrix)
        }
    }

    private mutating func evaluate(
        _ binary: BinaryExpression, _ expression: Expression, _ grid: StepGrid
    ) throws -> Value {
        let left = try evaluate(binary.left, grid)
        let right = try evaluate(binary.right, grid)
        var found = Annotations()
        defer { note(found, at: expression.range) }
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)):
            guard !binary.operation.isTrim else {
                throw PromQLError.evaluation(
                    "operator \(quoteGo(binary.operation.rawValue)) not allowed for Scalar operations")
            }
            return .scalar(Vectors.binary(binary.operation, scalars: a, b))
        case (.vector(let a), .vector(let b)):
            return .vector(
                try Vectors.binary(
                    binary.operation, a, b, matching: binary.matching, returnBool: binary.returnBool,
                    names: setting.names, annotations: &found))
        case (.vector(let vector), .scalar(let numbers)):
            return .vector(
                try Vectors.binary(
                    binary.operation, vector, scalar: numbers, scalarOnLeft: false, returnBool: binary.returnBool,
                    names: setting.names, annotations: &found))
        case (.scalar(let numbers), .vector(let vector)):
            return .vector(
                try Vectors.binary(
                    binary.operation, vector, scalar: numbers, scalarOnLeft: true, returnBool: binary.returnBool,
                    names: setting.names, annotations: &found))
        default: throw PromQLError.evaluation("binary expression must contain only scalar and instant vector types")
        }
    }

    private mutating func evaluate(
        _ aggregation: Aggregation, _ expression: Expression, _ grid: StepGrid
    ) throws -> StepMatrix {
        var parameter = AggregationParameter.none
        var parameterRange = expression.range
        if let written = aggregation.parameter {
            if aggregation.operation == .countValues {
                let label = try string(written)
                guard isValidLabelName(label) else {
                    let literal = StringSyntax.quotedBytes(ofLiteralAt: written.unwrapped.range, in: setting.query)
                    throw PromQLError.evaluation("invalid label name \(literal)")
                }
                parameter = .label(label)
            } else {
                let numbers = try scalar(written, grid)
                if let bad = numbers.first(where: \.isNaN), bad.isNaN {
                    if aggregation.operation == .limitRatio { throw PromQLError.evaluation("Ratio value is NaN") }
                    if aggregation.operation != .quantile { throw VectorError.parameterNotANumber }
                }
                parameter = .scalars(numbers)
                parameterRange = written.range
            }
        }
        let inner = aggregation.inner.unwrapped
        var place = aggregation.inner.range
        if case .call(let call) = inner.node, let argument = call.arguments.first { place = argument.range }
        if let leaf = leaf(.aggregation, expression.range, grid, noteAt: place) { return leaf }
        let input = try vector(aggregation.inner, grid)
        var found = Annotations()
        let output = try aggregate(
            aggregation.operation, grouping: aggregation.grouping, parameter: parameter, input, annotations: &found)
        // What is about the parameter points there, the rest at the elements.
        var aboutParameter = Annotations()
        var aboutElements = Annotations()
        for sentence in found.warnings {
            if sentence.hasPrefix("PromQL warning: quantile") || sentence.hasPrefix("PromQL warning: ratio") {
                aboutParameter.warn(sentence)
            } else {
                aboutElements.warn(sentence)
            }
        }
        for sentence in found.infos { aboutElements.inform(sentence) }
        note(aboutParameter, at: parameterRange)
        note(aboutElements, at: aggregation.inner.range)
        return output
    }
}
