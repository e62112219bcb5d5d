import Foundation
import Testing

@testable import needletail

@Test func `the unit of an expression follows from the names in it`() {
    let cases: [(expression: String, value: Double, text: String)] = [
        ("node_memory_MemFree_bytes", 1_572_864, "1.5 MiB"),
        ("sum by (job) (rate(http_response_size_bytes_sum[5m]))", 2048, "2 KiB/s"),
        ("increase(container_network_receive_bytes_total[1h])", 1_073_741_824, "1 GiB"),
        ("http_request_duration_seconds{quantile=\"0.9\"}", 0.0123, "12.3 ms"),
        ("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))", 0.25, "250 ms"),
        ("rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m])", 3, "3 s"),
        ("process_uptime_seconds", 7200, "2 h"),
        ("sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))", 0.05, "5%"),
        ("100 * (node_filesystem_free_bytes / node_filesystem_size_bytes)", 12.5, "12.5%"),
        ("disk_used_ratio", 0.5, "50%"), ("cpu_usage_percent", 50, "50%"),
        ("rate(http_requests_total[5m])", 1234, "1.23 k/s"), ("count(node_memory_MemFree_bytes)", 12, "12"),
        ("rate(process_cpu_seconds_total[1m])", 0.5, "0.5/s"), ("node_hwmon_temp_celsius", 41.5, "41.5 °C"),
        ("up", 1, "1"), ("not promql at all", 5, "5"), ("process_start_time_seconds", 5000, "5 k"),
        ("{__name__=\"x_bytes\"}", 512, "512 B"), ("x_bytes", .nan, "NaN"), ("x_bytes", -.infinity, "-Inf"),
        ("x_seconds", 0, "0 s"), ("x_seconds", 0.000_002, "2 µs"),
    ]
    for (expression, value, text) in cases {
        #expect(MetricUnit.of(expression).text(value) == text, "\(expression)")
    }
}

@Test func `a plot keeps to its width, shows every series, and has escapes only where it may`() throws {
    let start = 1_700_000_000.0
    func series(_ name: String, _ value: (Double) -> Double) -> PlottedSeries {
        PlottedSeries(name: name, points: (0...60).map { (start + Double($0) * 60, value(Double($0))) })
    }
    let wave = series("{job=\"a\"}") { sin($0 / 5) + 1 }
    let flat = series("{job=\"b\"}") { _ in 1 }
    let single = PlottedSeries(name: "{job=\"c\"}", points: [(start, 2)])
    let none = PlottedSeries(name: "{job=\"d\"}", points: [], undrawn: 3)
    let many = (0..<20).map { number in series("{n=\"\(number)\"}") { $0 * Double(number) } }
    let cases: [(series: [PlottedSeries], unit: MetricUnit)] = [
        ([wave], .none), ([wave, flat], .seconds), ([flat], .bytes), ([single], .none), ([none], .none),
        (many, .bytes), ([series("{}") { $0 * 1e300 }], .none), ([series("{}") { -$0 * 1e-300 }], .none),
        ([series("\u{1b}[31mred\n") { $0 }], .none),
    ]
    for (series, unit) in cases {
        for (width, height) in [(40, 4), (80, 16), (200, 40)] {
            for hasColour in [false, true] {
                let plot = Plot(series: series, start: start, end: start + 3600, step: 60, unit: unit)
                let text = plot.drawn(width: width, height: height, hasColour: hasColour)
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                #expect(text.contains("\u{1b}") == (hasColour && !series.allSatisfy { $0.points.isEmpty } || hasColour))
                guard !hasColour else { continue }
                #expect(lines.allSatisfy { $0.columns <= max(width, 60) || $0.contains("more series") }, "\(text)")
                for one in series.prefix(Plot.mostLines) where one.name.count < 12 {
                    #expect(text.contains(one.name.withoutControls), "\(text)")
                }
            }
        }
    }
    let drawn = Plot(series: [wave, flat], start: start, end: start + 3600, step: 60, unit: .none)
        .drawn(width: 80, height: 12, hasColour: false)
    #expect(drawn.unicodeScalars.contains { (0x2801...0x28ff).contains($0.value) }, "\(drawn)")
    #expect(drawn.contains("●") && drawn.contains("▲") && drawn.contains("┤") && drawn.contains("└─"), "\(drawn)")
    let more = Plot(series: many, start: start, end: start + 3600, step: 60, unit: .none)
    #expect(more.drawn(width: 80, height: 12, hasColour: false).contains("and 8 more series"))
}

@Test func `lines are not drawn across a gap`() {
    func dots(_ points: [(Double, Double)]) -> Int {
        let plot = Plot(
            series: [PlottedSeries(name: "x", points: points)], start: 0, end: 100, step: 10, unit: .none)
        let text = plot.drawn(width: 60, height: 8, hasColour: false)
        return text.unicodeScalars.filter { (0x2801...0x28ff).contains($0.value) && $0.value != 0x2812 }.count
    }
    #expect(dots([(0, 1), (100, 1)]) == 2)
    #expect(dots((0...10).map { (Double($0) * 10, 1) }) > 40)
}

@Test func `a caret stands under the place that the server names`() {
    let cases: [(expression: String, sentence: String, expected: String)] = [
        ("sum(rate(x[5m])", "invalid parameter \"query\": 1:16: parse error: unclosed", "\n  sum(rate(x[5m])\n                 ^"),
        ("up +* 2", "1:5: parse error: unexpected", "\n  up +* 2\n      ^"),
        ("a\n+ ?", "2:3: parse error: x", "\n  + ?\n    ^"),
        ("{a=\"é\"} x", "1:10: parse error", "\n  {a=\"é\"} x\n          ^"),
        ("{app=} ", "parse error at line 1, col 6: syntax error", "\n  {app=} \n       ^"),
        ("up", "7:90: parse error", ""), ("up", "query timed out", ""), ("up", "unknown position: parse error", ""),
        ("up", "1:99999999999999999999: parse error", ""), ("", "1:0: parse error", ""),
    ]
    for (expression, sentence, expected) in cases {
        #expect(Caret.under(expression, sentence) == expected, "\(expression): \(sentence)")
    }
}

@Test func `the place of the cursor in a query is found`() {
    let cases: [(text: String, place: QueryCompletion.Place)] = [
        ("", .name("")), ("htt", .name("htt")), ("sum(rate(htt", .name("htt")), ("a + b", .name("b")),
        ("up{", .label("", of: "")), ("up{jo", .label("jo", of: "")),
        ("up{job=\"", .value("", label: "job", of: "", quote: "\"")),
        ("up{job=\"a", .value("a", label: "job", of: "", quote: "\"")),
        ("up{job=\"a\",ins", .label("ins", of: "up{job=\"a\"}")),
        ("up{job=\"a\", instance=~'b", .value("b", label: "instance", of: "up{job=\"a\"}", quote: "'")),
        ("up{job=\"a\"}", .name("")), ("rate(x[5", .nothing), ("rate(x[5m", .nothing), ("rate(x[5m])", .name("")),
        ("sum by (jo", .label("jo", of: "")), ("sum by (job, in", .label("in", of: "")),
        ("sum by (job) (ht", .name("ht")), ("a / on(", .label("", of: "")), ("up{job", .label("job", of: "")),
        ("up{job=", .nothing), ("12", .nothing), ("label_replace(up, \"a", .nothing),
        ("up{a=\"x\\\"y", .value("x\"y", label: "a", of: "", quote: "\"")),
    ]
    for (text, place) in cases {
        var expected = place
        // The metric before the brace belongs to the selector.
        switch expected {
        case .label(let start, of: "") where text.hasPrefix("up{"): expected = .label(start, of: "up{}")
        case .value(let start, let label, of: "", let quote) where text.hasPrefix("up{"):
            expected = .value(start, label: label, of: "up{}", quote: quote)
        default: break
        }
        #expect(QueryCompletion.place(text) == expected, "\(text)")
    }
}

@Test func `commands, flags and their values are completed, and nothing where the server is away`() async {
    let cases: [(words: [String], among: String)] = [
        (["qu"], "query\t"), ([""], "serve\t"), (["query", "--ru"], "--running\t"), (["query", "-o", "pl"], "plot"),
        (["completion", "z"], "zsh"), (["serve", "--query.max-c"], "--query.max-concurrency\t"),
        (["serve", "--config", ""], "-"),
        (["query", "--url", "http://127.0.0.1:1", "sum(ra"], "sum(rate("),
    ]
    for (words, among) in cases {
        let found = await WordCompletion(words: words).candidates()
        #expect(found.contains { $0.hasPrefix(among) }, "\(words): \(found.prefix(5))")
    }
    let away = ["query", "--url", "http://127.0.0.1:1", "up{job=\""]
    #expect(await WordCompletion(words: away).candidates().isEmpty)
    #expect(await WordCompletion(words: []).candidates().isEmpty)
}
