import Telemetry

/// The text formats that a scraped target may answer in.
package enum ExpositionFormat: Sendable, Hashable {
    /// `text/plain`, versions 0.0.4 and 1.0.0. Timestamps are milliseconds.
    case text004
    /// `application/openmetrics-text`. Timestamps are seconds, `# EOF` ends it.
    case openMetrics1

    /// Prometheus' header with its default protocols, the best first.
    package static let acceptHeader =
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        + "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
        + "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"

    /// The format of an answer by its Content-Type; nil where it is absent or none of ours.
    package static func negotiate(contentType: String?) -> ExpositionFormat? {
        guard let contentType else { return nil }
        let parts = contentType.split(separator: ";").map { part in
            String(part.filter { $0 != " " && $0 != "\t" }).lowercased()
        }
        switch parts.first {
        case "text/plain": return .text004
        case "application/openmetrics-text":
            let version = parts.first { $0.hasPrefix("version=") }?.dropFirst("version=".count)
            return version.map { $0.hasPrefix("2.") } ?? false ? nil : .openMetrics1
        default: return nil
        }
    }
}

package struct ExpositionSample: Sendable, Hashable {
    /// With `__name__`.
    package var labels: LabelSet
    /// Any NaN has the ordinary bits, so that a target cannot end a series.
    package var value: Double
    /// Milliseconds since 1970, nil where the target named none.
    package var timestamp: Int64?
    package var exemplar: Exemplar?
}

package struct ExpositionResult: Sendable {
    package var samples: [ExpositionSample] = []
    package var metadata: [MetricMetadata] = []
}
