import Telemetry

package struct ExpositionSample: Sendable, Hashable {
    /// With `__name__`.
    package var labels: LabelSet
    /// Any NaN has the ordinary bits, so that a target cannot end a series.
    package var value: Double
    /// Milliseconds since 1970, nil where the target named none.
    package var timestamp: Int64?
    /// Milliseconds since 1970, 0 where the target named none.
    package var startTimestamp: Int64 = 0
    package var exemplars: [Exemplar] = []
    /// In place of the value.
    package var histogram: NativeHistogram?
}

package struct ExpositionResult: Sendable {
    package var samples: [ExpositionSample] = []
    package var metadata: [MetricMetadata] = []
}

/// Reads what a target exposes.
///
/// Tolerant as Prometheus is when scraping: order, grouping, suffixes and types are not enforced. `strict` is for
/// checking exporters: the grammar and the rules of OpenMetrics 1.0. It makes labels for every sample and remembers
/// nothing: scraping goes through ``ExpositionReader``, which the tests hold against this.
package enum ExpositionParser {
    /// `defaultTimestamp` (milliseconds) stamps exemplars that have no time of their own.
    package static func parse(
        _ bytes: [UInt8], format: ExpositionFormat, defaultTimestamp: Int64, strict: Bool = false,
        histograms: HistogramReading = HistogramReading()
    ) throws(WireError) -> ExpositionResult {
        var state = ExpositionState(bytes, format: format, defaultTimestamp: defaultTimestamp, strict: strict)
        state.histograms = histograms
        try state.run()
        return state.result
    }
}

struct ExpositionState {
    var result = ExpositionResult()
    var histograms = HistogramReading()
    private let bytes: [UInt8]
    private let format: ExpositionFormat
    private let defaultTimestamp: Int64
    private let strict: Bool
    private var line: ExpositionLine
    private var builder = LabelBuilder()
    private var metadataIndex: [String: Int] = [:]
    /// Of the last TYPE line: `le` and `quantile` are respelled only where they mean bounds.
    private var currentKind = MetricMetadata.Kind.unknown
    private var validator: OpenMetricsValidator?
    private var seenEnd = false

    init(_ bytes: [UInt8], format: ExpositionFormat, defaultTimestamp: Int64, strict: Bool) {
        self.bytes = bytes
        self.format = format
        self.defaultTimestamp = defaultTimestamp
        self.strict = strict
        line = ExpositionLine(strict: strict)
        if strict { validator = OpenMetricsValidator() }
    }

    mutating func run() throws(WireError) {
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0a) ?? bytes.count
            line.begin(start..<end)
            if seenEnd { throw line.failure("there is text after # EOF") }
            try readLine()
            start = end + 1
        }
        if format.isOpenMetrics, !seenEnd { throw line.failure("# EOF is missing at the end") }
        if let problem = validator?.finish() { throw line.failure(problem) }
    }

    private mutating func readLine() throws(WireError) {
        if !strict { line.skipSpace(bytes) }
        // Windows line ends come from hand-written files of text collectors.
        if !strict { line.dropCarriageReturn(bytes) }
        guard let first = line.peek(bytes) else {
            if strict { throw line.failure("a blank line is not allowed") }
            return
        }
        if first == UInt8(ascii: "#") { try comment() } else { try sample() }
    }

    // MARK: Metadata

    private mutating func comment() throws(WireError) {
        if format.isOpenMetrics, line.rest(bytes).elementsEqual("# EOF".utf8) {
            seenEnd = true
            return
        }
        line.advance()
        guard line.skipSeparator(bytes) else {
            if strict { throw line.failure("a comment must be # HELP, # TYPE, # UNIT or # EOF") }
            return
        }
        let keyword = line.word(bytes)
        let isUnit = format.isOpenMetrics && keyword.elementsEqual("UNIT".utf8)
        let isHelp = keyword.elementsEqual("HELP".utf8)
        guard isUnit || isHelp || keyword.elementsEqual("TYPE".utf8) else {
            if strict { throw line.failure("a comment must be # HELP, # TYPE, # UNIT or # EOF") }
            return
        }
        guard line.skipSeparator(bytes), let name = try line.metricName(bytes) else {
            throw line.failure("a metric name is missing")
        }
        let separated = line.skipSeparator(bytes)
        if strict, !separated { throw line.failure("a space is missing after the metric name") }
        if isHelp {
            let help = line.unescapedRest(bytes, quotes: format.isOpenMetrics)
            try describe(name, "HELP", help) { $0.help = help }
        } else if isUnit {
            let unit = UTF8Text.string(bytes, line.restRange)
            try describe(name, "UNIT", unit) { $0.unit = unit }
        } else {
            try type(name)
        }
    }

    private mutating func type(_ name: String) throws(WireError) {
        let word = UTF8Text.string(bytes, strict ? line.restRange : line.trimmedRest(bytes))
        let kind = word == "untyped" && !strict ? .unknown : MetricMetadata.Kind(rawValue: word)
        guard let kind else { throw line.failure("\"\(word)\" is not a metric type") }
        currentKind = kind
        try describe(name, "TYPE", word) { $0.kind = kind }
    }

    private mutating func describe(
        _ name: String, _ keyword: String, _ value: String, _ change: (inout MetricMetadata) -> Void
    ) throws(WireError) {
        let index = metadataIndex[name] ?? result.metadata.count
        if index == result.metadata.count {
            result.metadata.append(MetricMetadata(name: name, kind: .unknown))
            metadataIndex[name] = index
        }
        change(&result.metadata[index])
        if let problem = validator?.metadata(keyword, name, value) { throw line.failure(problem) }
    }

    // MARK: Samples

    private mutating func sample() throws(WireError) {
        // In OpenMetrics 2 a brace after a space is the value.
        try line.series(bytes, kind: currentKind, spaced: format != .openMetrics2, &builder)
        let labels = builder.labelSet
        let rest = try line.rest(bytes, format: format, defaultTimestamp: defaultTimestamp, &builder)
        var sample = ExpositionSample(labels: labels, value: rest.value)
        sample.timestamp = rest.timestamp
        sample.startTimestamp = rest.start
        sample.exemplars = rest.exemplars
        if let composite = rest.composite {
            return try add(composite, sample)
        }
        result.samples.append(sample)
        if let problem = validator?.sample(sample, seconds: rest.seconds) { throw line.failure(problem) }
    }
    private mutating func add(_ composite: CompositeValue, _ sample: ExpositionSample) throws(WireError) {
        guard let expanded = composite.expanded(histograms, exemplars: sample.exemplars) else {
            throw line.failure("a histogram has more buckets than its limit at the lowest resolution")
        }
        let name = sample.labels.metricName ?? ""
        for part in expanded {
            var one = sample
            one.labels = sample.labels.setting("__name__", to: name + part.suffix)
            if let (label, bound) = part.label {
                one.labels = one.labels.setting(label, to: FloatText.string(bound, .label))
            }
            one.value = part.value
            one.histogram = part.histogram
            one.exemplars = part.exemplars
            result.samples.append(one)
        }
    }
}
