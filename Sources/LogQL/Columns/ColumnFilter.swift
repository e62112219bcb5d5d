internal import Storage

/// A label filter over columns: decided once for each value that a block has.
indirect enum ColumnFilter: Sendable {
    case and(ColumnFilter, ColumnFilter)
    case or(ColumnFilter, ColumnFilter)
    case test(name: Int, ColumnTest)
}

enum ColumnTest: Sendable {
    case text(TextTest)
    case number(Comparison, Double)
    case duration(Comparison, Int64)
    case bytes(Comparison, UInt64)

    enum Outcome {
        case fails, passes
        /// The value does not convert: the pipeline itself has to say what becomes of the line.
        case unknown
    }

    /// nil: the label is not there. As ``LabelTest`` decides.
    mutating func outcome(_ value: ArraySlice<UInt8>?) -> Outcome {
        switch self {
        case .text(var test):
            // Taken out and put back, so that the automaton stays unshared.
            self = .number(.equal, 0)
            defer { self = .text(test) }
            return test.holds(value ?? []) ? .passes : .fails
        case .number(let comparison, let wanted):
            guard let value else { return .fails }
            guard let number = GoConversion.number(value) else { return .unknown }
            return comparison.holds(number, wanted) ? .passes : .fails
        case .duration(let comparison, let wanted):
            guard let value else { return .fails }
            guard let duration = GoConversion.duration(value) else { return .unknown }
            return comparison.holds(duration, wanted) ? .passes : .fails
        case .bytes(let comparison, let wanted):
            guard let value else { return .fails }
            guard let bytes = ByteCountText.parse(value) else { return .unknown }
            return comparison.holds(bytes, wanted) ? .passes : .fails
        }
    }
}

/// Rows of a block on their way through a pipeline.
struct ColumnRows {
    /// Still there, and known.
    var passing: RowMask
    /// The pipeline itself has to look at them.
    var unknown: RowMask

    mutating func setAside(_ rows: RowMask) {
        var rows = rows
        rows.formIntersection(passing)
        passing.subtract(rows)
        unknown.formUnion(rows)
    }

    /// Rows whose value of a label the pipeline has to find.
    mutating func setAsideUnknown(_ column: LabelColumn) {
        guard let codes = column.codes, codes.contains(LabelColumn.unknown) else { return }
        var rows = RowMask(count: passing.count, all: false)
        passing.forEach { if codes[$0] == LabelColumn.unknown { rows[$0] = true } }
        setAside(rows)
    }

    /// Keeps the rows that pass.
    mutating func apply(_ filter: ColumnFilter, _ labels: BlockLabels) throws {
        let (passes, isUnknown) = try decide(filter, labels, passing)
        setAside(isUnknown)
        passing.formIntersection(passes)
    }

    /// Both among `rows`. What is unknown in any part is unknown.
    private func decide(
        _ filter: ColumnFilter, _ labels: BlockLabels, _ rows: RowMask
    ) throws -> (passes: RowMask, isUnknown: RowMask) {
        switch filter {
        case .and(let a, let b):
            // Both sides are asked: a value that does not convert on the right is an error of the line.
            var left = try decide(a, labels, rows)
            let right = try decide(b, labels, rows)
            left.passes.formIntersection(right.passes)
            left.isUnknown.formUnion(right.isUnknown)
            return left
        case .or(let a, let b):
            var left = try decide(a, labels, rows)
            var rest = rows
            rest.subtract(left.passes)
            if rest.isEmpty { return left }
            let right = try decide(b, labels, rest)
            left.passes.formUnion(right.passes)
            left.isUnknown.formUnion(right.isUnknown)
            return left
        case .test(let name, let test): return try decide(test, try labels.column(name), rows)
        }
    }

    private func decide(
        _ test: ColumnTest, _ column: LabelColumn, _ rows: RowMask
    ) throws -> (passes: RowMask, isUnknown: RowMask) {
        var test = test
        let none = RowMask(count: rows.count, all: false)
        func whole(_ outcome: ColumnTest.Outcome) -> (passes: RowMask, isUnknown: RowMask) {
            switch outcome {
            case .fails: (none, none)
            case .passes: (rows, none)
            case .unknown: (none, rows)
            }
        }
        guard let codes = column.codes else {
            return whole(test.outcome(column.count == 0 ? nil : column.value(0)))
        }
        let absent = test.outcome(nil)
        var known = [ColumnTest.Outcome?](repeating: nil, count: column.count)
        var out = (passes: none, isUnknown: none)
        rows.forEach { row in
            let code = Int(codes[row])
            let outcome: ColumnTest.Outcome
            if code >= 0 {
                if let seen = known[code] {
                    outcome = seen
                } else {
                    outcome = test.outcome(column.value(code))
                    known[code] = outcome
                }
            } else {
                outcome = code == LabelColumn.unknown ? .unknown : absent
            }
            switch outcome {
            case .fails: break
            case .passes: out.passes[row] = true
            case .unknown: out.isUnknown[row] = true
            }
        }
        return out
    }
}
