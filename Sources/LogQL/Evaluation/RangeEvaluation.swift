internal import Storage
internal import Telemetry
internal import Vectors

/// Scans once and adds every sample to its series and segment; no line is kept.
struct RangeEvaluation {
    private let request: RangeRequest
    private let grid: StepGrid
    private let windows: WindowPlan
    private let context: QueryContext
    private var record = Record()
    private var pipeline: LogPipeline
    private var unwrapFilters: [LabelTest] = []
    private var unwrapName = 0
    private let wanted: NameSet?
    private var keys: SeriesKeys
    private let store: Store

    /// How samples of a series are kept until the windows are known.
    private enum Store { case counts, summaries, values, distinct }

    /// By series: counts (and bytes) for each segment.
    private var counts: [[Double]] = []
    private var sizes: [[Double]] = []
    private var summaries: [SlidingSummaries] = []
    private var values: [[(segment: Int32, value: Double)]] = []
    /// Texts that are counted once each; `values` has their numbers.
    private var texts = ByteTable()

    /// - Parameters:
    ///   - start: nanoseconds of the first evaluation.
    ///   - step: nanoseconds.
    init(_ request: RangeRequest, grid: StepGrid, start: Int64, step: Int64, context: QueryContext) throws {
        self.request = request
        self.grid = grid
        self.context = context
        windows = WindowPlan(
            start: start, step: step, count: grid.count, range: request.range.range, offset: request.range.offset)
        if let needed = request.neededLabels { wanted = NameSet(needed, &record.names) } else { wanted = nil }
        pipeline = try LogPipeline(request.stages, names: &record.names, wanted: request.neededLabels)
        keys = SeriesKeys(request, record: &record)
        record.preservesErrors = request.preservesErrors
        if let unwrap = request.range.unwrap {
            unwrapName = record.names.id(unwrap.label)
            for filter in unwrap.filters { unwrapFilters.append(try LabelTest(filter, names: &record.names)) }
            store = request.operation == .quantile ? .values : request.operation == .absent ? .counts : .summaries
        } else if let counted = request.range.counted {
            unwrapName = record.names.id(counted)
            store = .distinct
        } else {
            store = .counts
        }
    }

    mutating func run(_ reader: any EventReader, pushesDown: Bool) async throws -> StepMatrix {
        guard windows.segmentCount > 0 else { return StepMatrix(grid: grid) }
        var logs = request.range.logs
        logs.stages = request.stages
        let planner = ScanPlanner(reader: reader, pushesDown: pushesDown)
        var plan = try await planner.plan(
            logs, range: TimeRange(start: windows.first, end: windows.end), needed: request.neededLabels,
            context: context)
        plan.order = store == .summaries ? .oldestFirst : .any
        var state = self
        let trailer = try await reader.scan(plan, context: context) { batch in
            try state.add(batch)
            return .goOn
        }
        self = state
        for warning in trailer.warnings { context.warn(warning) }
        return request.operation == .absent ? absences() : matrix()
    }

    private mutating func add(_ batch: EventBatch) throws {
        try context.check()
        var rows = RowSource(batch, names: &record.names, wanted: wanted)
        var segment = -1
        var added = 0
        for row in 0..<rows.count {
            let time = rows.timestamp(row)
            guard let at = windows.segment(of: time, hint: segment) else { continue }
            segment = at
            let line = rows.line(row)
            guard pipeline.prefilter(line) else { continue }
            record.begin(timestamp: time, line: line)
            rows.load(row, into: &record)
            guard pipeline.run(&record), let value = try sample() else { continue }
            try keep(value, at: time, segment: at)
            added += 1
        }
        try context.charge(samples: added)
        if store == .values || store == .distinct { try context.charge(memory: added * 16) }
    }

    /// The sample of the record; nil where it has none.
    private mutating func sample() throws -> Double? {
        var value = 0.0
        if store == .distinct {
            guard let text = record.value(unwrapName), !text.isEmpty else { return nil }
            let (id, isNew) = texts.insert(text)
            if isNew { try context.charge(memory: text.count + 48) }
            value = Double(id)
        }
        if let unwrap = request.range.unwrap {
            guard let text = record.value(unwrapName), !text.isEmpty else { return nil }
            if let converted = RangeEvaluation.convert(text, unwrap.conversion) {
                value = converted
            } else {
                record.fail("SampleExtractionErr", RangeEvaluation.failure(text, unwrap.conversion))
            }
            for i in unwrapFilters.indices where !unwrapFilters[i].keeps(&record) { return nil }
        }
        if !record.error.isEmpty {
            let preserved = record.value(record.preserveName).map { $0.elementsEqual("true".utf8) } ?? false
            if !preserved {
                throw LogQLError.pipeline(
                    error: record.error, details: record.errorDetails,
                    series: record.labelSet({ _ in true }, withError: true))
            }
        }
        return value
    }

    private static func convert(_ text: ArraySlice<UInt8>, _ conversion: Unwrap.Conversion) -> Double? {
        switch conversion {
        case .number: GoConversion.number(text)
        case .bytes: ByteCountText.parse(text).map { Double($0) }
        case .duration, .durationSeconds: GoConversion.duration(text).map { Double($0) / 1e9 }
        }
    }

    private static func failure(_ text: ArraySlice<UInt8>, _ conversion: Unwrap.Conversion) -> String {
        switch conversion {
        case .number: GoConversion.numberFailure(text)
        case .bytes: GoConversion.bytesFailure(text)
        case .duration, .durationSeconds: GoConversion.durationFailure(text)
        }
    }

    private mutating func keep(_ value: Double, at time: Int64, segment: Int) throws {
        let series = keys.series(of: record)
        switch store {
        case .counts:
            if series == counts.count {
                try context.charge(memory: windows.segmentCount * 16 + 256)
                counts.append([Double](repeating: 0, count: windows.segmentCount))
                sizes.append(measuresBytes ? counts[series] : [])
            }
            counts[series][segment] += 1
            if measuresBytes { sizes[series][segment] += Double(record.line.count) }
        case .summaries:
            if series == summaries.count {
                try context.charge(memory: 1024)
                summaries.append(SlidingSummaries())
            }
            summaries[series].add(value, at: time, segment: segment)
        case .values, .distinct:
            if series == values.count {
                try context.charge(memory: 256)
                values.append([])
            }
            values[series].append((Int32(truncatingIfNeeded: segment), value))
        }
    }

    private var measuresBytes: Bool { request.operation == .bytes || request.operation == .bytesRate }

    // MARK: Windows

    private func matrix() -> StepMatrix {
        var matrix = StepMatrix(grid: grid)
        matrix.series.reserveCapacity(keys.labels.count)
        for (series, labels) in keys.labels.enumerated() {
            var one = StepSeries(labels: labels, count: grid.count)
            switch store {
            case .counts: fill(&one, counts[series], sizes[series])
            case .summaries: fill(&one, summaries[series])
            case .values: fill(&one, values[series])
            case .distinct: fillDistinct(&one, values[series])
            }
            matrix.series.append(one)
        }
        matrix.removeEmptySeries()
        matrix.sortByLabels()
        return matrix
    }

    private func fill(_ one: inout StepSeries, _ counts: [Double], _ sizes: [Double]) {
        // Whole numbers below 2^53: prefix sums are exact.
        let countSums = RangeEvaluation.prefixSums(counts)
        let sums = measuresBytes ? RangeEvaluation.prefixSums(sizes) : countSums
        let isRate = request.operation == .rate || request.operation == .bytesRate
        let seconds = isRate ? Double(request.range.range) / 1e9 : 1
        for window in 0..<grid.count {
            let (low, high) = (windows.lower[window], windows.upper[window])
            guard countSums[high] > countSums[low] else { continue }
            one.set((sums[high] - sums[low]) / seconds, at: window)
        }
    }

    private static func prefixSums(_ values: [Double]) -> [Double] {
        var out = [Double](repeating: 0, count: values.count + 1)
        for i in values.indices { out[i + 1] = out[i] + values[i] }
        return out
    }

    private func fill(_ one: inout StepSeries, _ summaries: SlidingSummaries) {
        summaries.forEachWindow(windows) { window, summary in
            let end = windows.end(of: window)
            one.set(summary.result(request.operation, end: end, range: request.range.range), at: window)
        }
    }

    private func fill(_ one: inout StepSeries, _ values: [(segment: Int32, value: Double)]) {
        let sorted = values.sorted { $0.segment < $1.segment }
        var head = 0
        var tail = 0
        for window in 0..<grid.count {
            while tail < sorted.count, Int(sorted[tail].segment) < windows.upper[window] { tail += 1 }
            while head < tail, Int(sorted[head].segment) < windows.lower[window] { head += 1 }
            guard head < tail else { continue }
            var inside = sorted[head..<tail].map(\.value)
            one.set(quantile(request.parameter ?? .nan, &inside), at: window)
        }
    }

    private func fillDistinct(_ one: inout StepSeries, _ values: [(segment: Int32, value: Double)]) {
        let sorted = values.sorted { $0.segment < $1.segment }
        var times: [Double: Int] = [:]
        var head = 0
        var tail = 0
        for window in 0..<grid.count {
            while tail < sorted.count, Int(sorted[tail].segment) < windows.upper[window] {
                times[sorted[tail].value, default: 0] += 1
                tail += 1
            }
            while head < tail, Int(sorted[head].segment) < windows.lower[window] {
                let value = sorted[head].value
                let left = (times[value] ?? 1) - 1
                times[value] = left == 0 ? nil : left
                head += 1
            }
            if head < tail { one.set(Double(times.count), at: window) }
        }
    }

    /// 1 wherever nothing is; its labels are those that the selector pins to one value.
    private func absences() -> StepMatrix {
        let sums = RangeEvaluation.prefixSums(
            counts.first ?? [Double](repeating: 0, count: windows.segmentCount))
        var names: [String: Int] = [:]
        for matcher in request.range.logs.matchers { names[matcher.name, default: 0] += 1 }
        let pinned = request.range.logs.matchers.filter { $0.operation == .equal && names[$0.name] == 1 }
        var one = StepSeries(labels: LabelSet(pinned.map { Label($0.name, $0.value) }), count: grid.count)
        for window in 0..<grid.count where sums[windows.upper[window]] == sums[windows.lower[window]] {
            one.set(1, at: window)
        }
        return StepMatrix(grid: grid, series: one.isEmpty ? [] : [one])
    }
}
