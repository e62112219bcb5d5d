package import Telemetry

/// When an operation that makes another quantity of a metric loses its name.
package enum NameRemoval: Hashable, Sendable {
    /// At once: Prometheus' default.
    case eager
    /// When the whole expression is evaluated: series are only marked (Prometheus' `promql-delayed-name-removal`).
    case delayed
}

extension StepSeries {
    /// Takes the name away, now or later.
    package mutating func dropName(_ removal: NameRemoval) {
        switch removal {
        case .eager: labels = labels.droppingMetricIdentity
        case .delayed: dropsName = true
        }
    }
}

extension LabelSet {
    /// Without the name, and without the type and unit that belong to it.
    package var droppingMetricIdentity: LabelSet {
        guard
            valueRange(of: "__name__") != nil || valueRange(of: "__type__") != nil || valueRange(of: "__unit__") != nil
        else { return self }
        return dropping(["__name__", "__type__", "__unit__"])
    }
}
