import Foundation
import Telemetry
import Wire

/// A target's text, read again and again.
enum ExpositionKernels {
    static func run() throws {
        let own = ShopSeries.ownLabels(2500)
        let texts = (0..<8).map { ShopSeries.exposition(own, scrape: $0) }
        let strings = texts.map { String(decoding: $0, as: UTF8.self) }
        var reader = ExpositionReader(capacity: 1 << 16, seed: 7)
        var turn = 0
        var read = 0
        func scrape() throws {
            let columns = try reader.read(texts[turn % texts.count], format: .text004, defaultTimestamp: 0)
            read = columns.values.count
            _ = reader.keep(columns)
            turn += 1
        }
        try scrape()
        let known = try Measure.best(16) { try scrape() }
        var parsed = 0
        let whole = try Measure.best {
            parsed = try ExpositionParser.parse(texts[0], format: .text004, defaultTimestamp: 0).samples.count
        }
        var naive = 0
        let other = Measure.best { naive = NaiveExposition.parse(strings[0]).count }
        precondition(read == own.count && parsed == own.count && naive == own.count, "samples are missing")
        let count = Double(own.count)
        Measure.row(
            "exposition of known series | lines split into strings", known / count, other / count, unit: "ns/sample",
            scale: 1e9)
        Measure.row(
            "exposition parsed in full | lines split into strings", whole / count, other / count, unit: "ns/sample",
            scale: 1e9)
    }
}

/// A parser of text 0.0.4 as one would first write it; escapes are not even handled.
private enum NaiveExposition {
    static func parse(_ text: String) -> [(labels: [String: String], value: Double)] {
        var samples: [(labels: [String: String], value: Double)] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                continue
            }
            let series = line[..<space]
            let parts = series.split(separator: "{", maxSplits: 1)
            var labels = ["__name__": String(parts[0])]
            if parts.count == 2 {
                for pair in parts[1].dropLast().split(separator: ",") {
                    let sides = pair.split(separator: "=", maxSplits: 1)
                    if sides.count == 2 { labels[String(sides[0])] = String(sides[1].dropFirst().dropLast()) }
                }
            }
            samples.append((labels, value))
        }
        return samples
    }
}
