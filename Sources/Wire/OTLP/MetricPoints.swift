import Telemetry

/// Number, summary and explicit-bucket points, and exemplars.
extension MetricsDecoder {
    private static let noRecordedValue: UInt64 = 1

    mutating func numberPoint(
        _ message: ProtobufCursor, _ metric: MetricContext, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        var cursor = message
        var began: UInt64 = 0
        var time: UInt64 = 0
        var value: Double?
        var flags: UInt64 = 0
        var hasExemplars = false
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: began = try cursor.fixed64(bytes) ?? began
            case 3: time = try cursor.fixed64(bytes) ?? time
            case 4: value = try cursor.double(bytes) ?? value
            case 5: if try cursor.range(bytes) != nil { hasExemplars = true }
            case 6: value = try cursor.fixed64(bytes).map { Double(Int64(bitPattern: $0)) } ?? value
            case 8: flags = try cursor.varint(bytes) ?? flags
            default: try cursor.skip(bytes)
            }
        }
        let isStale = flags & MetricsDecoder.noRecordedValue != 0
        guard isStale || value != nil else { return rejectPoint("a number point has no value") }
        let point = try pointKey(metric, message, attributes: 7)
        guard let stamp = timestamp(time) else { return }
        var total = isStale ? SpecialValue.staleMarker : value ?? 0
        var start = metric.start(began)
        if let name = metric.delta, !isStale {
            let key = try deltaKey(point)
            if let refusal = deltas.refusal(key, time: stamp) { return rejectPoint(refusal) }
            (total, start) = deltas.add(key, total, time: stamp, start: start, name: name)
        }
        let series = series(point)
        addSample(series, stamp, total, start: start)
        if hasExemplars {
            for exemplar in try exemplars(message, field: 5) {
                result.batch.exemplars.append(SeriesBatch.ExemplarSample(series: series, exemplar: exemplar))
            }
        }
    }

    mutating func summaryPoint(_ message: ProtobufCursor, _ metric: MetricContext) throws(WireError) {
        var cursor = message
        var began: UInt64 = 0
        var time: UInt64 = 0
        var count: UInt64 = 0
        var sum = 0.0
        var flags: UInt64 = 0
        var quantiles: [(quantile: Double, value: Double)] = []
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: began = try cursor.fixed64(bytes) ?? began
            case 3: time = try cursor.fixed64(bytes) ?? time
            case 4: count = try cursor.fixed64(bytes) ?? count
            case 5: sum = try cursor.double(bytes) ?? sum
            case 6: if let inner = try cursor.message(bytes) { quantiles.append(try quantile(inner)) }
            case 8: flags = try cursor.varint(bytes) ?? flags
            default: try cursor.skip(bytes)
            }
        }
        let point = try pointKey(metric, message, attributes: 7)
        guard let stamp = timestamp(time) else { return }
        let start = metric.start(began)
        let stale = flags & MetricsDecoder.noRecordedValue != 0 ? SpecialValue.staleMarker : nil
        addSample(series(point, .sum), stamp, stale ?? sum, start: start)
        addSample(series(point, .count), stamp, stale ?? Double(count), start: start)
        for entry in quantiles {
            addSample(series(point, .quantile, bound: entry.quantile), stamp, stale ?? entry.value, start: start)
        }
    }

    private func quantile(_ message: ProtobufCursor) throws(WireError) -> (quantile: Double, value: Double) {
        var cursor = message
        var quantile = 0.0
        var value = 0.0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: quantile = try cursor.double(bytes) ?? quantile
            case 2: value = try cursor.double(bytes) ?? value
            default: try cursor.skip(bytes)
            }
        }
        return (quantile, value)
    }

    mutating func histogramPoint(
        _ message: ProtobufCursor, _ metric: MetricContext, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        let point = try HistogramPoint(bytes, message)
        guard point.counts.isEmpty || point.counts.count == point.bounds.count + 1 else {
            return rejectPoint("a histogram has \(point.counts.count) buckets and \(point.bounds.count) bounds")
        }
        for (lower, upper) in zip(point.bounds, point.bounds.dropFirst()) where !(lower < upper) {
            return rejectPoint("a histogram's bounds are not ascending")
        }
        let key = try pointKey(metric, message, attributes: 9)
        guard let stamp = timestamp(point.time) else { return }
        let isStale = point.flags & MetricsDecoder.noRecordedValue != 0
        if metric.becomesCustomBuckets {
            guard let histogram = point.customBuckets else {
                return rejectPoint("a histogram's bounds are NaN, or it has too many")
            }
            return try nativePoint(
                histogram, key, stamp, metric.start(point.start), isStale,
                exemplarField: point.hasExemplars ? 8 : nil, &deltas)
        }
        let isDelta = metric.delta != nil && !isStale
        if isDelta, let refusal = deltas.refusal(try deltaKey(key, .count), time: stamp) {
            return rejectPoint(refusal)
        }
        if let sum = point.sum { _ = try addPart(key, .sum, 0, sum, stamp, point, isStale, &deltas) }
        _ = try addPart(key, .count, 0, Double(point.count), stamp, point, isStale, &deltas)
        var running: UInt64 = 0
        var buckets: [(bound: Double, series: UInt32)] = []
        for (bound, count) in zip(point.bounds, point.counts) where bound != .infinity {
            running &+= count
            buckets.append((bound, try addPart(key, .bucket, bound, Double(running), stamp, point, isStale, &deltas)))
        }
        let last = try addPart(key, .bucket, .infinity, Double(point.count), stamp, point, isStale, &deltas)
        guard point.hasExemplars else { return }
        for exemplar in try exemplars(message, field: 8) {
            let series = MetricsDecoder.bucket(of: exemplar.value, in: buckets) ?? last
            result.batch.exemplars.append(SeriesBatch.ExemplarSample(series: series, exemplar: exemplar))
        }
    }

    /// One of the series of a classic histogram.
    private mutating func addPart(
        _ key: PointKey, _ suffix: OTLPSeriesSource.Suffix, _ bound: Double, _ value: Double, _ stamp: Int64,
        _ point: HistogramPoint, _ isStale: Bool, _ deltas: inout DeltaAccumulator
    ) throws(WireError) -> UInt32 {
        var total = isStale ? SpecialValue.staleMarker : value
        var start = key.metric.start(point.start)
        if let name = key.metric.delta, !isStale {
            let deltaKey = try deltaKey(key, suffix, bound: bound)
            (total, start) = deltas.add(deltaKey, value, time: stamp, start: start, name: name)
        }
        let series = series(key, suffix, bound: bound)
        addSample(series, stamp, total, start: start)
        return series
    }

    /// A native histogram, whichever kind it came from.
    mutating func nativePoint(
        _ histogram: NativeHistogram, _ key: PointKey, _ stamp: Int64, _ began: Int64, _ isStale: Bool,
        exemplarField: Int?, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        var histogram = histogram
        var start = began
        if isStale {
            histogram = NativeHistogram()
            histogram.isInteger = true
            histogram.sum = SpecialValue.staleMarker
        } else if let name = key.metric.delta {
            let deltaKey = try deltaKey(key)
            if let refusal = deltas.refusal(deltaKey, time: stamp) { return rejectPoint(refusal) }
            guard let total = deltas.add(deltaKey, histogram, time: stamp, start: began, name: name) else {
                return rejectPoint("the buckets of a histogram lie too far apart")
            }
            (histogram, start) = total
        }
        let series = series(key)
        result.batch.histograms.append(
            SeriesBatch.HistogramSample(
                series: series, timestamp: stamp, histogram: histogram, startTimestamp: start))
        guard let exemplarField else { return }
        for exemplar in try exemplars(key.message, field: exemplarField) {
            result.batch.exemplars.append(SeriesBatch.ExemplarSample(series: series, exemplar: exemplar))
        }
    }

    /// The lowest bucket that holds the value, by bisection; nil above the last bound.
    private static func bucket(of value: Double, in buckets: [(bound: Double, series: UInt32)]) -> UInt32? {
        var low = 0
        var high = buckets.count
        while low < high {
            let middle = (low + high) / 2
            if value <= buckets[middle].bound { high = middle } else { low = middle + 1 }
        }
        return low < buckets.count ? buckets[low].series : nil
    }

    // MARK: Exemplars

    /// OpenMetrics' limit for the labels of an exemplar, in characters of names and values together.
    private static let exemplarLabelLimit = 128

    func exemplars(_ message: ProtobufCursor, field: Int) throws(WireError) -> [Exemplar] {
        var found: [Exemplar] = []
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == field else {
                try cursor.skip(bytes)
                continue
            }
            if let inner = try cursor.message(bytes), let one = try exemplar(inner) { found.append(one) }
        }
        return found
    }

    private func exemplar(_ message: ProtobufCursor) throws(WireError) -> Exemplar? {
        var cursor = message
        var time: UInt64 = 0
        var value: Double?
        var traceID = 0..<0
        var spanID = 0..<0
        var filtered: [Label] = []
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: time = try cursor.fixed64(bytes) ?? time
            case 3: value = try cursor.double(bytes) ?? value
            case 4: spanID = try cursor.range(bytes) ?? spanID
            case 5: traceID = try cursor.range(bytes) ?? traceID
            case 6: value = try cursor.fixed64(bytes).map { Double(Int64(bitPattern: $0)) } ?? value
            case 7:
                guard let inner = try cursor.message(bytes) else { continue }
                let attribute = try OTLPValue.attribute(bytes, inner)
                filtered.append(Label(source.translation.labelName(attribute.key), attribute.value.text))
            default: try cursor.skip(bytes)
            }
        }
        guard let value else { return nil }
        var labels: [Label] = []
        if traceID.count == 16 { labels.append(Label("trace_id", HexText.string(bytes[traceID]))) }
        if spanID.count == 8 { labels.append(Label("span_id", HexText.string(bytes[spanID]))) }
        var length = 0
        for label in labels + filtered { length += label.name.unicodeScalars.count + label.value.unicodeScalars.count }
        if length <= MetricsDecoder.exemplarLabelLimit { labels.append(contentsOf: filtered) }
        let stamp = time == 0 ? now : Int64(time / 1_000_000)
        return Exemplar(labels: LabelSet(labels), value: value, timestamp: stamp)
    }
}

private struct HistogramPoint {
    var start: UInt64 = 0
    var time: UInt64 = 0
    var count: UInt64 = 0
    var sum: Double?
    var counts: [UInt64] = []
    var bounds: [Double] = []
    var flags: UInt64 = 0
    var hasExemplars = false

    init(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        var boundBits: [UInt64] = []
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: start = try cursor.fixed64(bytes) ?? start
            case 3: time = try cursor.fixed64(bytes) ?? time
            case 4: count = try cursor.fixed64(bytes) ?? count
            case 5: sum = try cursor.double(bytes) ?? sum
            case 6: try cursor.fixed64s(bytes, into: &counts)
            case 7: try cursor.fixed64s(bytes, into: &boundBits)
            case 8: if try cursor.range(bytes) != nil { hasExemplars = true }
            case 10: flags = try cursor.varint(bytes) ?? flags
            default: try cursor.skip(bytes)
            }
        }
        bounds = boundBits.map { Double(bitPattern: $0) }
    }

    /// Schema -53: the bounds are the custom values, and a bucket's index is its place. Nil where that cannot be.
    var customBuckets: NativeHistogram? {
        var out = NativeHistogram()
        out.schema = NativeHistogram.customBucketsSchema
        out.isInteger = true
        out.count = Double(count)
        out.sum = sum ?? 0
        // The last bucket has no upper bound, whether or not that is said.
        out.customValues = bounds.last == .infinity ? bounds.dropLast() : bounds
        guard !bounds.contains(where: \.isNaN) else { return nil }
        var runs = BucketRuns()
        for (index, count) in counts.enumerated() where count > 0 {
            let place = min(index, out.customValues.count)
            guard runs.add(index: Int64(place), count: Double(count)) else { return nil }
        }
        (out.positiveSpans, out.positiveBuckets) = (runs.spans, runs.counts)
        return out
    }
}
