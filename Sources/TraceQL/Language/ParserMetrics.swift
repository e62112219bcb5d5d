/// Metrics functions and what may follow them.
extension Parser {
    /// Nil where the next word is no metrics function.
    mutating func metricsFunction() throws(TraceQLError) -> MetricsFunction? {
        guard case .word(let word) = current.token, let kind = MetricsFunction.Kind(rawValue: word) else { return nil }
        try advance()
        var function = MetricsFunction(kind)
        try expect("(")
        switch kind {
        case .rate, .countOverTime: break
        case .minOverTime, .maxOverTime, .sumOverTime, .avgOverTime, .histogramOverTime:
            function.field = try fieldReference()
        case .quantileOverTime:
            function.field = try fieldReference()
            repeat {
                try expect(",")
                function.quantiles.append(try quantile())
            } while isSymbol(",")
        case .compare:
            try expect("{")
            function.selection = isSymbol("}") ? .literal(.bool(true)) : try field(0)
            try expect("}")
            try compareArguments(&function)
        }
        try expect(")")
        if takeWord("by") { function.by = try fieldList() }
        return function
    }

    private mutating func quantile() throws(TraceQLError) -> Double {
        switch current.token {
        case .int(let number):
            try advance()
            return Double(number)
        case .float(let number):
            try advance()
            return number
        default: throw unexpected()
        }
    }

    private mutating func compareArguments(_ function: inout MetricsFunction) throws(TraceQLError) {
        guard try takeSymbol(",") else { return }
        function.topN = Int(truncatingIfNeeded: try integer())
        guard try takeSymbol(",") else { return }
        function.selectionStart = try integer()
        try expect(",")
        function.selectionEnd = try integer()
    }

    private mutating func integer() throws(TraceQLError) -> Int64 {
        guard case .int(let number) = current.token else { throw unexpected(expecting: "INTEGER") }
        try advance()
        return number
    }

    /// `| topk(5)`, `> 3`, in the order written.
    mutating func metricsTail(_ first: MetricsExpression) throws(TraceQLError) -> Node {
        var out = first
        while true {
            if case .symbol(let symbol) = current.token, let comparison = FieldOperator(rawValue: symbol),
                comparison.isOrdering || comparison == .equal || comparison == .notEqual
            {
                try countOperator()
                try advance()
                out = .filter(out, comparison, try filterValue())
                continue
            }
            guard try takeSymbol("|") else { return .metrics(out) }
            try countOperator()
            guard case .word(let word) = current.token, word == "topk" || word == "bottomk" else { throw unexpected() }
            try advance()
            try expect("(")
            let count = Int(truncatingIfNeeded: try integer())
            try expect(")")
            out = word == "topk" ? .top(count, out) : .bottom(count, out)
        }
    }

    private mutating func filterValue() throws(TraceQLError) -> Static {
        let negative = try takeSymbol("-")
        let value: Static
        switch current.token {
        case .int(let number): value = .int(number)
        case .float(let number): value = .float(number)
        case .duration(let nanoseconds): value = .duration(nanoseconds)
        default: throw unexpected()
        }
        try advance()
        return negative ? Arithmetic.negated(value) ?? value : value
    }
}
