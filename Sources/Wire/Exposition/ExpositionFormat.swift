import Telemetry

/// The formats that a scraped target may answer in.
package enum ExpositionFormat: Sendable, Hashable {
    /// `text/plain`, versions 0.0.4 and 1.0.0. Timestamps are milliseconds.
    case text004
    /// `application/openmetrics-text`, versions 0.0.1 and 1. Timestamps are seconds, `# EOF` ends it.
    case openMetrics1
    /// Version 2: a histogram or a summary is one line.
    case openMetrics2
    /// `io.prometheus.client.MetricFamily` messages, each after its length.
    case protobuf

    package var isOpenMetrics: Bool { self == .openMetrics1 || self == .openMetrics2 }
}

/// A protocol by the name that it has in `scrape_protocols`.
package enum ScrapeProtocol: String, Sendable, Hashable, CaseIterable {
    case protobuf = "PrometheusProto"
    case openMetrics2 = "OpenMetricsText2.0.0"
    case openMetrics1 = "OpenMetricsText1.0.0"
    case openMetrics001 = "OpenMetricsText0.0.1"
    case text1 = "PrometheusText1.0.0"
    case text004 = "PrometheusText0.0.4"

    /// Prometheus' order.
    package static let standard: [ScrapeProtocol] = [.openMetrics1, .openMetrics001, .text1, .text004]
    package static let standardWithNativeHistograms: [ScrapeProtocol] = [.protobuf] + standard

    package var format: ExpositionFormat {
        switch self {
        case .protobuf: .protobuf
        case .openMetrics2: .openMetrics2
        case .openMetrics1, .openMetrics001: .openMetrics1
        case .text1, .text004: .text004
        }
    }

    var mediaType: String {
        switch self {
        case .protobuf:
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
        case .openMetrics2: "application/openmetrics-text;version=2.0.0"
        case .openMetrics1: "application/openmetrics-text;version=1.0.0"
        case .openMetrics001: "application/openmetrics-text;version=0.0.1"
        case .text1: "text/plain;version=1.0.0"
        case .text004: "text/plain;version=0.0.4"
        }
    }

    /// Versions that know how names may be escaped.
    var knowsEscaping: Bool { self == .text1 || self == .openMetrics1 || self == .openMetrics2 }
}

/// How a target is asked to spell names outside `[a-zA-Z_:][a-zA-Z0-9_:]*`.
package enum NameEscaping: String, Sendable, Hashable, CaseIterable {
    case allowUTF8 = "allow-utf-8"
    case underscores, dots, values
}

extension ScrapeProtocol {
    /// The `Accept` header, with Prometheus' weights: 0.1 less from protocol to protocol, 0.1 for anything else.
    package static func acceptHeader(_ protocols: [ScrapeProtocol], escaping: NameEscaping) -> String {
        // Six protocols and the weight of */* are the most that tenths leave room for.
        var weight = min(9, protocols.count + 1)
        var parts: [String] = []
        for one in protocols {
            let escape = one.knowsEscaping ? ";escaping=\(escaping.rawValue)" : ""
            parts.append("\(one.mediaType)\(escape);q=0.\(weight)")
            weight = max(1, weight - 1)
        }
        parts.append("*/*;q=0.\(weight)")
        return parts.joined(separator: ",")
    }
}

extension ExpositionFormat {
    /// The format of an answer by its Content-Type; nil where it is absent, not readable or none of ours.
    package static func negotiate(contentType: String?) -> ExpositionFormat? {
        guard let contentType else { return nil }
        var parameters: [String: String] = [:]
        let parts = contentType.split(separator: ";", omittingEmptySubsequences: false).map { trimmed($0) }
        for part in parts.dropFirst() where !part.isEmpty {
            guard let equals = part.firstIndex(of: "=") else { return nil }
            let value = trimmed(part[part.index(after: equals)...])
            parameters[trimmed(part[..<equals]).lowercased()] =
                value.hasPrefix("\"") && value.hasSuffix("\"") && value.count > 1
                ? String(value.dropFirst().dropLast()) : value
        }
        switch parts.first?.lowercased() {
        case "text/plain": return .text004
        case "application/openmetrics-text":
            let version = parameters["version"] ?? "0.0.1"
            if version.hasPrefix("2.") { return .openMetrics2 }
            return version.hasPrefix("0.") || version.hasPrefix("1.") ? .openMetrics1 : nil
        case "application/vnd.google.protobuf":
            let isOurs =
                parameters["proto"] ?? "io.prometheus.client.MetricFamily" == "io.prometheus.client.MetricFamily"
                && parameters["encoding"] ?? "delimited" == "delimited"
            return isOurs ? .protobuf : nil
        default: return nil
        }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let kept = text.drop(while: isSpace)
        guard let last = kept.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(kept[...last])
    }
}
