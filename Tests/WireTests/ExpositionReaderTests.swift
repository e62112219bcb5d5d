import Telemetry
import TestSupport
import Testing

@testable import Wire

/// The remembering reader against the parser that reads every line anew.
@Suite struct ExpositionReaderTests {
    struct Row: Hashable, CustomStringConvertible {
        var labels: LabelSet
        var value: UInt64
        var time: Int64?
        var start: Int64
        var exemplars: [Exemplar]
        var histogram: NativeHistogram?
        var description: String { "\(labels) \(Double(bitPattern: value)) @\(time ?? -1) \(start) \(exemplars.count)" }
    }

    static func rows(_ columns: ExpositionColumns) throws -> [Row] {
        var exemplars: [UInt32: [Exemplar]] = [:]
        for (row, exemplar) in columns.exemplars { exemplars[row, default: []].append(exemplar) }
        let histograms = Dictionary(uniqueKeysWithValues: columns.histograms.map { ($0.row, $0.histogram) })
        #expect(columns.rows.count == columns.values.count)
        return try columns.rows.indices.map { index in
            let time = columns.timestamps.isEmpty ? ExpositionColumns.noTime : columns.timestamps[index]
            let number = UInt32(index)
            return Row(
                labels: try #require(columns.labels(ofRow: index)), value: columns.values[index].bitPattern,
                time: time == ExpositionColumns.noTime ? nil : time,
                start: columns.startTimestamps.isEmpty ? 0 : columns.startTimestamps[index],
                exemplars: exemplars[number] ?? [], histogram: histograms[number])
        }
    }

    static func rows(_ result: ExpositionResult) -> [Row] {
        result.samples.map {
            Row(
                labels: $0.labels, value: $0.value.bitPattern, time: $0.timestamp, start: $0.startTimestamp,
                exemplars: $0.exemplars, histogram: $0.histogram)
        }
    }

    /// One target's families, which change a little from scrape to scrape.
    struct Exporter {
        var random: SeededGenerator
        var format: ExpositionFormat
        var families: [(comments: [String], series: [String])] = []

        mutating func pick<T>(_ all: [T]) -> T { all[Int.random(in: 0..<all.count, using: &random)] }
        mutating func chance(_ part: Double) -> Bool { Double.random(in: 0..<1, using: &random) < part }

        mutating func addFamily() {
            let name = "family_\(Int.random(in: 0..<40, using: &random))" + pick(["", "_total", "_seconds", ":x"])
            let kind = pick(["counter", "gauge", "histogram", "summary", "untyped", "gauge", "unknown"])
            var comments: [String] = []
            if chance(0.8) { comments.append("# HELP \(name) Some \(pick(["words", "\\n words", "\\\\ \\\""]))") }
            if chance(0.8) { comments.append("# TYPE \(name) \(kind)") }
            var series: [String] = []
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                var labels: [String] = []
                for key in ["a", "b_c", "le", "quantile", "z"] where chance(0.4) {
                    let number = Int.random(in: 0..<5, using: &random)
                    labels.append("\(key)=\"\(pick(["\(number)", "v\\\"\(number)}", "ü\\n", "1e3", "", "{x,\\\\"]))\"")
                }
                let inner = labels.joined(separator: pick([",", ", "]))
                if chance(0.05) {
                    series.append("{\"\(name).x\"" + (inner.isEmpty ? "}" : ",\(inner)}"))
                } else if inner.isEmpty {
                    series.append(name + pick(["", "", "{}"]))
                } else {
                    series.append("\(name)\(chance(0.05) ? " " : ""){\(inner)\(chance(0.1) ? "," : "")}")
                }
            }
            families.insert((comments, series), at: Int.random(in: 0...families.count, using: &random))
        }

        mutating func change() {
            for _ in 0..<Int.random(in: 0...2, using: &random) where !families.isEmpty {
                let place = Int.random(in: 0..<families.count, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: families.remove(at: place)
                case 1: addFamily()
                case 2: families[place].series.shuffle(using: &random)
                case 3: families[place].comments = []
                case 4: if families[place].series.count > 1 { families[place].series.removeLast() }
                default: families.swapAt(place, Int.random(in: 0..<families.count, using: &random))
                }
            }
        }

        mutating func body() -> String {
            var lines: [String] = []
            for index in families.indices {
                lines += families[index].comments
                for series in families[index].series {
                    var line = series + pick([" ", " ", " ", "  "]) + value()
                    if chance(0.1) {
                        line +=
                            format == .text004 ? " 17000000\(Int.random(in: 10000...99999, using: &random))" : " 17.25"
                    }
                    if format == .openMetrics2, chance(0.2) { line += " st@12.5" }
                    if format.isOpenMetrics, chance(0.1) { line += " # {trace_id=\"t\"} 0.5 12" }
                    lines.append(line)
                }
                if chance(0.05), format == .text004 { lines.append(pick(["", "# a comment", "#"])) }
            }
            if format.isOpenMetrics { lines.append("# EOF") }
            return lines.joined(separator: "\n") + (chance(0.9) ? "\n" : "")
        }

        mutating func value() -> String {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: "\(Double(bitPattern: random.next()))"
            case 1: pick(["NaN", "+Inf", "-Inf", "0", "-0", "1e-400", "1e5", "+3", ".5", "5."])
            case 2: "\(Double.random(in: 0..<1, using: &random))"
            default: "\(Int.random(in: 0..<1_000_000, using: &random))"
            }
        }
    }

    @Test(arguments: [ExpositionFormat.text004, .openMetrics1, .openMetrics2])
    func whatIsRememberedChangesNothing(format: ExpositionFormat) throws {
        for seed in 0..<150 as Range<UInt64> {
            var exporter = Exporter(random: SeededGenerator(seed: seed), format: format)
            for _ in 0..<6 { exporter.addFamily() }
            var reader = ExpositionReader(capacity: seed % 5 == 0 ? 10 : 10_000, seed: seed)
            var known: Set<UInt32> = []
            for scrape in 0..<12 {
                exporter.change()
                var body = Array(exporter.body().utf8)
                if exporter.chance(0.2), !body.isEmpty {
                    let place = Int.random(in: 0..<body.count, using: &exporter.random)
                    body[place] = exporter.pick([UInt8(ascii: "\""), 0x0a, 0xff, UInt8(ascii: "{"), 0x20, 0x30])
                }
                let expected = try? ExpositionParser.parse(body, format: format, defaultTimestamp: 5)
                let found = try? reader.read(body, format: format, defaultTimestamp: 5)
                let text = String(decoding: body, as: UTF8.self)
                try #require((expected == nil) == (found == nil), "seed \(seed), scrape \(scrape): \(text)")
                guard let expected, let found else { continue }
                let (one, other) = (try Self.rows(found), Self.rows(expected))
                if one != other {
                    let at = zip(one, other).first { $0 != $1 }
                    Issue.record(
                        "seed \(seed), scrape \(scrape): \(one.count), \(other.count), \(String(describing: at))")
                    return
                }
                // Fresh rows are those whose spelling the reader cannot know, and no others.
                let fresh = Set(found.fresh.map { found.rows[Int($0)].spelling })
                for row in found.rows {
                    #expect(known.contains(row.spelling) != fresh.contains(row.spelling), "seed \(seed)")
                }
                if exporter.chance(0.2) {
                    reader.discard(found)
                } else {
                    known.formUnion(fresh.filter { Int($0) < reader.capacity })
                    known.subtract(reader.keep(found))
                    #expect(reader.rememberedSpellings == known.count && known.count <= reader.capacity)
                }
            }
        }
    }

    @Test func onlyNewMetadataIsTold() throws {
        var reader = ExpositionReader(capacity: 10, seed: 0)
        func read(_ text: String) throws -> [MetricMetadata] {
            let columns = try reader.read(Array(text.utf8), format: .text004, defaultTimestamp: 0)
            _ = reader.keep(columns)
            return columns.metadata
        }
        let (counter, gauge) = (
            MetricMetadata(name: "a", kind: .counter, help: "x y"), MetricMetadata(name: "b", kind: .gauge)
        )
        let both = "# HELP a x y\n# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n"
        #expect(try read(both) == [counter, gauge])
        #expect(try read(both).isEmpty)
        #expect(try read("# TYPE b gauge\nb 1\n# HELP a x y\n# TYPE a counter\na 2\n").isEmpty)
        let changed = MetricMetadata(name: "a", kind: .gauge, help: "x y")
        #expect(try read("# TYPE c summary\n# HELP a x y\n# TYPE a gauge\na 1\n").map(\.name) == ["c", "a"])
        #expect(reader.metadata["a"] == changed && reader.metadata["b"] == gauge)
    }

    @Test func brokenBytesNeverTrap() {
        var random = SeededGenerator(seed: 5)
        for seed in 0..<200 as Range<UInt64> {
            var exporter = Exporter(random: SeededGenerator(seed: seed), format: .openMetrics2)
            for _ in 0..<3 { exporter.addFamily() }
            var reader = ExpositionReader(capacity: 100, seed: 0)
            for _ in 0..<6 {
                var body = Array(exporter.body().utf8)
                for _ in 0..<3 where !body.isEmpty {
                    body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                body.removeLast(Int.random(in: 0...min(20, body.count), using: &random))
                for format in [ExpositionFormat.text004, .openMetrics1, .openMetrics2, .protobuf] {
                    guard let columns = try? reader.read(body, format: format, defaultTimestamp: 0) else { continue }
                    for row in columns.rows.indices { #expect(columns.labels(ofRow: row) != nil) }
                    _ = reader.keep(columns)
                }
            }
        }
    }

    @Test func theFastWayToReadNumbersIsExact() {
        var random = SeededGenerator(seed: 3)
        func read(_ text: String) -> (Double, Int) {
            let bytes = Array((text + " ").utf8)
            var value = 0.0
            let end = unsafe bytes.withUnsafeBufferPointer {
                unsafe DecimalReader.read($0.baseAddress!, from: 0, to: bytes.count, into: &value)
            }
            return (value, end)
        }
        var covered = 0
        for _ in 0..<200_000 {
            let double =
                switch Int.random(in: 0..<4, using: &random) {
                case 0: Double(bitPattern: random.next())
                case 1: Double.random(in: 0..<1, using: &random)
                case 2: Double(Int64.random(in: 0...Int64.max, using: &random))
                default: Double.random(in: 0..<1e12, using: &random)
                }
            guard double.isFinite else { continue }
            let (value, end) = read("\(double)")
            if end < 0 { continue }
            covered += 1
            #expect(value.bitPattern == double.bitPattern && end == "\(double)".utf8.count, "\(double) \(value)")
        }
        #expect(covered > 140_000)
        // Digits that no shortest spelling has, halfway cases among them.
        for _ in 0..<200_000 {
            let digits = UInt64.random(in: 0...9_999_999_999_999_999_999, using: &random)
            let text = "\(digits)e\(Int.random(in: -40...60, using: &random))"
            let (value, end) = read(text)
            if end >= 0 { #expect(value.bitPattern == Double(text)?.bitPattern, "\(text)") }
        }
        for _ in 0..<50_000 {
            let whole = (1 << 53) + UInt64.random(in: 0..<(1 << 12), using: &random)
            let (value, _) = read("\(whole)")
            #expect(value == Double(whole), "\(whole)")
        }
        for bad in ["", "-", ".", "e5", "1e", "+1", "x", "1e99999", "12345678901234567890123"] {
            #expect(read(bad).1 == -1, "\(bad)")
        }
        #expect(read("0.00000000000000000001234").0 == 1.234e-20 && read("1e3x") == (1000, 3))
        #expect(read("-0").0.sign == .minus)
    }
}
