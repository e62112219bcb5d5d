/// What is done with finished series: `topk`, filters and arithmetic.
enum MetricsOperators {
    /// Per step the `count` greatest (or least); ties by label text.
    static func top(_ count: Int, _ input: [TraceMetricSeries], greatest: Bool, steps: Int) -> [TraceMetricSeries] {
        var out = input
        let order = input.indices.sorted { input[$0].sortKey < input[$1].sortKey }
        for step in 0..<steps {
            let present = order.filter { !input[$0].values[step].isNaN }
            guard present.count > count else { continue }
            let rank = Dictionary(uniqueKeysWithValues: present.enumerated().map { ($1, $0) })
            let best = present.sorted { a, b in
                let x = input[a].values[step]
                let y = input[b].values[step]
                if x != y { return greatest ? x > y : x < y }
                return rank[a] ?? 0 < rank[b] ?? 0
            }
            for series in best.dropFirst(count) { out[series].values[step] = .nan }
        }
        return out.filter(\.hasValue)
    }

    static func filter(_ input: [TraceMetricSeries], _ comparison: FieldOperator, _ value: Static)
        -> [TraceMetricSeries]
    {
        guard let bound = value.asMetricValue else { return [] }
        return input.compactMap { series in
            var kept = series
            kept.values = series.values.map { number in
                let holds =
                    switch comparison {
                    case .equal: number == bound
                    case .notEqual: number != bound
                    case .less: number < bound
                    case .lessOrEqual: number <= bound
                    case .greater: number > bound
                    case .greaterOrEqual: number >= bound
                    default: false
                    }
                return holds ? number : .nan
            }
            return kept.hasValue ? kept : nil
        }
    }

    /// A side without labels goes with every series of the other.
    static func combine(
        _ operation: FieldOperator, _ left: [TraceMetricSeries], _ right: [TraceMetricSeries]
    ) -> [TraceMetricSeries] {
        if left.count == 1, left[0].identity.isEmpty {
            return right.map { join(operation, left[0].values, $0.values, labels: $0.labels) }
        }
        if right.count == 1, right[0].identity.isEmpty {
            return left.map { join(operation, $0.values, right[0].values, labels: $0.labels) }
        }
        var partners: [Set<TraceMetricLabel>: TraceMetricSeries] = [:]
        for series in right { partners[Set(series.identity)] = series }
        return left.compactMap { series in
            partners[Set(series.identity)].map { join(operation, series.values, $0.values, labels: series.labels) }
        }
    }

    static func scale(
        _ operation: FieldOperator, _ series: [TraceMetricSeries], _ number: Double, numberFirst: Bool
    ) -> [TraceMetricSeries] {
        series.map { one in
            var out = one
            out.values = one.values.map { numberFirst ? apply(operation, number, $0) : apply(operation, $0, number) }
            return out
        }
    }

    static func apply(_ operation: FieldOperator, _ a: Double, _ b: Double) -> Double {
        switch operation {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: b == 0 ? .nan : a / b
        default: .nan
        }
    }

    private static func join(
        _ operation: FieldOperator, _ a: [Double], _ b: [Double], labels: [TraceMetricLabel]
    ) -> TraceMetricSeries {
        TraceMetricSeries(labels: labels, values: zip(a, b).map { apply(operation, $0, $1) })
    }
}
