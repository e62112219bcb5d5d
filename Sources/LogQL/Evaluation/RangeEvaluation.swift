internal import Storage
internal import Telemetry
internal import Vectors

/// Scans once and adds every sample to its series and segment; no line is kept. Where the store hands over blocks, each
/// core has an evaluation of its own, and they are merged.
struct RangeEvaluation: Sendable {
    let request: RangeRequest
    private let grid: StepGrid
    let windows: WindowPlan
    let context: QueryContext
    var record = Record()
    private var pipeline: LogPipeline
    private var unwrapFilters: [LabelTest] = []
    private var unwrapName = 0
    private let wanted: NameSet?
    var keys: SeriesKeys
    let store: Store
    let measuresBytes: Bool

    /// How samples of a series are kept until the windows are known.
    enum Store { case counts, summaries, values, distinct }

    /// By series: counts (and bytes) for each segment.
    private var counts: [[Double]] = []
    private var sizes: [[Double]] = []
    private var summaries: [SlidingSummaries] = []
    private var values: [[(segment: Int32, value: Double)]] = []
    /// Texts that are counted once each; `values` has their numbers.
    private var texts = ByteTable()
    /// Of summaries, where rows do not come in their order.
    private var unordered: [OrderedSample] = []
    /// Whether rows come block by block.
    var foldsBlocks = false
    /// What columns can tell of this request, and what is kept of it between blocks.
    var columns: ColumnReading?

    /// A sample that waits for those before it.
    struct OrderedSample: Sendable {
        var time: Int64
        var sequence: UInt64
        var value: Double
        var series: Int32
        var segment: Int32
    }

    /// The samples that wait are too many.
    struct TooManyWaiting: Error {}

    /// 64 MiB for each core.
    private static let maximumWaiting = 2 << 20

    /// - Parameters:
    ///   - start: nanoseconds of the first evaluation.
    ///   - step: nanoseconds.
    init(_ request: RangeRequest, grid: StepGrid, start: Int64, step: Int64, context: QueryContext) throws {
        let windows = WindowPlan(
            start: start, step: step, count: grid.count, range: request.range.range, offset: request.range.offset)
        try self.init(request, grid: grid, windows: windows, context: context)
    }

    private init(_ request: RangeRequest, grid: StepGrid, windows: WindowPlan, context: QueryContext) throws {
        self.request = request
        self.grid = grid
        self.context = context
        self.windows = windows
        measuresBytes = request.operation == .bytes || request.operation == .bytesRate
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
        if pushesDown, let matrix = try await fold(reader, plan) { return matrix }
        var state = self
        let trailer = try await reader.scan(plan, context: context) { batch in
            try state.add(batch)
            return .goOn
        }
        self = state
        for warning in trailer.warnings { context.warn(warning) }
        return request.operation == .absent ? absences() : matrix()
    }

    /// Block by block on all cores; nil where that cannot be done.
    private func fold(_ reader: any EventReader, _ plan: EventScanPlan) async throws -> StepMatrix? {
        let (request, grid, windows, context) = (request, grid, windows, context)
        let make: @Sendable () throws -> RangeEvaluation = {
            var evaluation = try RangeEvaluation(request, grid: grid, windows: windows, context: context)
            evaluation.foldsBlocks = true
            evaluation.columns = try ColumnReading(request)
            return evaluation
        }
        let projection = plan.projection
        let fold: EventFold<RangeEvaluation>?
        do {
            fold = try await reader.fold(plan, context: context, from: make) { evaluation, block in
                try evaluation.add(block, projection)
            }
        } catch is TooManyWaiting { return nil }
        guard let fold else { return nil }
        for warning in fold.trailer.warnings { context.warn(warning) }
        var whole = try make()
        for (i, partial) in fold.partials.enumerated() {
            if i == 0 { whole = partial } else { try whole.merge(partial) }
        }
        whole.orderSamples()
        return request.operation == .absent ? whole.absences() : whole.matrix()
    }

    mutating func add(_ batch: EventBatch) throws {
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
            try keep(value, at: time, sequence: batch.sequences[row], segment: at)
            added += 1
        }
        try noteSamples(added)
    }

    func noteSamples(_ added: Int) throws {
        try context.charge(samples: added)
        if store == .values || store == .distinct { try context.charge(memory: added * 16) }
        if store == .summaries, foldsBlocks { try context.charge(memory: added * 32) }
    }

    /// The sample of the record; nil where it has none.
    private mutating func sample() throws -> Double? {
        var value = 0.0
        if store == .distinct {
            guard let text = record.value(unwrapName), !text.isEmpty else { return nil }
            value = try number(of: text)
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

    /// Of a text that is counted once.
    mutating func number(of text: ArraySlice<UInt8>) throws -> Double {
        let (id, isNew) = texts.insert(text)
        if isNew { try context.charge(memory: text.count + 48) }
        return Double(id)
    }

    static func convert(_ text: ArraySlice<UInt8>, _ conversion: Unwrap.Conversion) -> Double? {
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

    private mutating func keep(_ value: Double, at time: Int64, sequence: UInt64, segment: Int) throws {
        let series = keys.series(of: record)
        try prepare(series)
        switch store {
        case .counts: add(1, bytes: record.line.count, to: series, segment)
        default: try add(value, at: time, sequence: sequence, to: series, segment)
        }
    }

    /// Room for a series that may be new.
    mutating func prepare(_ series: Int) throws {
        switch store {
        case .counts:
            while counts.count <= series {
                try context.charge(memory: windows.segmentCount * 16 + 256)
                counts.append([Double](repeating: 0, count: windows.segmentCount))
                sizes.append(measuresBytes ? counts[counts.count - 1] : [])
            }
        case .summaries:
            while summaries.count <= series {
                try context.charge(memory: 1024)
                summaries.append(SlidingSummaries())
            }
        case .values, .distinct:
            while values.count <= series {
                try context.charge(memory: 256)
                values.append([])
            }
        }
    }

    /// Counts rows of a series that is there.
    mutating func add(_ rows: Int, bytes: Int, to series: Int, _ segment: Int) {
        counts[series][segment] += Double(rows)
        if measuresBytes { sizes[series][segment] += Double(bytes) }
    }

    /// A sample of a series that is there.
    mutating func add(_ value: Double, at time: Int64, sequence: UInt64, to series: Int, _ segment: Int) throws {
        switch store {
        case .counts: break
        case .summaries:
            if foldsBlocks {
                guard unordered.count < RangeEvaluation.maximumWaiting else { throw TooManyWaiting() }
                unordered.append(
                    OrderedSample(
                        time: time, sequence: sequence, value: value, series: Int32(truncatingIfNeeded: series),
                        segment: Int32(truncatingIfNeeded: segment)))
            } else {
                summaries[series].add(value, at: time, segment: segment)
            }
        case .values, .distinct: values[series].append((Int32(truncatingIfNeeded: segment), value))
        }
    }

    // MARK: Partial evaluations

    private mutating func merge(_ other: RangeEvaluation) throws {
        var numbers: [Int32] = []
        for labels in other.keys.labels {
            let series = keys.series(with: labels)
            try prepare(series)
            numbers.append(Int32(truncatingIfNeeded: series))
        }
        for (i, number) in numbers.enumerated() {
            let series = Int(number)
            if i < other.counts.count {
                for (segment, rows) in other.counts[i].enumerated() { counts[series][segment] += rows }
                if measuresBytes {
                    for (segment, bytes) in other.sizes[i].enumerated() { sizes[series][segment] += bytes }
                }
            }
            guard i < other.values.count else { continue }
            if store == .distinct {
                for (segment, value) in other.values[i] {
                    values[series].append((segment, try self.number(of: other.texts.value(Int(value)))))
                }
            } else {
                values[series] += other.values[i]
            }
        }
        unordered.reserveCapacity(unordered.count + other.unordered.count)
        for var sample in other.unordered {
            sample.series = numbers[Int(sample.series)]
            unordered.append(sample)
        }
    }

    /// What waited, in the order of its rows.
    private mutating func orderSamples() {
        unordered.sort { $0.time == $1.time ? $0.sequence < $1.sequence : $0.time < $1.time }
        for sample in unordered {
            summaries[Int(sample.series)].add(sample.value, at: sample.time, segment: Int(sample.segment))
        }
        unordered = []
    }


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
