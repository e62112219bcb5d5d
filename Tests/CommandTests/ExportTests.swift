import Telemetry
import Testing

@testable import needletail

@Suite struct ExportTests {
    @Test func namesAreGatheredIntoFamiliesThatOpenMetricsAllows() {
        func about(_ name: String, _ kind: MetricMetadata.Kind, unit: String = "") -> MetricMetadata {
            MetricMetadata(name: name, kind: kind, help: "h", unit: unit)
        }
        let metadata = Dictionary(
            uniqueKeysWithValues: [
                about("requests_total", .counter), about("jobs", .counter),
                about("wait_seconds", .histogram, unit: "seconds"),
                about("size", .summary, unit: "bytes"), about("temperature", .gauge), about("oops", .counter),
                about("both", .counter), about("both_total", .counter), about("build", .info),
            ].map { ($0.name, $0) })
        let names = [
            "both_total", "build_info", "jobs_total", "oops", "requests_total", "size", "size_count", "size_sum",
            "temperature", "wait_seconds_bucket", "wait_seconds_count", "wait_seconds_sum", "what_count",
        ]
        let families = MetricFamilies.plan(names, metadata)
        #expect(
            families.map { "\($0.name) \($0.kind) \($0.unit) \($0.metrics.count)" } == [
                "both counter  1", "build info  1", "jobs counter  1", "oops unknown  1", "requests counter  1",
                "size summary  3", "temperature gauge  1", "wait_seconds histogram seconds 3", "what_count unknown  1",
            ])
        #expect(Set(families.flatMap(\.metrics)) == Set(names))
        // A gauge and a counter that would be one family are two, and of no type.
        let clash = MetricFamilies.plan(
            ["x", "x_total"], ["x": about("x", .gauge), "x_total": about("x_total", .counter)])
        #expect(clash.map { "\($0.name) \($0.kind)" }.contains("x_total unknown") || clash.count == 2)
        #expect(Set(clash.map(\.name)).count == clash.count)
    }

    @Test func linesReadBackAsTheSameBits() {
        var text = OpenMetricsText()
        let labels = LabelSet(["__name__": "a.b", "c d": "\"\\\n", "e": "ü"])
        text.sample(OpenMetricsText.prefix(labels), -0.0, 1_795_259_700_123, nil)
        text.sample(
            OpenMetricsText.prefix(LabelSet(["__name__": "up"])), 0.1 + 0.2, 1000,
            Exemplar(labels: LabelSet(["trace_id": "x"]), value: 1e300, timestamp: 999))
        let lines = String(decoding: text.take(), as: UTF8.self).split(separator: "\n")
        #expect(lines[0].hasPrefix(#"{"a.b","c d"="\"\\\n",e="ü"} -0 1795259700.123"#))
        #expect(lines[1] == #"up 0.30000000000000004 1 # {trace_id="x"} 1e+300 0.999"#)
        for time in stride(from: 1_795_259_700_000 as Int64, to: 1_795_259_703_000, by: 1) {
            text.sample([], 1, time, nil)
            let words = String(decoding: text.take(), as: UTF8.self).split { $0 == " " || $0 == "\n" }
            #expect(Int64((Double(words[1]) ?? 0) * 1000) == time, "what Prometheus makes of \(words[1])")
        }
    }

    @Test func aServersMetricsAboutItselfAreRead() {
        let metrics = OwnMetrics(
            text: """
                # HELP needletail_store_parts Parts.
                needletail_store_parts{signal="metrics"} 3
                needletail_store_parts{signal="a\\"b\\\\c\\nd",x="y"} 4e+03
                go_threads 5
                needletail_broken{
                process_resident_memory_bytes 1.5e6 123

                """)
        #expect(metrics.samples.count == 3)
        #expect(metrics.value("needletail_store_parts", ["signal": "metrics"]) == 3)
        #expect(metrics.value("needletail_store_parts", ["signal": "a\"b\\c\nd"]) == 4000)
        #expect(metrics.value("process_resident_memory_bytes") == 1_500_000)
        #expect(ServerStatus.bytes(1536) == "1.5 KiB" && ServerStatus.count(12) == "12")
    }
}
