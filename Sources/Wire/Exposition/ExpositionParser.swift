import Telemetry

/// Reads what a target exposes.
///
/// Tolerant as Prometheus is when scraping: order, grouping, suffixes and types are not enforced. `strict` is for
/// checking exporters: the grammar and the rules of OpenMetrics 1.0.
package enum ExpositionParser {
    /// `defaultTimestamp` (milliseconds) stamps exemplars that have no time of their own.
    package static func parse(
        _ bytes: [UInt8], format: ExpositionFormat, defaultTimestamp: Int64, strict: Bool = false
    ) throws(WireError) -> ExpositionResult {
        var state = ExpositionState(bytes, format: format, defaultTimestamp: defaultTimestamp, strict: strict)
        try state.run()
        return state.result
    }
}

struct ExpositionState {
    var result = ExpositionResult()
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
        if format == .openMetrics1, !seenEnd { throw line.failure("# EOF is missing at the end") }
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
        if format == .openMetrics1, line.rest(bytes).elementsEqual("# EOF".utf8) {
            seenEnd = true
            return
        }
        line.advance()
        guard line.skipSeparator(bytes) else {
            if strict { throw line.failure("a comment must be # HELP, # TYPE, # UNIT or # EOF") }
            return
        }
        let keyword = line.word(bytes)
        let isUnit = format == .openMetrics1 && keyword.elementsEqual("UNIT".utf8)
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
            let help = line.unescapedRest(bytes, quotes: format == .openMetrics1)
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
        builder.removeAll()
        var hasName = false
        if line.peek(bytes) != UInt8(ascii: "{"), let name = try line.metricName(bytes) {
            builder.append("__name__", name)
            hasName = true
        }
        if !strict { line.skipSpace(bytes) }
        if line.peek(bytes) == UInt8(ascii: "{") {
            let named = try line.labels(bytes, allowName: !hasName, kind: currentKind, into: &builder)
            hasName = hasName || named
        }
        guard hasName else { throw line.failure("a metric name is missing") }
        guard builder.finish() else { throw line.failure("a label name stands twice") }
        let labels = builder.labelSet
        guard line.skipSeparator(bytes) || (!strict && line.isAfterBreak(bytes)) else {
            throw line.failure("a space is missing before the value")
        }
        let value = try line.number(bytes, "a value")
        var sample = ExpositionSample(
            labels: labels, value: value.isNaN ? SpecialValue.ordinaryNaN : value, timestamp: nil, exemplar: nil)
        var seconds: Double?
        if line.skipSeparator(bytes), let next = line.peek(bytes), next != UInt8(ascii: "#") {
            let time = try timestamp()
            sample.timestamp = time.milliseconds
            seconds = time.seconds
            _ = line.skipSeparator(bytes)
        }
        if format == .openMetrics1, line.peek(bytes) == UInt8(ascii: "#") { sample.exemplar = try exemplar(labels) }
        if !strict { line.skipSpace(bytes) }
        guard line.peek(bytes) == nil, !strict || !line.endsWithSpace(bytes) else {
            throw line.failure("there is more after the sample")
        }
        result.samples.append(sample)
        if let problem = validator?.sample(sample, seconds: seconds) { throw line.failure(problem) }
    }

    private mutating func timestamp() throws(WireError) -> (milliseconds: Int64, seconds: Double) {
        let range = line.wordRange(bytes)
        if format == .text004 {
            guard let time = Int64(UTF8Text.string(bytes, range)) else {
                throw line.failure("a timestamp must be whole milliseconds")
            }
            return (time, Double(time) / 1000)
        }
        guard let seconds = FloatParser.parse(bytes, range), seconds.isFinite else {
            throw line.failure("a timestamp must be a number of seconds")
        }
        let scaled = (seconds * 1000).rounded()
        let milliseconds = Int64(exactly: scaled) ?? (scaled < 0 ? .min : .max)
        return (milliseconds, seconds)
    }

    /// ` # {trace_id="…"} 0.5 123`. One whose labels are too long is left out, as Prometheus does.
    private mutating func exemplar(_ labels: LabelSet) throws(WireError) -> Exemplar? {
        line.advance()
        guard line.skipSeparator(bytes) || !strict, line.peek(bytes) == UInt8(ascii: "{") else {
            throw line.failure("an exemplar needs labels in braces")
        }
        builder.removeAll()
        _ = try line.labels(bytes, allowName: false, kind: .unknown, into: &builder)
        guard builder.finish() else { throw line.failure("a label name stands twice in an exemplar") }
        guard line.skipSeparator(bytes) || !strict else {
            throw line.failure("a space is missing before the exemplar's value")
        }
        let value = try line.number(bytes, "an exemplar's value")
        var time = defaultTimestamp
        if line.skipSeparator(bytes), line.peek(bytes) != nil { time = try timestamp().milliseconds }
        let exemplar = Exemplar(labels: builder.labelSet, value: value, timestamp: time)
        var length = 0
        exemplar.labels.forEach { length += $0.unicodeScalars.count + $1.unicodeScalars.count }
        if length > 128 {
            if strict { throw line.failure("the labels of an exemplar have more than 128 characters") }
            return nil
        }
        return exemplar
    }
}
