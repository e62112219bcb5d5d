/// The labels of one time series, in name order. Values may be any text.
public struct MetricLabels: Hashable, Sendable, ExpressibleByDictionaryLiteral, Comparable {
    public struct Label: Hashable, Sendable {
        public let name: String
        public let value: String
    }

    public let labels: [Label]

    /// Names are made valid (`http.route` becomes `http_route`); of a repeated name the last value counts.
    public init(_ pairs: some Sequence<(String, String)>) {
        var labels: [Label] = []
        for (name, value) in pairs {
            let label = Label(name: MetricName.label(name), value: value)
            if let known = labels.firstIndex(where: { $0.name == label.name }) {
                labels[known] = label
            } else {
                labels.append(label)
            }
        }
        labels.sort { $0.name < $1.name }
        self.labels = labels
    }

    public init(dictionaryLiteral elements: (String, String)...) { self.init(elements) }

    public static func < (left: MetricLabels, right: MetricLabels) -> Bool {
        left.labels.lexicographicallyPrecedes(right.labels) { ($0.name, $0.value) < ($1.name, $1.value) }
    }

    static let overflow: MetricLabels = ["otel_metric_overflow": "true"]
}

/// Names as Prometheus allows them: other characters become underscores.
enum MetricName {
    static func metric(_ name: String) -> String { valid(name, colonIsValid: true) }
    static func label(_ name: String) -> String { valid(name, colonIsValid: false) }

    private static func valid(_ name: String, colonIsValid: Bool) -> String {
        func isValid(_ byte: UInt8, first: Bool) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): !first
            case UInt8(ascii: ":"): colonIsValid
            default: false
            }
        }
        var bytes = Array(name.utf8)
        if bytes.indices.allSatisfy({ isValid(bytes[$0], first: $0 == 0) }) && !bytes.isEmpty { return name }
        if let first = bytes.first, UInt8(ascii: "0")...UInt8(ascii: "9") ~= first {
            bytes.insert(UInt8(ascii: "_"), at: 0)
        }
        if bytes.isEmpty { bytes = [UInt8(ascii: "_")] }
        for position in bytes.indices where !isValid(bytes[position], first: position == 0) {
            bytes[position] = UInt8(ascii: "_")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
