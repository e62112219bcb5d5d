internal import Telemetry

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
        case .eager: labels = labels.droppingMetricName
        case .delayed: dropsName = true
        }
    }
}
