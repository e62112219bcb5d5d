import Telemetry

/// An alert as the notification side sees it, from our rules or from `POST /api/v2/alerts`.
package struct Alert: Sendable, Hashable {
    package var labels: LabelSet
    package var annotations: [String: String]
    /// Milliseconds since 1970.
    package var startsAt: Int64
    /// A firing alert ends in the future: when nobody repeats it until then, it counts as resolved.
    package var endsAt: Int64
    package var updatedAt: Int64
    package var generatorURL: String

    package init(
        labels: LabelSet, annotations: [String: String] = [:], startsAt: Int64, endsAt: Int64, updatedAt: Int64,
        generatorURL: String = ""
    ) {
        self.labels = labels
        self.annotations = annotations
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.updatedAt = updatedAt
        self.generatorURL = generatorURL
    }

    package func isResolved(at time: Int64) -> Bool { endsAt <= time }

    /// FNV-1a over the sorted labels with 0xff between, 16 hexadecimal digits: Alertmanager's.
    package var fingerprint: String { Alert.fingerprint(of: labels) }

    package static func fingerprint(of labels: LabelSet) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        labels.forEachRange { name, value in
            for byte in labels.bytes[name] { add(byte) }
            add(0xff)
            for byte in labels.bytes[value] { add(byte) }
            add(0xff)
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
