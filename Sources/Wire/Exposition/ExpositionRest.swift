import Telemetry

/// What stands behind the name and labels of a sample's line.
struct ExpositionRest {
    /// Any NaN has the ordinary bits, so that a target cannot end a series.
    var value = 0.0
    var composite: CompositeValue?
    /// Milliseconds since 1970, nil where the target named none.
    var timestamp: Int64?
    /// The same as written, for checks of OpenMetrics, whose times are finer.
    var seconds: Double?
    /// Milliseconds since 1970; 0 where the line has none.
    var start: Int64 = 0
    var exemplars: [Exemplar] = []
}

extension ExpositionLine {
    /// The longest label set of an exemplar in OpenMetrics 1, in characters.
    private static let exemplarLength = 128

    /// Reads from the separator before the value to the end of the line.
    mutating func rest(
        _ bytes: [UInt8], format: ExpositionFormat, defaultTimestamp: Int64, _ builder: inout LabelBuilder
    ) throws(WireError) -> ExpositionRest {
        guard skipSeparator(bytes) || (!strict && isAfterBreak(bytes)) else {
            throw failure("a space is missing before the value")
        }
        var rest = ExpositionRest()
        if format == .openMetrics2, peek(bytes) == UInt8(ascii: "{") {
            rest.composite = try composite(bytes)
        } else {
            let value = try number(bytes, "a value")
            rest.value = value.isNaN ? SpecialValue.ordinaryNaN : value
        }
        if skipSeparator(bytes), let next = peek(bytes), next != UInt8(ascii: "#"), next != UInt8(ascii: "s") {
            let time = try timestamp(bytes, format)
            rest.timestamp = time.milliseconds
            rest.seconds = time.seconds
            _ = skipSeparator(bytes)
        }
        if format == .openMetrics2, peek(bytes) == UInt8(ascii: "s") {
            rest.start = try startTimestamp(bytes, format)
            _ = skipSeparator(bytes)
        }
        while format.isOpenMetrics, peek(bytes) == UInt8(ascii: "#") {
            let exemplar = try exemplar(bytes, format, defaultTimestamp: defaultTimestamp, &builder)
            if let exemplar { rest.exemplars.append(exemplar) }
            guard format == .openMetrics2, skipSeparator(bytes) else { break }
        }
        if !strict { skipSpace(bytes) }
        guard peek(bytes) == nil, !strict || !endsWithSpace(bytes) else {
            throw failure("there is more after the sample")
        }
        return rest
    }

    private mutating func timestamp(
        _ bytes: [UInt8], _ format: ExpositionFormat
    ) throws(WireError) -> (milliseconds: Int64, seconds: Double) {
        let range = wordRange(bytes)
        if format == .text004 {
            guard let time = Int64(UTF8Text.string(bytes, range)) else {
                throw failure("a timestamp must be whole milliseconds")
            }
            return (time, Double(time) / 1000)
        }
        guard let seconds = FloatParser.parse(bytes, range), seconds.isFinite else {
            throw failure("a timestamp must be a number of seconds")
        }
        return (ExpositionLine.milliseconds(seconds), seconds)
    }

    static func milliseconds(_ seconds: Double) -> Int64 {
        let scaled = (seconds * 1000).rounded()
        return Int64(exactly: scaled) ?? (scaled < 0 ? .min : .max)
    }

    /// `st@1605281325.0`
    private mutating func startTimestamp(_ bytes: [UInt8], _ format: ExpositionFormat) throws(WireError) -> Int64 {
        for byte in "st@".utf8 {
            guard peek(bytes) == byte else { throw failure("a start timestamp is written st@ and seconds") }
            advance()
        }
        return try timestamp(bytes, format).milliseconds
    }

    /// ` # {trace_id="…"} 0.5 123`. One whose labels are too long is left out, as Prometheus does.
    private mutating func exemplar(
        _ bytes: [UInt8], _ format: ExpositionFormat, defaultTimestamp: Int64, _ builder: inout LabelBuilder
    ) throws(WireError) -> Exemplar? {
        advance()
        guard skipSeparator(bytes) || !strict, peek(bytes) == UInt8(ascii: "{") else {
            throw failure("an exemplar needs labels in braces")
        }
        builder.removeAll()
        _ = try labels(bytes, allowName: false, kind: .unknown, into: &builder)
        guard builder.finish() else { throw failure("a label name stands twice in an exemplar") }
        guard skipSeparator(bytes) || !strict else {
            throw failure("a space is missing before the exemplar's value")
        }
        let value = try number(bytes, "an exemplar's value")
        var time = defaultTimestamp
        let before = self
        if skipSeparator(bytes), let next = peek(bytes) {
            if format == .openMetrics2, next == UInt8(ascii: "#") {
                self = before
            } else {
                time = try timestamp(bytes, format).milliseconds
            }
        }
        let exemplar = Exemplar(labels: builder.labelSet, value: value, timestamp: time)
        guard format == .openMetrics1 else { return exemplar }
        var length = 0
        exemplar.labels.forEach { length += $0.unicodeScalars.count + $1.unicodeScalars.count }
        if length > ExpositionLine.exemplarLength {
            if strict { throw failure("the labels of an exemplar have more than 128 characters") }
            return nil
        }
        return exemplar
    }
}
