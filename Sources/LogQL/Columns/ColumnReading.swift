internal import Storage
internal import Telemetry
internal import Vectors

/// A range aggregation as far as columns can tell it, and what is kept of blocks that were read.
struct ColumnReading: Sendable {
    /// How rows find their series.
    enum Key: Sendable {
        /// By these names of the plan.
        case labels([Int])
        /// By all labels of a row; only where nothing is parsed.
        case all
    }

    let plan: ColumnPlan
    let key: Key
    /// The name of the label that is unwrapped or counted.
    let measured: Int?
    /// Filters behind the unwrap.
    let filters: [ColumnFilter]
    /// Rows with errors are none of the answer.
    let dropsErrors: Bool
    var groups: GroupLabels
    var parsing: TemplateParsing
    /// Series of groups, where the key is all labels.
    var seriesOfGroup: [GroupLabels.Key: Int] = [:]

    /// nil where the request is not one for columns.
    init?(_ request: RangeRequest) throws {
        guard var plan = try ColumnPlan(all: request.stages) else { return nil }
        var filters: [ColumnFilter] = []
        var dropsErrors = false
        for filter in request.range.unwrap?.filters ?? [] {
            if ColumnPlan.asksForNoError(filter) {
                dropsErrors = true
            } else if let made = try plan.filter(filter) {
                filters.append(made)
            } else {
                return nil
            }
        }
        if let label = request.range.unwrap?.label ?? request.range.counted {
            guard let number = plan.number(of: label) else { return nil }
            measured = number
        } else {
            measured = nil
        }
        switch request.grouping {
        case .by(let names):
            var numbers: [Int] = []
            for name in names where name != request.removed {
                guard let number = plan.number(of: name) else { return nil }
                numbers.append(number)
            }
            key = .labels(numbers)
        default:
            guard plan.parsers.isEmpty, request.range.counted == nil else { return nil }
            key = .all
        }
        self.plan = plan
        self.filters = filters
        self.dropsErrors = dropsErrors
        groups = GroupLabels(plan)
        parsing = try TemplateParsing(plan)
    }
}

/// What of a block's rows belongs to which series, value and window.
private enum PerRow<T> {
    case same(T)
    case each([T])

    @inline(__always)
    subscript(row: Int) -> T {
        switch self {
        case .same(let value): value
        case .each(let values): values[row]
        }
    }
}

extension RangeEvaluation {
    /// The rows of a block: from its columns, and by parsing where these do not tell.
    mutating func add(_ block: any EventBlock, _ projection: EventScanPlan.Projection) throws {
        try context.check()
        guard var reading = columns else {
            return try add(try block.batch(of: block.passing, projection: projection))
        }
        columns = nil
        defer { columns = reading }
        var groups = GroupLabels(reading.plan)
        swap(&groups, &reading.groups)
        let labels = try BlockLabels(block, reading.plan, groups, &reading.parsing)
        groups = GroupLabels(reading.plan)
        defer { reading.groups = labels.takeGroups() }
        var rows = ColumnRows(passing: block.passing, unknown: RowMask(count: block.rowCount, all: false))
        rows.setAside(labels.unknown)
        var errors = try rows.run(reading.plan, labels)
        for filter in reading.filters { try rows.apply(filter, labels) }
        if reading.dropsErrors { rows.passing.subtract(errors) }
        errors.formIntersection(rows.passing)
        rows.setAside(errors)
        try addKnown(&rows, block, labels, &reading)
        if !rows.unknown.isEmpty { try add(try block.batch(of: rows.unknown, projection: projection)) }
    }

    private mutating func addKnown(
        _ rows: inout ColumnRows, _ block: any EventBlock, _ labels: BlockLabels, _ reading: inout ColumnReading
    ) throws {
        if case .labels(let numbers) = reading.key {
            for number in numbers { rows.setAsideUnknown(try labels.column(number)) }
        }
        if rows.passing.isEmpty { return }
        var values: [Double] = []
        var valueOfRow: [Int32]?
        if let measured = reading.measured {
            let column = try labels.column(measured)
            let codes = try measure(column, &rows, &values)
            valueOfRow = codes
            if rows.passing.isEmpty { return }
        }
        let segments = try windows.segments(block, &rows)
        if rows.passing.isEmpty { return }
        let series: PerRow<Int32>
        switch reading.key {
        case .labels(let numbers): series = try self.series(numbers, labels, rows.passing)
        case .all:
            guard let found = try seriesOfAllLabels(block, rows.passing, &reading) else {
                rows.setAside(rows.passing)
                return
            }
            series = found
        }
        let added = rows.passing.population
        if store == .counts {
            try count(block, rows.passing, segments, series, added)
        } else {
            let times = store == .summaries ? try block.times() : []
            let sequences = store == .summaries ? try block.sequences() : []
            try rows.passing.forEach { row in
                let code = valueOfRow.map { Int($0[row]) } ?? 0
                try add(
                    values[code], at: times.isEmpty ? 0 : times[row], sequence: sequences.isEmpty ? 0 : sequences[row],
                    to: Int(series[row]), Int(segments[row]))
            }
        }
        try noteSamples(added)
    }

    private mutating func count(
        _ block: any EventBlock, _ rows: RowMask, _ segments: PerRow<Int32>, _ series: PerRow<Int32>, _ added: Int
    ) throws {
        if case .same(let only) = series, case .same(let segment) = segments {
            var bytes = 0
            if measuresBytes {
                if block.isWhole, added == block.rowCount, let total = try block.totalLineBytes() {
                    bytes = total
                } else {
                    let lengths = try block.lineLengths()
                    rows.forEach { bytes &+= lengths[$0] }
                }
            }
            add(added, bytes: bytes, to: Int(only), Int(segment))
            return
        }
        let measuresBytes = measuresBytes
        let lengths = measuresBytes ? try block.lineLengths() : []
        // Neighbours mostly go to the same place.
        var (lastSeries, lastSegment): (Int32, Int32) = (-1, -1)
        var (run, bytes) = (0, 0)
        rows.forEach { row in
            let (one, segment) = (series[row], segments[row])
            if one != lastSeries || segment != lastSegment {
                if run > 0 { add(run, bytes: bytes, to: Int(lastSeries), Int(lastSegment)) }
                (lastSeries, lastSegment) = (one, segment)
                (run, bytes) = (0, 0)
            }
            run &+= 1
            if measuresBytes { bytes &+= lengths[row] }
        }
        if run > 0 { add(run, bytes: bytes, to: Int(lastSeries), Int(lastSegment)) }
    }

    /// The sample's value of each row that has one; other rows go.
    private mutating func measure(
        _ column: LabelColumn, _ rows: inout ColumnRows, _ values: inout [Double]
    ) throws -> [Int32] {
        enum State { case open, none, unknown, value }
        var states = [State](repeating: .open, count: column.count)
        values = [Double](repeating: 0, count: column.count)
        var codes = [Int32](repeating: 0, count: rows.passing.count)
        var gone = RowMask(count: rows.passing.count, all: false)
        var isUnknown = gone
        try rows.passing.forEach { row in
            let code = Int(column.code(row))
            guard code >= 0 else {
                if code == LabelColumn.unknown { isUnknown[row] = true } else { gone[row] = true }
                return
            }
            if states[code] == .open {
                let text = column.value(code)
                if text.isEmpty {
                    states[code] = .none
                } else if let unwrap = request.range.unwrap {
                    if let value = RangeEvaluation.convert(text, unwrap.conversion) {
                        values[code] = value
                        states[code] = .value
                    } else {
                        states[code] = .unknown
                    }
                } else {
                    values[code] = try number(of: text)
                    states[code] = .value
                }
            }
            codes[row] = Int32(truncatingIfNeeded: code)
            switch states[code] {
            case .value: break
            case .unknown: isUnknown[row] = true
            case .none, .open: gone[row] = true
            }
        }
        rows.passing.subtract(gone)
        rows.setAside(isUnknown)
        return codes
    }

    // MARK: Series

    private mutating func series(
        _ names: [Int], _ labels: BlockLabels, _ rows: RowMask
    ) throws -> PerRow<Int32> {
        let columns = try names.map { try labels.column($0) }
        if columns.allSatisfy({ $0.codes == nil }) {
            let codes = columns.map { $0.code(0) }
            return .same(try series(names, columns, codes, labels))
        }
        // One number for each combination of values.
        var places: [Int] = []
        var total = 1
        for column in columns {
            places.append(total)
            let (product, overflow) = total.multipliedReportingOverflow(by: column.count + 1)
            guard !overflow else { throw LogQLError.limit("too many combinations of values to group by") }
            total = product
        }
        var few = [Int32](repeating: -1, count: total <= 1 << 16 ? total : 0)
        var many: [Int: Int32] = [:]
        var out = [Int32](repeating: 0, count: rows.count)
        try rows.forEach { row in
            var combination = 0
            for (i, column) in columns.enumerated() { combination &+= (Int(column.code(row)) &+ 1) &* places[i] }
            let known = few.isEmpty ? many[combination] ?? -1 : few[combination]
            if known >= 0 {
                out[row] = known
                return
            }
            let made = try series(names, columns, columns.map { $0.code(row) }, labels)
            if few.isEmpty { many[combination] = made } else { few[combination] = made }
            out[row] = made
        }
        return .each(out)
    }

    private mutating func series(
        _ names: [Int], _ columns: [LabelColumn], _ codes: [Int32], _ labels: BlockLabels
    ) throws -> Int32 {
        record.begin(timestamp: 0, line: [])
        for (i, column) in columns.enumerated() where codes[i] >= 0 {
            record.addParsed(record.names.id(labels.plan.names[names[i]].text), column.value(Int(codes[i])))
        }
        let found = keys.series(of: record)
        try prepare(found)
        return Int32(truncatingIfNeeded: found)
    }

    /// By group and every column but the line; the labels of a combination are read from one of its rows. nil where
    /// nearly every row is a combination of its own.
    private mutating func seriesOfAllLabels(
        _ block: any EventBlock, _ rows: RowMask, _ reading: inout ColumnReading
    ) throws -> PerRow<Int32>? {
        let names = try block.columnNames().filter { $0 != EventColumnName.line }
        var columns: [EventBlockColumn] = []
        for name in names { if let column = try block.column(name) { columns.append(column) } }
        let groupOfRow = block.onlyGroup == nil ? try block.groupNumbers() : []
        var known: [[Int32]: Int32] = [:]
        var (last, lastSeries): ([Int32], Int32) = ([], -1)
        var out = [Int32](repeating: 0, count: rows.count)
        var (seen, isTooMany, isRemembered) = (0, false, false)
        try rows.forEach { row in
            seen += 1
            isTooMany = isTooMany || !columns.isEmpty && known.count > 64 && known.count * 2 > seen
            if isTooMany { return }
            let group = block.onlyGroup ?? groupOfRow[row]
            let key = GroupLabels.Key(source: block.source, group: group)
            if columns.isEmpty, let series = reading.seriesOfGroup[key] {
                out[row] = Int32(truncatingIfNeeded: series)
                isRemembered = true
                return
            }
            let combination = [Int32(bitPattern: group)] + columns.map { $0.codes[row] }
            if combination != last {
                last = combination
                if let found = known[combination] {
                    lastSeries = found
                } else {
                    lastSeries = try series(ofRow: row, block, names)
                    known[combination] = lastSeries
                    if columns.isEmpty { reading.seriesOfGroup[key] = Int(lastSeries) }
                }
            }
            out[row] = lastSeries
        }
        if isTooMany { return nil }
        if known.count == 1, !isRemembered, let only = known.values.first { return .same(only) }
        return .each(out)
    }

    private mutating func series(ofRow row: Int, _ block: any EventBlock, _ names: [String]) throws -> Int32 {
        var one = RowMask(count: block.rowCount, all: false)
        one[row] = true
        let batch = try block.batch(of: one, projection: .columns(Set(names)))
        var source = RowSource(batch, names: &record.names)
        record.begin(timestamp: 0, line: [])
        source.load(0, into: &record)
        let found = keys.series(of: record)
        try prepare(found)
        return Int32(truncatingIfNeeded: found)
    }
}

extension WindowPlan {
    /// The segment of each row; rows that no window holds go.
    fileprivate func segments(_ block: any EventBlock, _ rows: inout ColumnRows) throws -> PerRow<Int32> {
        if let first = segment(of: block.firstTime, hint: -1), segment(of: block.lastTime, hint: first) == first {
            return .same(Int32(truncatingIfNeeded: first))
        }
        let times = try block.times()
        var out = [Int32](repeating: 0, count: times.count)
        var gone: RowMask?
        var hint = -1
        rows.passing.forEach { row in
            if let segment = segment(of: times[row], hint: hint) {
                hint = segment
                out[row] = Int32(truncatingIfNeeded: segment)
            } else {
                if gone == nil { gone = RowMask(count: times.count, all: false) }
                gone?[row] = true
            }
        }
        if let gone { rows.passing.subtract(gone) }
        return .each(out)
    }
}

extension ColumnRows {
    /// Runs the steps of a plan; answers the rows whose error nobody has taken away.
    mutating func run(_ plan: ColumnPlan, _ labels: BlockLabels) throws -> RowMask {
        var parsers = 0
        var errors = RowMask(count: passing.count, all: false)
        for step in plan.steps {
            if passing.isEmpty { break }
            switch step {
            case .parse:
                parsers += 1
                errors.formUnion(labels.errors(of: parsers - 1))
            case .filter(let filter): try apply(filter, labels)
            case .forgetErrors: errors = RowMask(count: passing.count, all: false)
            case .dropErrors:
                passing.subtract(errors)
            }
        }
        return errors
    }
}
