import Endpoints
import Scraping
import Telemetry
import Testing
import Wire
import YAMLReading

@Suite struct ScrapeAssemblyTests {
    private static let target = Target(
        labels: LabelSet(["job": "j", "instance": "i"]), discoveredLabels: .empty, url: "http://i/metrics",
        interval: 1000, timeout: 1000)

    private static func assembly(_ change: (inout ScrapeConfiguration) throws -> Void) rethrows -> ScrapeAssembly {
        var configuration = ScrapeConfiguration(jobName: "j")
        try change(&configuration)
        return ScrapeAssembly(configuration: configuration, target: target)
    }

    /// `name{labels} value @time` without the target's labels, sorted; report series only where asked for.
    private static func text(_ batch: SeriesBatch, report: Bool = false) -> [String] {
        let reports = [
            "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
            "scrape_series_added",
        ]
        return batch.refs.indices.compactMap { i in
            guard let labels = try? batch.labels(ofSeries: Int(batch.refs[i])) else { return "no labels" }
            guard report == reports.contains(labels.metricName ?? "") else { return nil }
            let value = batch.values[i]
            let shown = SpecialValue.isStaleMarker(value) ? "stale" : "\(value)"
            let own = labels["job"] == "j" && labels["instance"] == "i" ? labels.dropping(["job", "instance"]) : labels
            return "\(own) \(shown) @\(batch.timestamps[i])"
        }.sorted()
    }

    private static func accept(
        _ assembly: inout ScrapeAssembly, _ body: String, at time: Int64, _ format: ExpositionFormat = .text004
    ) -> (batch: SeriesBatch, report: ScrapeAssembly.Report) {
        assembly.accept(Array(body.utf8), format: format, timestamp: time, duration: 0.5)
    }

    @Test func seriesThatVanishEnd() {
        var assembly = Self.assembly { _ in }
        let first = Self.accept(&assembly, "a 1\nb{x=\"1\"} 2\nc 3 777\n", at: 1000)
        #expect(Self.text(first.batch) == ["a 1.0 @1000", "b{x=\"1\"} 2.0 @1000", "c 3.0 @777"])
        #expect(
            Self.text(first.batch, report: true) == [
                "scrape_duration_seconds 0.5 @1000", "scrape_samples_post_metric_relabeling 3.0 @1000",
                "scrape_samples_scraped 3.0 @1000", "scrape_series_added 3.0 @1000", "up 1.0 @1000",
            ])
        // A series with a time of its own does not go stale.
        let second = Self.accept(&assembly, "a 1\nd 4\n", at: 2000)
        #expect(Self.text(second.batch) == ["a 1.0 @2000", "b{x=\"1\"} stale @2000", "d 4.0 @2000"])
        #expect(second.report.added == 1)
        let broken = Self.accept(&assembly, "a 1\n{{{\n", at: 3000)
        #expect(Self.text(broken.batch) == ["a stale @3000", "d stale @3000"] && broken.report.failure != nil)
        #expect(Self.text(broken.batch, report: true).last == "up 0.0 @3000")
        let failed = assembly.fail("no answer", timestamp: 4000, duration: 1)
        #expect(Self.text(failed.batch).isEmpty && failed.report.failure == "no answer")
        _ = Self.accept(&assembly, "a 1\n", at: 5000)
        let end = assembly.end(timestamp: 6000)
        #expect(Self.text(end) == ["a stale @6000"] && Self.text(end, report: true).count == 5)
        #expect(Self.text(end, report: true).allSatisfy { $0.hasSuffix("stale @6000") })
    }

    @Test func labelsAndTimesFollowTheConfiguration() throws {
        let metricRules = try #require(
            try YAMLNode.read(
                "[{source_labels: [__name__], regex: b, action: drop}, {regex: tmp, action: labeldrop}]", file: "c"))
        let cases:
            [(name: String, body: String, expected: [String], change: (inout ScrapeConfiguration) throws -> Void)] = [
                (
                    "target labels win", "a{job=\"own\",exported_job=\"x\"} 1\n",
                    ["a{exported_exported_job=\"own\", exported_job=\"x\"} 1.0 @9"], { _ in }
                ),
                (
                    "honor_labels", "a{job=\"own\"} 1\n", ["a{instance=\"i\", job=\"own\"} 1.0 @9"],
                    { $0.honorLabels = true }
                ),
                ("honor_labels, empty label", "a{job=\"\"} 1\n", ["a 1.0 @9"], { $0.honorLabels = true }),
                ("times honoured", "a 1 5\n", ["a 1.0 @5"], { _ in }),
                ("times not honoured", "a 1 5\n", ["a 1.0 @9"], { $0.honorTimestamps = false }),
                (
                    "metric relabelling", "a{tmp=\"1\"} 1\nb 2\n", ["a 1.0 @9"],
                    { $0.metricRelabelRules = try metricRules.list().map { try RelabelRule.read($0) } }
                ),
            ]
        for (name, body, expected, change) in cases {
            var assembly = try Self.assembly(change)
            #expect(Self.text(Self.accept(&assembly, body, at: 9).batch) == expected, "\(name)")
        }
        var tracked = Self.assembly { $0.trackTimestampsStaleness = true }
        _ = Self.accept(&tracked, "a 1 5\n", at: 9)
        #expect(Self.text(Self.accept(&tracked, "b 1 8\n", at: 10).batch) == ["a stale @10", "b 1.0 @8"])
    }

    @Test func limitsRefuseTheWholeScrape() {
        let cases: [(body: String, failure: String?, change: (inout ScrapeConfiguration) -> Void)] = [
            ("a 1\nb 2\n", nil, { $0.settings.sampleLimit = 2 }),
            ("a 1\nb 2\nc 3\n", "sample_limit of 2 exceeded", { $0.settings.sampleLimit = 2 }),
            ("a{x=\"1\"} 1\n", "label_limit exceeded", { $0.settings.labelLimit = 3 }),
            ("a{x=\"1\"} 1\n", nil, { $0.settings.labelLimit = 4 }),
            ("a{long_name=\"1\"} 1\n", "label_name_length_limit exceeded", { $0.settings.labelNameLengthLimit = 8 }),
            ("a{x=\"long\"} 1\n", "label_value_length_limit exceeded", { $0.settings.labelValueLengthLimit = 3 }),
        ]
        for (body, failure, change) in cases {
            var assembly = Self.assembly(change)
            _ = Self.accept(&assembly, "a 0\n", at: 1)
            let (batch, report) = Self.accept(&assembly, body, at: 2)
            #expect(report.failure?.hasPrefix(failure ?? "-") ?? (failure == nil), "\(body): \(report.failure ?? "")")
            if failure != nil { #expect(Self.text(batch) == ["a stale @2"], "\(body)") }
        }
        var assembly = Self.assembly { $0.settings.sampleLimit = 1 }
        let report = Self.accept(&assembly, "a 1\nb 2\nc 3\n", at: 1).report
        #expect(report.scraped == 3 && report.kept == 3)
    }
}
