import Codecs
import Foundation
import OTLPMessages
import Patterns
import SwiftProtobuf
import Telemetry
import Wire

/// Hot kernels against a named other way of doing the same, in one run: `swift run -c release kernels`.
///
/// Each line is the time of ours, the time of the other, and their ratio; below 1 ours is faster (or smaller).
@main
enum Kernels {
    static func main() throws {
        print("kernel".padding(toLength: 56, withPad: " ", startingAt: 0), "ours            other           ratio")
        try otlpTraces()
        regularExpressions()
        try sampleColumns()
        substringSearch()
    }

    /// The best of several rounds, in seconds: the machine's noise only ever adds.
    private static func best(_ rounds: Int = 7, _ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            try body()
            let elapsed = ContinuousClock.now - start
            best = min(best, Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
        }
        return best
    }

    private static func row(_ name: String, _ ours: Double, _ other: Double, unit: String, scale: Double) {
        func cell(_ value: Double) -> String {
            (String(format: "%.2f ", value * scale) + unit).padding(toLength: 15, withPad: " ", startingAt: 0)
        }
        print(
            name.padding(toLength: 56, withPad: " ", startingAt: 0), cell(ours), cell(other),
            String(format: "%.3f", ours / other))
    }

    private static func otlpTraces() throws {
        var request = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest()
        var resource = Opentelemetry_Proto_Trace_V1_ResourceSpans()
        resource.resource.attributes = [attribute("service.name", "web")]
        var scope = Opentelemetry_Proto_Trace_V1_ScopeSpans()
        for i in 0..<1000 {
            var span = Opentelemetry_Proto_Trace_V1_Span()
            span.traceID = Data((0..<16).map { UInt8(truncatingIfNeeded: i &* 31 &+ $0 &+ 1) })
            span.spanID = Data((0..<8).map { UInt8(truncatingIfNeeded: i &+ $0 &+ 1) })
            span.name = "GET /api/catalogue/product/\(i % 50)"
            span.startTimeUnixNano = 1_700_000_000_000_000_000 + UInt64(i) * 1000
            span.endTimeUnixNano = span.startTimeUnixNano + 5_000_000
            span.attributes = (0..<10).map { attribute("http.attribute.\($0)", "value \(i % 7) of \($0)") }
            scope.spans.append(span)
        }
        resource.scopeSpans = [scope]
        request.resourceSpans = [resource]
        let bytes = Array(try request.serializedData())
        let data = Data(bytes)
        let ours = try best { _ = try OTLPTraces.decode(protobuf: bytes) }
        let other = try best {
            _ = try Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest(serializedBytes: data)
        }
        row("OTLP spans to columns | swift-protobuf decode", ours / 1000, other / 1000, unit: "µs/span", scale: 1e6)
    }

    private static func attribute(_ key: String, _ value: String) -> Opentelemetry_Proto_Common_V1_KeyValue {
        var pair = Opentelemetry_Proto_Common_V1_KeyValue()
        pair.key = key
        pair.value.stringValue = value
        return pair
    }

    private static func lines() -> [String] {
        (0..<20_000).map {
            "2026-08-21T10:00:0\($0 % 10)Z level=info service=payment order=ORD-\($0) user=u\($0 % 97) msg=\"payment accepted\" took=\($0 % 300)ms"
        }
    }

    private static func regularExpressions() {
        let lines = lines()
        let bytes = lines.map { Array($0.utf8) }
        for expression in ["took=2[0-9]{2}ms", "user=(u1|u2|u3) .*accepted", "(?i)DECLINED|refused"] {
            guard let pattern = try? Pattern(expression), let foundation = try? NSRegularExpression(pattern: expression)
            else { continue }
            var matches = (0, 0)
            let ours = best {
                var matcher = pattern.makeMatcher()
                matches.0 = bytes.count { matcher.isFound(in: $0[...]) }
            }
            let other = best(3) {
                matches.1 = lines.count {
                    foundation.firstMatch(in: $0, range: NSRange(location: 0, length: $0.utf16.count)) != nil
                }
            }
            precondition(matches.0 == matches.1, "\(expression): \(matches)")
            row(
                "regex \(expression) | NSRegularExpression", ours / Double(lines.count), other / Double(lines.count),
                unit: "ns/line", scale: 1e9)
        }
    }

    private static func sampleColumns() throws {
        let count = 8192
        let times = (0..<count).map { 1_700_000_000_000 + Int64($0) * 15_000 }
        var total = 0.0
        let counter = (0..<count).map { i -> Double in
            total += Double(i % 13)
            return total
        }
        let gauge = (0..<count).map { (Double(($0 * 7919) % 10_000) / 100) }
        for (name, values) in [("counter", counter), ("gauge of two decimals", gauge)] {
            let sealed = SealedColumn.encode(timestamps: times, values: values)
            var raw: [UInt8] = []
            for (time, value) in zip(times, values) {
                withUnsafeBytes(of: time.littleEndian) { raw.append(contentsOf: $0) }
                withUnsafeBytes(of: value.bitPattern.littleEndian) { raw.append(contentsOf: $0) }
            }
            let (_, packed) = BlockCodec.compress(raw, codec: .best, level: 3)
            row(
                "bytes of a \(name) | \(BlockCodec.best) of raw", Double(sealed.count) / Double(count),
                Double(packed.count) / Double(count), unit: "B/sample", scale: 1)
            let decode = try best { _ = try SealedColumn.decode(sealed[...], count: count) }
            let inflate = try best { _ = try BlockCodec.decompress(packed[...], codec: .best, expectedSize: raw.count) }
            row(
                "decode of a \(name) | decompress", decode / Double(count), inflate / Double(count), unit: "ns/sample",
                scale: 1e9)
        }
    }

    private static func substringSearch() {
        let text = Array(lines().joined(separator: "\n").utf8)
        let needle = Array("payment declined".utf8)
        let ours = best { _ = ByteSearch.find(needle, in: text[...]) }
        let data = Data(text)
        let wanted = Data(needle)
        let other = best { _ = data.range(of: wanted) }
        row(
            "substring | Foundation Data.range(of:)", ours / Double(text.count), other / Double(text.count),
            unit: "ns/kB", scale: 1e12)
    }
}
