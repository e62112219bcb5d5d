import Telemetry

/// A histogram or summary in one piece: of a line of OpenMetrics 2.0, or of a protobuf message.
struct CompositeValue: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        /// Upper bound of a bucket, or a quantile.
        var bound: Double
        var value: Double
        var exemplar: Exemplar?
    }

    var count = 0.0
    var sum = 0.0
    /// Cumulative counts, ascending; empty where there are no classic buckets.
    var buckets: [Entry] = []
    var quantiles: [Entry] = []
    var isSummary = false
    /// It may fall as well as rise.
    var isGauge = false
    /// Its total is `_gcount` and `_gsum`, as in OpenMetrics.
    var hasGaugeNames = false
    /// The buckets of an exponential histogram.
    var native: NativeHistogram?
}

extension ExpositionLine {
    /// More than anybody has, and few enough that a line cannot fill the memory.
    private static let mostEntries = 1 << 16

    /// `{count:17,sum:3.5,bucket:[1:8,+Inf:17]}`: the fields of OpenMetrics 2.0 in any order.
    mutating func composite(_ bytes: [UInt8]) throws(WireError) -> CompositeValue {
        var out = CompositeValue()
        var native = NativeHistogram()
        var seen: Set<String> = []
        advance()
        while true {
            let name = fieldName(bytes)
            guard seen.insert(name).inserted else { throw failure("the field \(name) stands twice in a value") }
            guard peek(bytes) == UInt8(ascii: ":") else { throw failure("a field of a composite value needs a colon") }
            advance()
            try field(name, bytes, &out, &native)
            if peek(bytes) == UInt8(ascii: "}") { break }
            guard peek(bytes) == UInt8(ascii: ",") else { throw failure("a comma or } is missing in a value") }
            advance()
        }
        advance()
        guard seen.contains("count") || seen.contains("gcount"), seen.contains("sum") || seen.contains("gsum") else {
            throw failure("a composite value needs count and sum")
        }
        out.isGauge = seen.contains("gcount")
        out.hasGaugeNames = out.isGauge
        out.isSummary = seen.contains("quantile")
        let isNative = seen.contains("schema")
        guard isNative || out.isSummary || seen.contains("bucket") else {
            throw failure("a composite value needs bucket, schema or quantile")
        }
        guard isNative else { return out }
        native.count = out.count
        native.sum = out.sum
        native.isInteger = native.hasWholeCounts
        if out.isGauge { native.resetHint = .gauge }
        if let defect = native.defectAfterReducing() { throw failure("a histogram is broken: \(defect)") }
        out.native = native
        return out
    }

    private mutating func fieldName(_ bytes: [UInt8]) -> String {
        var name: [UInt8] = []
        while let byte = peek(bytes), LabelNames.isNameByte(byte) {
            name.append(byte)
            advance()
        }
        return String(decoding: name, as: UTF8.self)
    }

    private mutating func field(
        _ name: String, _ bytes: [UInt8], _ out: inout CompositeValue, _ native: inout NativeHistogram
    ) throws(WireError) {
        switch name {
        case "count", "gcount": out.count = try part(bytes)
        case "sum", "gsum":
            let sum = try part(bytes)
            out.sum = sum.isNaN ? SpecialValue.ordinaryNaN : sum
        case "schema":
            guard let schema = Int32(exactly: try part(bytes)) else { throw failure("a schema is a whole number") }
            native.schema = schema
        case "zero_threshold": native.zeroThreshold = try part(bytes)
        case "zero_count": native.zeroCount = try part(bytes)
        case "negative_spans": native.negativeSpans = try spans(bytes)
        case "positive_spans": native.positiveSpans = try spans(bytes)
        case "negative_buckets": native.negativeBuckets = try list(bytes)
        case "positive_buckets": native.positiveBuckets = try list(bytes)
        case "custom_values": native.customValues = try list(bytes)
        case "bucket":
            out.buckets = try pairs(bytes)
            guard out.buckets.last?.bound == .infinity else { throw failure("the bucket +Inf is missing") }
            for (lower, upper) in zip(out.buckets, out.buckets.dropFirst()) where !(lower.bound < upper.bound) {
                throw failure("the bounds of buckets are not ascending")
            }
        case "quantile":
            out.quantiles = try pairs(bytes)
            for index in out.quantiles.indices where out.quantiles[index].value.isNaN {
                out.quantiles[index].value = SpecialValue.ordinaryNaN
            }
        default: throw failure("\"\(name.prefix(40))\" is not a field of a composite value")
        }
    }

    private mutating func part(_ bytes: [UInt8]) throws(WireError) -> Double {
        let before = self
        let range = partRange(bytes)
        guard let value = FloatParser.parse(bytes, range) else {
            throw before.failure("a number is missing in a value")
        }
        return value
    }

    private mutating func partRange(_ bytes: [UInt8]) -> Range<Int> {
        let start = restRange.lowerBound
        while let byte = peek(bytes), byte != UInt8(ascii: ","), byte != UInt8(ascii: ":"), byte != UInt8(ascii: "]"),
            byte != UInt8(ascii: "}")
        {
            advance()
        }
        return start..<restRange.lowerBound
    }

    /// `[…]` of what `element` reads.
    private mutating func bracketed<T>(
        _ bytes: [UInt8], _ element: (inout ExpositionLine) throws(WireError) -> T
    ) throws(WireError) -> [T] {
        guard peek(bytes) == UInt8(ascii: "[") else { throw failure("a [ is missing") }
        advance()
        var out: [T] = []
        if peek(bytes) == UInt8(ascii: "]") {
            advance()
            return out
        }
        while true {
            out.append(try element(&self))
            guard out.count <= ExpositionLine.mostEntries else { throw failure("a value has too many entries") }
            if peek(bytes) == UInt8(ascii: "]") { break }
            guard peek(bytes) == UInt8(ascii: ",") else { throw failure("a comma or ] is missing") }
            advance()
        }
        advance()
        return out
    }

    private mutating func list(_ bytes: [UInt8]) throws(WireError) -> [Double] {
        try bracketed(bytes) { (line) throws(WireError) in try line.part(bytes) }
    }

    private mutating func pairs(_ bytes: [UInt8]) throws(WireError) -> [CompositeValue.Entry] {
        try bracketed(bytes) { (line) throws(WireError) in
            let bound = try line.part(bytes)
            guard line.peek(bytes) == UInt8(ascii: ":") else { throw line.failure("a colon is missing") }
            line.advance()
            return CompositeValue.Entry(bound: bound, value: try line.part(bytes))
        }
    }

    private mutating func spans(_ bytes: [UInt8]) throws(WireError) -> [NativeHistogram.Span] {
        try bracketed(bytes) { (line) throws(WireError) in
            let offset = Int32(exactly: try line.part(bytes))
            guard line.peek(bytes) == UInt8(ascii: ":") else { throw line.failure("a colon is missing") }
            line.advance()
            guard let offset, let length = UInt32(exactly: try line.part(bytes)) else {
                throw line.failure("a span is two whole numbers")
            }
            return NativeHistogram.Span(offset: offset, length: length)
        }
    }
}

extension NativeHistogram {
    /// Whether every count is a whole number: it then came from observations, not from arithmetic.
    var hasWholeCounts: Bool {
        func isWhole(_ value: Double) -> Bool { value == value.rounded(.down) }
        return isWhole(count) && isWhole(zeroCount) && positiveBuckets.allSatisfy(isWhole)
            && negativeBuckets.allSatisfy(isWhole)
    }
}
