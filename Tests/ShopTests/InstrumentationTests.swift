import Logging
import Metrics
import Synchronization
import Testing

@testable import ServiceInstrumentation

@Suite struct InstrumentationTests {
    @Test func traceParentIsReadAndWrittenByTheSpecification() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        let span = "00f067aa0ba902b7"
        let valid: [(header: String, sampled: Bool)] = [
            ("00-\(trace)-\(span)-01", true), ("00-\(trace)-\(span)-00", false), ("00-\(trace)-\(span)-03", true),
            ("cc-\(trace)-\(span)-01", true), ("cc-\(trace)-\(span)-01-what-the-future-brings", true),
        ]
        for (header, sampled) in valid {
            let context = TraceContextPropagator.extract(traceParent: header, traceState: "vendor=1")
            #expect(context?.traceID.description == trace, "\(header)")
            #expect(context?.spanID.description == span, "\(header)")
            #expect(context?.isSampled == sampled, "\(header)")
            #expect(context?.isRemote == true)
            var sent: [String] = []
            TraceContextPropagator.inject(context) { sent.append("\($0): \($1)") }
            #expect(sent == ["traceparent: 00-\(trace)-\(span)-0\(sampled ? 1 : 0)", "tracestate: vendor=1"])
        }
        let invalid = [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-1", "00-\(trace)-\(span)-01-more",
            "ff-\(trace)-\(span)-01", "cc-\(trace)-\(span)-01x", "00-\(trace.uppercased())-\(span)-01",
            "00-\(String(repeating: "0", count: 32))-\(span)-01", "00-\(trace)-\(String(repeating: "0", count: 16))-01",
            "0x-\(trace)-\(span)-01", "00_\(trace)_\(span)_01", "00-\(trace)-\(span)-0g", "00-\(trace)-\(span)-é",
        ]
        for header in invalid { #expect(TraceContextPropagator.extract(traceParent: header) == nil, "\(header)") }
        TraceContextPropagator.inject(nil) { name, _ in Issue.record("\(name) without a context") }
    }

    @Test func spansHangOnTheTaskAndKeepWhatTheyAreTold() async throws {
        let ended = Mutex<[SpanRecord]>([])
        let tracer = Tracer { record in ended.withLock { $0.append(record) } }
        struct Broken: Error {}
        _ = try? await tracer.withSpan("outer", kind: .server) { outer in
            try await tracer.withSpan("inner", attributes: ["a": 1]) { inner in
                #expect(inner.context.traceID == outer.context.traceID)
                #expect(SpanContext.current == inner.context)
                Span.current?.setAttribute("a", 2)
                throw Broken()
            }
        }
        tracer.startSpan("alone", parent: .none, links: [SpanLink(SpanContext(traceID: .random(), spanID: .random()))])
            .end()
        let unsampled = SpanContext(traceID: .random(), spanID: .random(), isSampled: false)
        tracer.startSpan("unsampled", parent: .context(unsampled)).end()
        let records = ended.withLock { $0 }
        #expect(records.map(\.name) == ["inner", "outer", "alone"])
        let (inner, outer) = (records[0], records[1])
        #expect(inner.parent == outer.context)
        #expect(outer.parent == nil)
        #expect(inner.attributes["a"] == 2)
        #expect(inner.attributes["error.type"] == "Broken")
        #expect(inner.events.map(\.name) == ["exception"])
        #expect(inner.events.first?.attributes["exception.type"] == "Broken")
        #expect(inner.status != .unset && inner.end >= inner.start)
        #expect(records[2].links.count == 1 && records[2].parent == nil)
        #expect(SpanContext.current == nil)

        let logged = Mutex<[LogRecord]>([])
        let logger = Logger(label: "test") { label in
            OTLPLogHandler(label: label, level: .info) { record in logged.withLock { $0.append(record) } }
        }
        await tracer.withSpan("logging") { span in
            logger.error("no", metadata: ["count": .stringConvertible(3), "who": "me", "b": .stringConvertible(true)])
            logger.debug("not this")
            #expect(logged.withLock { $0.first?.context } == span.context)
        }
        let log = try #require(logged.withLock { $0.first })
        #expect(logged.withLock { $0.count } == 1)
        #expect(log.attributes == ["b": true, "count": 3, "who": "me"])
        #expect(log.severityNumber == 17 && log.severityText == "ERROR" && log.body == "no")
    }

    @Test func metricsAreRenderedInBothTextFormats() async throws {
        let registry = MetricsRegistry()
        let orders = registry.counter("shop.orders", help: "Orders\nby \\ \"result\".")
        orders.increment(["status": "a\"b\\c\nd"])
        orders.increment(by: 2.5, ["status": "paid", "a.b": "x"])
        orders.increment(by: -1)
        registry.gauge("depth").set(-3)
        _ = registry.gauge("empty")
        let durations = registry.histogram("duration_seconds", boundaries: [1, 0.5])
        let context = SpanContext(traceID: TraceID(high: 1, low: 2), spanID: SpanID(3))
        SpanContext.$current.withValue(context) { durations.observe(0.7, ["route": "/"]) }
        for value in [0.5, 99, .nan] { durations.observe(value, ["route": "/"]) }
        registry.gauge("shop_orders_total").set(7)
        let text = """
            # TYPE depth gauge
            depth -3
            # TYPE duration_seconds histogram
            duration_seconds_bucket{route="/",le="0.5"} 1
            duration_seconds_bucket{route="/",le="1.0"} 2
            duration_seconds_bucket{route="/",le="+Inf"} 3
            duration_seconds_sum{route="/"} 100.2
            duration_seconds_count{route="/"} 3
            # HELP shop_orders_total Orders\\nby \\\\ "result".
            # TYPE shop_orders_total counter
            shop_orders_total{a_b="x",status="paid"} 2.5
            shop_orders_total{status="a\\"b\\\\c\\nd"} 1

            """
        #expect(registry.render() == text)
        let open = registry.render(.openMetrics)
        #expect(open.hasSuffix("# EOF\n"))
        #expect(open.contains("# TYPE shop_orders counter\n"))
        #expect(open.contains(#"# HELP shop_orders Orders\nby \\ \"result\"."#))
        #expect(
            open.contains(
                #"le="1.0"} 2 # {trace_id="00000000000000010000000000000002",span_id="0000000000000003"} 0.7 "#))
        let accepts: [(String?, ExpositionFormat)] = [
            (nil, .prometheusText), ("*/*", .prometheusText), ("text/plain", .prometheusText),
            ("application/openmetrics-text; version=1.0.0", .openMetrics),
            ("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5", .openMetrics),
            ("application/openmetrics-text;q=0.1, text/plain;q=0.9", .prometheusText),
            ("application/openmetrics-text;q=0", .prometheusText),
        ]
        for (accept, format) in accepts { #expect(ExpositionFormat(accept: accept) == format, "\(accept ?? "nil")") }

        let shared = MetricsRegistry()
        let factory = PrometheusMetricsFactory(shared)
        Metrics.Counter(label: "hits", dimensions: [("path", "/")], factory: factory).increment(by: 2)
        Metrics.Gauge(label: "level", factory: factory).record(1.5)
        Metrics.Timer(label: "work.time", factory: factory).recordMilliseconds(30)
        let rendered = shared.render()
        for line in ["hits_total{path=\"/\"} 2", "level 1.5", "work_time_bucket{le=\"0.05\"} 1", "work_time_count 1"] {
            #expect(rendered.contains(line + "\n"), "\(line)")
        }
    }

    @Test func unboundedLabelsDoNotGrowWithoutBound() {
        let registry = MetricsRegistry()
        let counter = registry.counter("hits_total")
        for number in 0..<5000 { counter.increment(["id": "\(number)"]) }
        let lines = registry.render().split(separator: "\n")
        #expect(lines.count == 2002)
        #expect(lines.contains("hits_total{otel_metric_overflow=\"true\"} 3000"))
    }

    @Test func anExporterRetriesWhatIsBusyAndCountsWhatIsLost() async {
        var configuration = ExporterConfiguration(endpoint: "http://unused.example")
        configuration.queueLimit = 10
        configuration.batchLimit = 4
        configuration.initialBackoff = .milliseconds(1)
        let answers = Mutex<[ExportOutcome]>([
            .busy(retryAfter: nil), .accepted(rejected: 1), .refused, .busy(retryAfter: .seconds(3600)),
        ])
        let batches = Mutex<[[Int]]>([])
        let exporter = BatchExporter<Int>(configuration) { batch in
            batches.withLock { $0.append(batch) }
            return answers.withLock { $0.isEmpty ? .refused : $0.removeFirst() }
        }
        for number in 0..<13 { exporter.add(number) }
        await exporter.drain(until: .now + .seconds(600))
        #expect(batches.withLock { $0 } == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
        let counts = exporter.counts
        #expect(counts.droppedByQueue == 3)
        #expect(counts.exported == 3)
        #expect(counts.failed == 7)
    }
}
