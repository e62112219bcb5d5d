import Scraping
import Telemetry
import Testing
import Wire
import YAMLReading

/// What becomes of start times, histograms and floods of series, from the answer to the batch.
@Suite struct ScrapeFormatTests {
    private static func assembly(
        remembering: Int = 1000, _ change: (inout ScrapeConfiguration, inout Target) -> Void = { _, _ in }
    ) -> ScrapeAssembly {
        var configuration = ScrapeConfiguration(jobName: "j")
        var target = Target(
            labels: LabelSet(["job": "j"]), discoveredLabels: .empty, url: "http://i/metrics", interval: 1000,
            timeout: 1000)
        change(&configuration, &target)
        return ScrapeAssembly(configuration: configuration, target: target, remembering: remembering)
    }

    /// `name{labels} value st` of everything but the report series, sorted.
    private static func lines(_ batch: SeriesBatch) throws -> [String] {
        var out: [String] = []
        func name(_ series: UInt32) throws -> String {
            "\(try batch.labels(ofSeries: Int(series)).dropping(["job"]))"
        }
        for i in batch.refs.indices {
            let series = try name(batch.refs[i])
            if series == "up" || series.hasPrefix("scrape_") { continue }
            let value = SpecialValue.isStaleMarker(batch.values[i]) ? "stale" : "\(batch.values[i])"
            let start = batch.startTimestamps.isEmpty ? 0 : batch.startTimestamps[i]
            out.append("\(series) \(value)" + (start == 0 ? "" : " st \(start)"))
        }
        for sample in batch.histograms {
            let one = sample.histogram
            out.append(
                "\(try name(sample.series)) schema \(one.schema) count \(one.count) sum \(one.sum) \(one.positiveBuckets) \(one.customValues)"
                    + (sample.startTimestamp == 0 ? "" : " st \(sample.startTimestamp)"))
        }
        return out.sorted()
    }

    private static let openMetrics = """
        # TYPE a counter
        a_total{x="1"} 5
        a_created{x="1"} 1.5
        # TYPE h histogram
        h_bucket{le="1"} 2 # {t="x"} 0.5 9
        h_bucket{le="+Inf"} 3
        h_count 3
        h_sum 4
        h_created 2
        # TYPE g gauge
        g_created 7
        # EOF
        """

    @Test func createdLinesAreStartTimes() throws {
        let classic = [
            "h_bucket{le=\"+Inf\"} 3.0 st 2000", "h_bucket{le=\"1.0\"} 2.0 st 2000", "h_count 3.0 st 2000",
            "h_sum 4.0 st 2000",
        ]
        var assembly = Self.assembly()
        for _ in 0..<2 {
            let (batch, report) = assembly.accept(
                Array(Self.openMetrics.utf8), format: .openMetrics1, timestamp: 9, duration: 0)
            #expect(try Self.lines(batch) == ["a_total{x=\"1\"} 5.0 st 1500", "g_created 7.0"] + classic)
            #expect(report.scraped == 6 && report.kept == 6 && batch.exemplars.count == 1)
        }
        var kept = Self.assembly { configuration, _ in configuration.settings.startTimestamps = false }
        let (batch, _) = kept.accept(Array(Self.openMetrics.utf8), format: .openMetrics1, timestamp: 9, duration: 0)
        #expect(try Self.lines(batch).contains("a_created{x=\"1\"} 1.5") && batch.startTimestamps.isEmpty)
    }

    @Test func anExemplarWithoutATimeIsStoredOnce() throws {
        func text(_ exemplar: String) -> [UInt8] {
            Array(
                """
                # TYPE a counter
                a_total{x="1"} 5 \(exemplar)
                # TYPE h histogram
                h_bucket{le="1"} 2 \(exemplar)
                h_bucket{le="+Inf"} 2
                # EOF
                """.utf8)
        }
        let scrapes: [(exemplar: String, stored: Int)] = [
            ("# {t=\"x\"} 1", 2), ("# {t=\"x\"} 1", 0), ("# {t=\"y\"} 1", 2), ("# {t=\"y\"} 2", 2), ("", 0),
            ("# {t=\"y\"} 2", 2), ("# {t=\"y\"} 2 1", 2), ("# {t=\"y\"} 2 1", 2), ("# {t=\"y\"} 2", 2),
        ]
        for isMade in [false, true] {
            var assembly = Self.assembly { _, target in target.histograms.customBuckets = isMade }
            for (number, (exemplar, stored)) in scrapes.enumerated() {
                let (batch, _) = assembly.accept(
                    text(exemplar), format: .openMetrics1, timestamp: 5000 + Int64(number), duration: 0)
                #expect(batch.exemplars.count == stored, "scrape \(number): \(exemplar)")
            }
        }
    }

    @Test func classicHistogramsBecomeNativeOnesWhereAskedFor() throws {
        let native = "h schema -53 count 3.0 sum 4.0 [2.0, 1.0] [1.0] st 2000"
        for always in [false, true] {
            var assembly = Self.assembly { _, target in
                target.histograms.customBuckets = true
                target.histograms.alwaysClassic = always
            }
            for _ in 0..<2 {
                let (batch, _) = assembly.accept(
                    Array(Self.openMetrics.utf8), format: .openMetrics1, timestamp: 9, duration: 0)
                let lines = try Self.lines(batch)
                #expect(lines.contains(native) && lines.contains("h_sum 4.0 st 2000") == always, "\(lines)")
                #expect(batch.exemplars.count == (always ? 2 : 1))
            }
            let (gone, _) = assembly.accept(Array("# EOF".utf8), format: .openMetrics1, timestamp: 10, duration: 0)
            #expect(try Self.lines(gone).contains("h stale"))
        }
    }

    @Test func duplicatesAndOtherSpellingsAreOneSeries() throws {
        var assembly = Self.assembly()
        func take(_ text: String) throws -> ([String], ScrapeAssembly.Report) {
            let (batch, report) = assembly.accept(Array(text.utf8), format: .text004, timestamp: 9, duration: 0)
            return (try Self.lines(batch), report)
        }
        let first = try take("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\nb 1\n")
        #expect(first.0 == ["a{x=\"1\", y=\"2\"} 1.0", "b 1.0"])
        #expect(first.1.duplicates == 1 && first.1.kept == 3 && first.1.added == 2)
        // Spelled differently it goes on, and does not end.
        #expect(try take("a{y=\"2\",x=\"1\",} 3\n").0 == ["a{x=\"1\", y=\"2\"} 3.0", "b stale"])
        #expect(try take("").0 == ["a{x=\"1\", y=\"2\"} stale"])
        // Times of its own make several samples of a series.
        #expect(try take("a 1 5\na 2 6\n").0.count == 2)
    }

    @Test func aFloodOfSeriesIsReadButNotRemembered() throws {
        var assembly = Self.assembly(remembering: 100)
        func body(_ from: Int, _ count: Int) -> [UInt8] {
            let flood = (from..<from + count).map { "flood{id=\"\($0)\"} 1\n" }.joined()
            return Array(((0..<50).map { "steady{i=\"\($0)\"} \($0)\n" }.joined() + flood).utf8)
        }
        _ = assembly.accept(body(0, 0), format: .text004, timestamp: 0, duration: 0)
        for scrape in 1..<6 {
            let (batch, report) = assembly.accept(
                body(scrape * 5000, 5000), format: .text004, timestamp: Int64(scrape), duration: 0)
            #expect(report.failure == nil && report.kept == 5050)
            let lines = try Self.lines(batch)
            #expect(lines.filter { $0.hasPrefix("steady") && !$0.hasSuffix("stale") }.count == 50)
            #expect(lines.filter { $0.hasPrefix("flood") && $0.hasSuffix(" 1.0") }.count == 5000)
            #expect(lines.filter { $0.hasSuffix("stale") }.count <= 50)
            #expect(assembly.rememberedSeries <= 100)
        }
        let (batch, _) = assembly.accept(body(0, 0), format: .text004, timestamp: 9, duration: 0)
        #expect(try Self.lines(batch).filter { $0.hasPrefix("steady") && !$0.hasSuffix("stale") }.count == 50)
    }

    @Test func settingsAreReadAndChecked() throws {
        func read(_ text: String) throws -> ScrapeConfiguration {
            try ScrapeConfiguration.read(
                try #require(try YAMLNode.read(text, file: "c")), defaults: ScrapeDefaults())
        }
        let scrape = try read(
            """
            job_name: a
            scrape_protocols: [PrometheusText0.0.4, OpenMetricsText2.0.0]
            fallback_scrape_protocol: PrometheusText1.0.0
            metric_name_validation_scheme: legacy
            always_scrape_classic_histograms: true
            native_histogram_bucket_limit: 50
            native_histogram_min_bucket_factor: 1.1
            extra_scrape_metrics: true
            keep_dropped_targets: 3
            static_configs: [{targets: ['a:1']}]
            relabel_configs: [{target_label: __unix_socket__, replacement: /run/a.sock}, {target_label: __scrape_native_histograms__, replacement: 'true'}]
            """)
        #expect(scrape.settings.protocols == [.text004, .openMetrics2] && scrape.fallbackProtocol == .text1)
        #expect(scrape.settings.escapingAsked == .underscores && scrape.settings.keepDroppedTargets == 3)
        let target = try #require(Target.resolve(scrape, groups: scrape.staticGroups).active.first)
        #expect(target.unixSocket == "/run/a.sock" && target.labels == LabelSet(["job": "a", "instance": "a:1"]))
        #expect(target.histograms.native && target.histograms.alwaysClassic && target.histograms.bucketLimit == 50)
        #expect(
            ScrapeProtocol.acceptHeader(scrape.settings.protocols(native: false), escaping: .underscores)
                == "text/plain;version=0.0.4;q=0.3,application/openmetrics-text;version=2.0.0;escaping=underscores;q=0.2,*/*;q=0.1"
        )
        #expect(
            ScrapeProtocol.acceptHeader(ScrapeProtocol.standard, escaping: .allowUTF8)
                == "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        )
        for bad in [
            "scrape_protocols: []", "scrape_protocols: [Telex]", "scrape_protocols: [PrometheusProto, PrometheusProto]",
            "fallback_scrape_protocol: text", "sample_limit: -1", "metric_name_validation_scheme: utf-8",
            "{metric_name_validation_scheme: legacy, metric_name_escaping_scheme: allow-utf-8}",
            "metric_relabel_configs: [{action: labeldrop, regex: a, target_label: b}]",
            "metric_relabel_configs: [{action: labelkeep, regex: a, source_labels: [b]}]",
            "metric_relabel_configs: [{action: keepequal, source_labels: [a], target_label: b, regex: c}]",
            "metric_relabel_configs: [{action: dropequal, source_labels: [a], target_label: b, separator: '-'}]",
        ] {
            let text =
                bad.hasPrefix("{") ? "{job_name: a, \(bad.dropFirst())" : "job_name: a\n\(bad)"
            #expect(throws: YAMLError.self, "\(bad)") { try read(text) }
        }
    }

    @Test func limitsNamesAndReportsFollowTheConfiguration() throws {
        var legacy = Self.assembly { configuration, _ in
            configuration.settings.validation = .legacy
            configuration.settings.extraScrapeMetrics = true
            configuration.settings.sampleLimit = 7
        }
        let (_, bad) = legacy.accept(Array("{\"a.b\"} 1\n".utf8), format: .text004, timestamp: 1, duration: 0)
        #expect(bad.failure?.hasPrefix("invalid metric name") == true)
        let (batch, good) = legacy.accept(Array("a:b 1\n".utf8), format: .text004, timestamp: 2, duration: 0)
        #expect(good.failure == nil)
        var reports: [String: Double] = [:]
        for i in batch.refs.indices {
            let name = try batch.labels(ofSeries: Int(batch.refs[i])).metricName ?? ""
            if name.hasPrefix("scrape_") || name == "up" { reports[name] = batch.values[i] }
        }
        #expect(
            reports == [
                "up": 1, "scrape_duration_seconds": 0, "scrape_samples_scraped": 1,
                "scrape_samples_post_metric_relabeling": 1, "scrape_series_added": 1, "scrape_timeout_seconds": 1,
                "scrape_sample_limit": 7, "scrape_body_size_bytes": 6,
            ])
    }
}
