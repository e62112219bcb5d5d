import Telemetry
import Testing

@testable import Wire

/// Formats whose histograms come in one piece.
@Suite struct ExpositionFormatTests {
    private static func lines(
        _ body: [UInt8], _ format: ExpositionFormat, _ histograms: HistogramReading = HistogramReading()
    ) throws -> [String] {
        var reader = ExpositionReader(capacity: 100, seed: 1)
        var out: [String] = []
        // The second time everything is remembered.
        for scrape in 0..<2 {
            let columns = try reader.read(body, format: format, histograms: histograms, defaultTimestamp: 3)
            #expect(scrape == 0 || columns.fresh.isEmpty)
            out = try ExpositionReaderTests.rows(columns).map { row in
                var line = "\(row.labels) "
                if let histogram = row.histogram {
                    line += "schema \(histogram.schema) count \(histogram.count) sum \(histogram.sum)"
                    line += " z \(histogram.zeroCount) + \(histogram.positiveSpans.map { "\($0.offset):\($0.length)" })"
                    line += " \(histogram.positiveBuckets) - \(histogram.negativeBuckets) \(histogram.customValues)"
                    if histogram.resetHint == .gauge { line += " gauge" }
                } else {
                    line += "\(Double(bitPattern: row.value))"
                }
                if let time = row.time { line += " @\(time)" }
                if row.start != 0 { line += " st \(row.start)" }
                for exemplar in row.exemplars {
                    line += " # \(exemplar.labels) \(exemplar.value) \(exemplar.timestamp)"
                }
                return line
            }
            _ = reader.keep(columns)
        }
        return out
    }

    @Test func openMetrics2HasHistogramsInOneLine() throws {
        let text = """
            # TYPE h histogram
            h{a="b"} {count:3,sum:4.5,bucket:[0.5:1,+Inf:3]} 1.5 st@1.25 # {t="x"} 0.4 2 # {t="y"} 7 3
            # TYPE n histogram
            n {count:6,sum:2,schema:1,zero_threshold:0.001,zero_count:1,positive_spans:[0:2,1:1],positive_buckets:[1,2,2]} st@5
            # TYPE s summary
            s {count:2,sum:3,quantile:[0.5:1,1:NaN]}
            # TYPE c counter
            c 17 st@2
            # EOF
            """
        let classic = [
            "h_bucket{a=\"b\", le=\"0.5\"} 1.0 @1500 st 1250 # {t=\"x\"} 0.4 2000",
            "h_bucket{a=\"b\", le=\"+Inf\"} 3.0 @1500 st 1250 # {t=\"y\"} 7.0 3000",
            "h_sum{a=\"b\"} 4.5 @1500 st 1250", "h_count{a=\"b\"} 3.0 @1500 st 1250",
        ]
        let rest = [
            "s{quantile=\"0.5\"} 1.0", "s{quantile=\"1.0\"} nan(0x1)", "s_sum 3.0", "s_count 2.0", "c 17.0 st 2000",
        ]
        let lone = ["n_bucket{le=\"+Inf\"} 6.0 st 5000", "n_sum 2.0 st 5000", "n_count 6.0 st 5000"]
        let native = "n schema 1 count 6.0 sum 2.0 z 1.0 + [\"0:2\", \"1:1\"] [1.0, 2.0, 2.0] - [] [] st 5000"
        let custom =
            "h{a=\"b\"} schema -53 count 3.0 sum 4.5 z 0.0 + [\"0:2\"] [1.0, 2.0] - [] [0.5] @1500 st 1250 # {t=\"x\"} 0.4 2000 # {t=\"y\"} 7.0 3000"
        var reading = HistogramReading()
        func expect(_ expected: [String]) throws {
            let found = try Self.lines(Array(text.utf8), .openMetrics2, reading)
            #expect(found == expected, "\(zip(found, expected).filter { $0 != $1 })")
        }
        try expect(classic + lone + rest)
        reading.native = true
        try expect(classic + [native] + rest)
        reading.customBuckets = true
        try expect([custom, native] + rest)
        reading.bucketLimit = 2
        let reduced = try Self.lines(Array(text.utf8), .openMetrics2, reading)
        #expect(
            reduced.contains { $0.hasPrefix("n schema 0 count 6.0") || $0.hasPrefix("n schema -1 count 6.0") },
            "\(reduced)")
        for bad in [
            "h {count:1}", "h {count:1,sum:2}", "h {count:1,sum:2,bucket:[1:1]}", "h {count:1,sum:2,bucket:[+Inf:1}",
            "h {count:1,sum:2,bucket:[2:1,1:1,+Inf:1]}", "h {count:1,count:1,sum:2,bucket:[+Inf:1]}", "h {}",
            "h {count",
            "h {count:1,sum:1,schema:1.5,zero_threshold:0,zero_count:0}", "h {count:1,sum:1,fudge:2}",
            "h {count:1,sum:1,schema:1,zero_threshold:0,zero_count:0,positive_spans:[0:3],positive_buckets:[1]}",
            "h 1 st@",
            "h 1 ts@3",
        ] {
            #expect(throws: WireError.self, "\(bad)") { try Self.lines(Array("\(bad)\n# EOF\n".utf8), .openMetrics2) }
        }
    }

    private enum Form: CaseIterable { case classic, native, both }

    private static func family(_ form: Form) -> [UInt8] {
        var family = ProtobufWriter()
        family.string(1, "h")
        family.string(2, "help")
        family.varint(3, 4 as UInt64)
        family.message(4) { metric in
            metric.message(1) { label in
                label.string(1, "a.b")
                label.string(2, "x\"y")
            }
            metric.message(7) { histogram in
                histogram.varint(1, 5 as UInt64)
                histogram.double(2, 10)
                if form != .native {
                    for (count, bound) in [(2, 1.0), (4, 2.0)] as [(UInt64, Double)] {
                        histogram.message(3) { bucket in
                            bucket.varint(1, count)
                            bucket.double(2, bound)
                        }
                    }
                }
                if form != .classic {
                    histogram.zigZag(5, 3)
                    histogram.double(6, 0.5)
                    histogram.varint(7, 1 as UInt64)
                    histogram.message(12) { span in
                        span.zigZag(1, -2)
                        span.varint(2, 2 as UInt64)
                    }
                    // 3 and, one less, 2... as differences: 3, -2.
                    histogram.zigZag(13, 3)
                    histogram.zigZag(13, -2)
                    for stamped in [true, false] {
                        histogram.message(16) { exemplar in
                            exemplar.double(2, stamped ? 1 : 2)
                            if stamped { exemplar.message(3) { $0.varint(1, 7 as UInt64) } }
                        }
                    }
                }
                histogram.message(15) { $0.varint(1, 4 as UInt64) }
            }
        }
        let bytes = family.bytes
        return [UInt8(truncatingIfNeeded: bytes.count & 0x7f | (bytes.count > 127 ? 0x80 : 0))]
            + (bytes.count > 127 ? [UInt8(truncatingIfNeeded: bytes.count >> 7)] : []) + bytes
    }

    @Test func protobufHistogramsFollowTheTable() throws {
        let labels = LabelSet(["a.b": "x\"y"])
        func series(_ name: String, _ more: [String: String] = [:]) -> String {
            "\(labels.merging(LabelSet(more)).setting("__name__", to: name))"
        }
        let ends = ["\(series("h_sum")) 10.0 st 4000", "\(series("h_count")) 5.0 st 4000"]
        let lone = ["\(series("h_bucket", ["le": "+Inf"])) 5.0 st 4000"]
        let classic =
            ["\(series("h_bucket", ["le": "1.0"])) 2.0 st 4000", "\(series("h_bucket", ["le": "2.0"])) 4.0 st 4000"]
            + lone
            + ends
        let native =
            "\(series("h")) schema 3 count 5.0 sum 10.0 z 1.0 + [\"-2:2\"] [3.0, 1.0] - [] [] st 4000 # {} 1.0 7000"
        let custom =
            "\(series("h")) schema -53 count 5.0 sum 10.0 z 0.0 + [\"0:3\"] [2.0, 2.0, 1.0] - [] [1.0, 2.0] st 4000"
        func reading(_ native: Bool, _ always: Bool, _ custom: Bool) -> HistogramReading {
            var reading = HistogramReading()
            (reading.native, reading.alwaysClassic, reading.customBuckets) = (native, always, custom)
            return reading
        }
        func bare(_ lines: [String]) -> [String] {
            lines.map { $0.contains(" schema ") ? $0 : String($0.split(separator: " #")[0]) }
        }
        let table: [(Form, HistogramReading, [String])] = [
            (.classic, reading(true, false, false), classic), (.classic, reading(true, false, true), [custom]),
            (.classic, reading(true, true, true), [custom] + classic), (.native, reading(true, false, true), [native]),
            (.native, reading(false, false, false), lone + ends), (.both, reading(true, false, true), [native]),
            (.both, reading(true, true, true), [native] + classic), (.both, reading(false, false, true), classic),
        ]
        for (form, reading, expected) in table {
            #expect(try bare(Self.lines(Self.family(form), .protobuf, reading)) == expected, "\(form) \(reading)")
        }
        let whole = Self.family(.both)
        for length in 1..<whole.count {
            #expect(throws: WireError.self) { try Self.lines(Array(whole[..<length]), .protobuf) }
        }
    }

    @Test func contentTypesNameTheFormat() {
        let types: [(String?, ExpositionFormat?)] = [
            (nil, nil), ("", nil), ("text/html", nil), ("text/plain", .text004),
            ("Text/Plain; Version=1.0.0", .text004),
            ("application/openmetrics-text; version=2.0.0; charset=utf-8", .openMetrics2),
            ("application/openmetrics-text", .openMetrics1), ("application/openmetrics-text;version=3.0.0", nil),
            (
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                .protobuf
            ),
            ("application/vnd.google.protobuf; proto=other; encoding=delimited", nil), ("text/plain; broken", nil),
        ]
        for (type, format) in types {
            #expect(ExpositionFormat.negotiate(contentType: type) == format, "\(type ?? "nil")")
        }
    }
}
