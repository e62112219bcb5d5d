/// Prometheus' sentences, shared by the languages that end in this arithmetic.
package enum AnnotationText {
    package static let mixedFloatsAndHistograms = "PromQL warning: encountered a mix of histograms and floats for"

    package static func histogramIgnored(in operation: String) -> String {
        "PromQL info: ignored histogram in \(operation) aggregation"
    }

    package static func invalidQuantile(_ rank: Double) -> String {
        "PromQL warning: quantile value should be between 0 and 1, got \(formatGeneral(rank))"
    }

    package static func incompatibleTypes(_ left: String, _ operation: String, _ right: String) -> String {
        "PromQL info: incompatible sample types encountered for binary operator "
            + "\(quoteGo(operation)): \(left) \(operation) \(right)"
    }

    package static func incompatibleBuckets(_ operation: String) -> String {
        "PromQL warning: incompatible bucket layout encountered for binary operator \(operation)"
    }

    package static func counterResetCollision(_ operation: String) -> String {
        "PromQL warning: conflicting counter resets during histogram \(operation)"
    }

    package static func reconciledBuckets(_ operation: String) -> String {
        "PromQL info: mismatched custom buckets were reconciled during \(operation)"
    }

    package static let mixedSchemas =
        "PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas"

    package static func named(_ sentence: String, _ metricName: String?) -> String {
        guard let metricName, !metricName.isEmpty else { return sentence }
        return sentence + " for metric name " + quoteGo(metricName)
    }
}

/// Go's `%q`: double quotes, escapes for what cannot be seen.
package func quoteGo(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\t": out += "\\t"
        case "\r": out += "\\r"
        case "\u{07}": out += "\\a"
        case "\u{08}": out += "\\b"
        case "\u{0b}": out += "\\v"
        case "\u{0c}": out += "\\f"
        case "\u{00}"..."\u{1f}", "\u{7f}":
            let hex = String(scalar.value, radix: 16)
            out += "\\x" + (hex.count < 2 ? "0" + hex : hex)
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
