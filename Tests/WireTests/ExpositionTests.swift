import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Wire

@Suite struct ExpositionTests {
    @Test func samplesAreReadAsPrometheusReadsThem() throws {
        let text = """
            # HELP a_total with \\\\ and \\n
            # TYPE a_total counter
            a_total{b="x\\"y\\n",c="",} 3 1700000000123
              spaced   { d = "1" }\t 4e-3

            # some comment
            # TYPE h histogram
            h_bucket{le="1"} 1
            h_bucket{le="+Inf"} 2
            {"utf8.name","key with space"="v"} NaN
            {"only.name"} -Inf
            other{le="1"} 0x
            """
        let good = text.replacingOccurrences(of: "other{le=\"1\"} 0x", with: "other{le=\"1\"} +Inf")
        let result = try ExpositionParser.parse(Array(good.utf8), format: .text004, defaultTimestamp: 0)
        #expect(
            result.samples.map(\.labels) == [
                LabelSet(["__name__": "a_total", "b": "x\"y\n"]), LabelSet(["__name__": "spaced", "d": "1"]),
                // Only lines after a TYPE that has bounds are respelled.
                LabelSet(["__name__": "h_bucket", "le": "1.0"]), LabelSet(["__name__": "h_bucket", "le": "+Inf"]),
                LabelSet(["__name__": "utf8.name", "key with space": "v"]), LabelSet(["__name__": "only.name"]),
                LabelSet(["__name__": "other", "le": "1.0"]),
            ])
        #expect(result.samples.map(\.timestamp) == [1_700_000_000_123, nil, nil, nil, nil, nil, nil])
        #expect(result.samples[1].value == 0.004 && result.samples[4].value.bitPattern == SpecialValue.ordinaryNaNBits)
        #expect(result.metadata.first == MetricMetadata(name: "a_total", kind: .counter, help: "with \\ and \n"))
        #expect(throws: WireError.exposition("a value is not a number: \"0x\"", line: 12, column: 15)) {
            try ExpositionParser.parse(Array(text.utf8), format: .text004, defaultTimestamp: 0)
        }
        let open = "# TYPE a counter\na_total 1 1.5 # {trace_id=\"t\"} 0.5\na_total{x=\"1\"} 2 # {} 3 4.5\n# EOF"
        let samples = try ExpositionParser.parse(Array(open.utf8), format: .openMetrics1, defaultTimestamp: 77).samples
        #expect(samples.map(\.timestamp) == [1500, nil])
        #expect(samples[0].exemplars.first == Exemplar(labels: LabelSet(["trace_id": "t"]), value: 0.5, timestamp: 77))
        #expect(samples[1].exemplars.first?.timestamp == 4500)
        for bad in [
            "a", "a b", "a{b} 1", "a{b=\"c} 1", "a{b=\"c\" 1", "a 1 x", "a 1 2 3", "{} 1", "1a 2", "# TYPE a oops",
            "a{b=\"1\",b=\"2\"} 1", "a 1_000", "a{__name__=\"b\"} 1", "# HELP",
        ] {
            #expect(throws: WireError.self, "\(bad)") {
                try ExpositionParser.parse(Array(bad.utf8), format: .text004, defaultTimestamp: 0)
            }
        }
        #expect(throws: WireError.self) {
            try ExpositionParser.parse(Array("a 1\n".utf8), format: .openMetrics1, defaultTimestamp: 0)
        }
        let types: [(String?, ExpositionFormat?)] = [
            ("text/plain; version=0.0.4; charset=utf-8", .text004), ("text/plain", .text004), (nil, nil),
            ("text/html", nil),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", .openMetrics1),
        ]
        for (type, format) in types { #expect(ExpositionFormat.negotiate(contentType: type) == format) }
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var writer = ExpositionWriter()
        writer.family("a_total", .counter, help: "with \\ and \n")
        writer.sample("a_total", [Label("b", "x\"y\n\\")], 1e21)
        writer.sample("g", [], -.infinity, timestamp: 12)
        let result = try ExpositionParser.parse(writer.bytes, format: .text004, defaultTimestamp: 0)
        #expect(
            result.samples.map(\.labels) == [
                LabelSet(["__name__": "a_total", "b": "x\"y\n\\"]), LabelSet(["__name__": "g"]),
            ])
        #expect(result.samples.map(\.value) == [1e21, -.infinity] && result.samples[1].timestamp == 12)
        #expect(result.metadata == [MetricMetadata(name: "a_total", kind: .counter, help: "with \\ and \n")])
    }

    @Test func numbersAreReadAndWrittenExactly() {
        let spelled: [(Double, String, String, String, String)] = [
            (1, "1", "1", "1.0", "1"), (0.1, "0.1", "0.1", "0.1", "0.1"), (1e6, "1000000", "1e+06", "1e+06", "1000000"),
            (123_456_789, "123456789", "1.23456789e+08", "1.23456789e+08", "123456789"),
            (1e21, "1000000000000000000000", "1e+21", "1e+21", "1e+21"), (1e-5, "0.00001", "1e-05", "1e-05", "0.00001"),
            (1e-7, "0.0000001", "1e-07", "1e-07", "1e-7"), (-0.0, "-0", "-0", "-0.0", "-0"),
            (100_000, "100000", "100000", "100000.0", "100000"),
            (0, "0", "0", "0.0", "0"), (.infinity, "+Inf", "+Inf", "+Inf", "+Inf"),
            (-2.5e-10, "-0.00000000025", "-2.5e-10", "-2.5e-10", "-2.5e-10"),
        ]
        for (value, plain, general, label, json) in spelled {
            let styles: [(FloatText.Style, String)] = [
                (.plain, plain), (.general, general), (.label, label), (.json, json),
            ]
            for (style, wanted) in styles { #expect(FloatText.string(value, style) == wanted) }
        }
        var random = SeededGenerator(seed: 11)
        for _ in 0..<20_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            for style in [FloatText.Style.general, .plain, .json] {
                #expect(FloatParser.parse(FloatText.string(value, style))?.bitPattern == value.bitPattern)
            }
            let short = Double(Int64.random(in: -1_000_000...1_000_000, using: &random)) / 1000
            #expect(FloatParser.parse("\(short)") == short)
        }
        for bad in ["", "+", ".", "e5", "1e", "1e+", "0x1", "1_0", "1 ", "infx", "--1", "1.2.3", "nan1", "0b1"] {
            #expect(FloatParser.parse(bad) == nil, "\(bad)")
        }
        for (text, value) in [
            ("+Inf", Double.infinity), ("-inf", -.infinity), (".5", 0.5), ("5.", 5), ("00012", 12),
            ("1e400", .infinity),
        ] {
            #expect(FloatParser.parse(text) == value, "\(text)")
        }
    }

    @Test func openMetricsAuthorsAgreeOnWhatIsValid() throws {
        let folder =
            ProcessInfo.processInfo.environment["NEEDLETAIL_CONFORMANCE"]
            ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("../shared/conformance").path
        let root = URL(fileURLWithPath: folder).appendingPathComponent("openmetrics")
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: root.path) else {
            print("OpenMetrics conformance skipped: no data at \(root.path)")
            return
        }
        var passed = 0
        var wrong: [String] = []
        for name in names.sorted() {
            let test = root.appendingPathComponent(name)
            guard let input = try? Data(contentsOf: test.appendingPathComponent("metrics")),
                let json = try? Data(contentsOf: test.appendingPathComponent("test.json")),
                let description = try JSONSerialization.jsonObject(with: json) as? [String: Any],
                let shouldParse = description["shouldParse"] as? Bool
            else { continue }
            let parsed = try? ExpositionParser.parse(
                Array(input), format: .openMetrics1, defaultTimestamp: 0, strict: true)
            if (parsed != nil) == shouldParse { passed += 1 } else { wrong.append(name) }
        }
        print("OpenMetrics conformance: \(passed) of \(passed + wrong.count), wrong: \(wrong)")
        #expect(passed > 150 && wrong.isEmpty, "\(wrong)")
    }
}
