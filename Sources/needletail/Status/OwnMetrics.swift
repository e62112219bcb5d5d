import Telemetry
import Wire

/// What a server says of itself at `/metrics`.
struct OwnMetrics {
    struct Sample {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    private(set) var samples: [Sample] = []

    /// Text format 0.0.4; lines that cannot be read are passed over, for there is always one more version of a server.
    init(text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let sample = OwnMetrics.sample(line),
                sample.name.hasPrefix("needletail_") || sample.name.hasPrefix("process_")
            else { continue }
            samples.append(sample)
        }
    }

    private static func sample(_ line: Substring) -> Sample? {
        var labels: [String: String] = [:]
        guard let nameEnd = line.firstIndex(where: { $0 == "{" || $0 == " " }) else { return nil }
        let name = String(line[..<nameEnd])
        var rest = line[nameEnd...]
        if rest.first == "{" {
            rest.removeFirst()
            while let first = rest.first, first != "}" {
                guard let equals = rest.firstIndex(of: "=") else { return nil }
                let label = String(rest[..<equals])
                rest = rest[rest.index(after: equals)...]
                guard rest.first == "\"" else { return nil }
                rest.removeFirst()
                guard let value = quoted(&rest) else { return nil }
                labels[label] = value
                if rest.first == "," { rest.removeFirst() }
            }
            guard rest.first == "}" else { return nil }
            rest.removeFirst()
        }
        let words = rest.split(separator: " ")
        guard let word = words.first, let value = FloatParser.parse(String(word)) else { return nil }
        return Sample(name: name, labels: labels, value: value)
    }

    /// Up to the closing quotation mark.
    private static func quoted(_ rest: inout Substring) -> String? {
        var out = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return out
            case "\\":
                guard let next = rest.popFirst() else { return nil }
                out.append(next == "n" ? "\n" : next)
            default: out.append(character)
            }
        }
        return nil
    }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }?.value
    }

    func all(_ name: String) -> [Sample] { samples.filter { $0.name == name } }
}
