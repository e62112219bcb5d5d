internal import Telemetry

/// `compare()`: how often each value of each attribute occurs among the selected spans, and among the others.
struct MetricsComparison {
    /// Values of one attribute that are kept apart before the rest is given up on.
    static let maximumValues = 10_000

    private struct Key: Hashable {
        var isSelection: Bool
        var field: FieldReference
    }

    private let function: MetricsFunction
    private let selection: CompiledField
    private let grid: TraceStepGrid
    private var values: [Key: [Static: [Double]]] = [:]
    private var totals: [Key: [Double]] = [:]
    private var overflowing: Set<Key> = []

    init(_ function: MetricsFunction, grid: TraceStepGrid) throws(TraceQLError) {
        self.function = function
        self.grid = grid
        selection = try CompiledField(function.selection ?? .literal(.bool(true)))
    }

    mutating func observe(_ span: TraceSpan, in trace: Trace?, at position: Int) throws(TraceQLError) {
        guard let step = grid.index(of: span.start) else { return }
        var isSelected = try selection.holds(span, in: trace, at: position)
        if function.selectionEnd != 0 {
            isSelected = isSelected && span.start >= function.selectionStart && span.start < function.selectionEnd
        }
        for attribute in span.attributes {
            add(FieldReference(scope: .span, name: attribute.key), Static(attribute.value), isSelected, step)
        }
        for attribute in span.origin.resource {
            add(FieldReference(scope: .resource, name: attribute.key), Static(attribute.value), isSelected, step)
        }
        for intrinsic in [Intrinsic.name, .kind, .status, .statusMessage] {
            let field = FieldReference(intrinsic)
            add(field, field.value(of: span, in: trace, at: position), isSelected, step)
        }
    }

    private mutating func add(_ field: FieldReference, _ value: Static, _ isSelection: Bool, _ step: Int) {
        let key = Key(isSelection: isSelection, field: field)
        totals[key, default: Array(repeating: 0, count: grid.count)][step] += 1
        guard !overflowing.contains(key) else { return }
        if values[key]?[value] == nil, values[key]?.count ?? 0 >= MetricsComparison.maximumValues {
            overflowing.insert(key)
            values[key] = nil
            return
        }
        values[key, default: [:]][value, default: Array(repeating: 0, count: grid.count)][step] += 1
    }

    func result() -> [TraceMetricSeries] {
        var out: [TraceMetricSeries] = []
        for (key, counts) in values {
            let kind = key.isSelection ? "selection" : "baseline"
            var ranked: [(value: Static, counts: [Double], sum: Double)] = []
            for (value, row) in counts { ranked.append((value, row, row.reduce(0, +))) }
            ranked.sort { $0.sum == $1.sum ? $0.value.description < $1.value.description : $0.sum > $1.sum }
            for entry in ranked.prefix(function.topN) {
                out.append(TraceMetricSeries(labels: labels(kind, key.field, entry.value), values: entry.counts))
            }
        }
        for (key, counts) in totals {
            let kind = key.isSelection ? "selection_total" : "baseline_total"
            out.append(TraceMetricSeries(labels: labels(kind, key.field, .nil), values: counts))
        }
        for key in overflowing {
            let kind = key.isSelection ? "selection" : "baseline"
            let error = TraceMetricLabel(name: "__meta_error", value: .string("__too_many_values__"))
            out.append(
                TraceMetricSeries(
                    labels: [error] + labels(kind, key.field, .nil), values: Array(repeating: 0, count: grid.count)))
        }
        return out
    }

    private func labels(_ kind: String, _ field: FieldReference, _ value: Static) -> [TraceMetricLabel] {
        [
            TraceMetricLabel(name: "__meta_type", value: .string(kind)),
            TraceMetricLabel(name: field.description, value: value),
        ]
    }
}
