internal import Patterns
internal import Storage
internal import Telemetry
internal import Vectors

/// Compares an answer with what a script expects. Each function gives the first difference, or nil.
enum TestComparison {
    /// One series of an answer, as points in time.
    struct Points {
        var labels: LabelSet
        var floats: [Int64: Double] = [:]
        var histograms: [Int64: NativeHistogram] = [:]
    }

    static func points(_ matrix: StepMatrix) -> [Points] {
        matrix.series.map { series in
            var out = Points(labels: series.labels)
            for i in 0..<series.count where series.present[i] {
                let time = matrix.grid.timestamp(at: i)
                if let histogram = series.histogram(at: i) {
                    out.histograms[time] = histogram
                } else {
                    out.floats[time] = series.values[i]
                }
            }
            return out
        }
    }

    static func points(_ samples: [SeriesColumns]) -> [Points] {
        samples.map { series in
            Points(
                labels: series.labels, floats: Dictionary(zip(series.timestamps, series.values)) { $1 },
                histograms: Dictionary(zip(series.histogramTimestamps, series.histograms)) { $1 })
        }
    }

    static func difference(
        _ got: [Points], _ expected: [SeriesNotation], start: Int64, step: Int64, ordered: Bool
    ) -> String? {
        if ordered, got.map(\.labels) != expected.map(\.labels) {
            return "order: expected \(expected.map(\.labels)), got \(got.map(\.labels))"
        }
        var rest = got
        for series in expected {
            // An empty expectation stands for nothing at all.
            let wanted = series.items.contains { if case .nothing = $0 { false } else { true } }
            guard let at = rest.firstIndex(where: { $0.labels == series.labels }) else {
                if wanted { return "expected series \(series.labels), got \(got.map(\.labels))" }
                continue
            }
            if let text = difference(rest.remove(at: at), series, start, step) { return "\(series.labels): \(text)" }
        }
        if let extra = rest.first {
            return "unexpected series \(extra.labels): \(extra.floats) \(extra.histograms.mapValues(\.compactText))"
        }
        return nil
    }

    private static func difference(_ got: Points, _ expected: SeriesNotation, _ start: Int64, _ step: Int64) -> String?
    {
        var seen = 0
        for (i, item) in expected.items.enumerated() {
            let time = start &+ Int64(i) &* step
            switch item {
            case .nothing:
                if let value = got.floats[time] { return "at \(time): expected nothing, got \(value)" }
                if let value = got.histograms[time] { return "at \(time): expected nothing, got \(value.compactText)" }
            case .float(let wanted):
                seen += 1
                guard let value = got.floats[time] else {
                    return "at \(time): expected \(wanted), got \(got.histograms[time]?.compactText ?? "nothing")"
                }
                if !almostEqual(value, wanted) { return "at \(time): expected \(wanted), got \(value)" }
            case .histogram(let wanted, let hintWritten):
                seen += 1
                guard let value = got.histograms[time] else {
                    return
                        "at \(time): expected \(wanted.compactText), got \(got.floats[time].map { "\($0)" } ?? "nothing")"
                }
                if !same(value, wanted) {
                    return "at \(time): expected \(wanted.compactText), got \(value.compactText)"
                }
                if hintWritten, value.resetHint != wanted.resetHint {
                    return "at \(time): expected hint \(wanted.resetHint), got \(value.resetHint)"
                }
            }
        }
        let points = got.floats.count + got.histograms.count
        return points == seen ? nil : "expected \(seen) points, got \(points): \(got.floats)"
    }

    static func almostEqual(_ a: Double, _ b: Double) -> Bool {
        if SpecialValue.isStaleMarker(a) || SpecialValue.isStaleMarker(b) { return a.bitPattern == b.bitPattern }
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        if a == b { return true }
        let difference = (a - b).magnitude
        if a == 0 || b == 0 || a.magnitude + b.magnitude < .leastNormalMagnitude {
            return difference < 1e-6 * .leastNormalMagnitude
        }
        return difference / min(a.magnitude + b.magnitude, .greatestFiniteMagnitude) < 1e-6
    }

    private static func same(_ a: NativeHistogram, _ b: NativeHistogram) -> Bool {
        let (left, right) = (a.compacted(), b.compacted())
        func close(_ a: [Double], _ b: [Double]) -> Bool {
            a.count == b.count && zip(a, b).allSatisfy { almostEqual($0, $1) }
        }
        return left.schema == right.schema && almostEqual(left.zeroThreshold, right.zeroThreshold)
            && almostEqual(left.zeroCount, right.zeroCount) && almostEqual(left.count, right.count)
            && almostEqual(left.sum, right.sum) && left.positiveSpans == right.positiveSpans
            && left.negativeSpans == right.negativeSpans && close(left.positiveBuckets, right.positiveBuckets)
            && close(left.negativeBuckets, right.negativeBuckets) && close(left.customValues, right.customValues)
    }

    /// What is wrong with the sentences of an answer.
    static func difference(_ result: PromQLResult, _ expectations: [TestScript.Expectation]) -> String? {
        for (kind, none, sentences) in [
            (TestScript.Expectation.Kind.warn, TestScript.Expectation.Kind.noWarn, result.warnings),
            (.info, .noInfo, result.infos),
        ] {
            let wanted = expectations.filter { $0.kind == kind }
            if expectations.contains(where: { $0.kind == none }), !sentences.isEmpty {
                return "unexpected \(kind): \(sentences)"
            }
            if wanted.isEmpty { continue }
            if sentences.isEmpty { return "expected \(kind), got none" }
            for one in wanted where !sentences.contains(where: { matches($0, one) }) {
                return "expected \(kind) \(one.message ?? one.pattern ?? ""), got \(sentences)"
            }
            for sentence in sentences where !wanted.contains(where: { matches(sentence, $0) }) {
                return "unexpected \(kind) \(sentence)"
            }
        }
        return nil
    }

    /// A message that is written without `(line:column)` fits any place.
    private static func withoutPosition(_ text: String) -> String? {
        guard text.hasSuffix(")"), let open = text.lastIndex(of: "("), open > text.startIndex else { return nil }
        let inside = text[text.index(after: open)...].dropLast()
        guard !inside.isEmpty, inside.allSatisfy({ $0.isNumber || $0 == ":" }) else { return nil }
        return String(text[..<text.index(before: open)])
    }

    static func matches(_ text: String, _ expectation: TestScript.Expectation) -> Bool {
        if let message = expectation.message { return text == message || withoutPosition(text) == message }
        guard let pattern = expectation.pattern else { return true }
        return (try? Pattern(pattern))?.isFound(in: text) ?? false
    }
}
