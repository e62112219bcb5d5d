import Telemetry

/// Writes text format 0.0.4.
package struct ExpositionWriter: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Starts a family; its samples follow.
    package mutating func family(_ name: String, _ kind: MetricMetadata.Kind, help: String) {
        if !help.isEmpty {
            bytes.append(contentsOf: "# HELP \(name) ".utf8)
            escape(help, quotes: false)
            bytes.append(0x0a)
        }
        let type =
            switch kind {
            case .counter, .gauge, .histogram, .summary: kind.rawValue
            case .gaugehistogram: "histogram"
            case .info, .stateset: "gauge"
            case .unknown: "untyped"
            }
        bytes.append(contentsOf: "# TYPE \(name) \(type)\n".utf8)
    }

    /// `timestamp` in milliseconds.
    package mutating func sample(_ name: String, _ labels: [Label] = [], _ value: Double, timestamp: Int64? = nil) {
        bytes.append(contentsOf: name.utf8)
        for (index, label) in labels.enumerated() {
            bytes.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            bytes.append(contentsOf: label.name.utf8)
            bytes.append(contentsOf: "=\"".utf8)
            escape(label.value, quotes: true)
            bytes.append(UInt8(ascii: "\""))
        }
        if !labels.isEmpty { bytes.append(UInt8(ascii: "}")) }
        bytes.append(0x20)
        FloatText.append(value, .general, to: &bytes)
        if let timestamp { bytes.append(contentsOf: " \(timestamp)".utf8) }
        bytes.append(0x0a)
    }

    private mutating func escape(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case 0x0a: bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where quotes: bytes.append(contentsOf: "\\\"".utf8)
            default: bytes.append(byte)
            }
        }
    }
}
