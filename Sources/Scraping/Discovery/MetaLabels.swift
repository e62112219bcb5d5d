import Telemetry

/// Labels of a discovered target while they are collected; a later value for a name wins.
struct MetaLabels: Sendable {
    private(set) var labels: [Label] = []

    /// Absent values set nothing.
    mutating func set(_ name: String, _ value: String?) {
        if let value { labels.append(Label(name, value)) }
    }

    mutating func add(_ other: MetaLabels) { labels += other.labels }

    /// The group of one target: a target may differ from its neighbours in every label, so each has its own.
    func group(address: String, source: String) -> TargetGroup {
        TargetGroup(targets: [address], labels: LabelSet(labels), source: source)
    }

    /// Whatever may not stand in a classic label name becomes an underscore, one for each character.
    static func sanitize(_ name: String) -> String {
        var out = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_": out.unicodeScalars.append(scalar)
            default: out.append("_")
            }
        }
        return out
    }

    /// `host:port`, an IPv6 address in brackets.
    static func join(_ host: String, _ port: Int) -> String {
        host.utf8.contains { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "%") }
            ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
