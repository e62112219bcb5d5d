import Telemetry

/// Number, summary and explicit-bucket points, and exemplars.
extension MetricsDecoder {
    private static let noRecordedValue: UInt64 = 1

    mutating func numberPoint(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ metric: MetricContext, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        var cursor = message
        var time: UInt64 = 0
        var value: Double?
        var flags: UInt64 = 0
        var hasExemplars = false
        while try cursor.next(bytes) {
            switch cursor.field {
            case 3: time = try cursor.fixed64(bytes) ?? time
            case 4: value = try cursor.double(bytes) ?? value
            case 5: if try cursor.range(bytes) != nil { hasExemplars = true }
            case 6: value = try cursor.fixed64(bytes).map { Double(Int64(bitPattern: $0)) } ?? value
            case 8: flags = try cursor.varint(bytes) ?? flags
            default: try cursor.skip(bytes)
            }
        }
        let isStale = flags & MetricsDecoder.noRecordedValue != 0
        guard isStale || value != nil else { return reject(1, "a number point has no value") }
        try pointLabels(bytes, message, field: 7)
        let series = seriesIndex(metric.name)
        let stamp = timestamp(time)
        if isStale {
            result.batch.addSample(series, timestamp: stamp, value: SpecialValue.staleMarker)
        } else if let value {
            var total = value
            if metric.isDelta {
                let labels = result.batch.series[Int(series)]
                if let refusal = deltas.refusal(labels, time: stamp) { return reject(1, refusal) }
                total = deltas.add(labels, value, time: stamp)
            }
            result.batch.addSample(series, timestamp: stamp, value: total)
        }
        if hasExemplars {
            for exemplar in try exemplars(bytes, message, field: 5) {
                result.batch.exemplars.append(SeriesBatch.ExemplarSample(series: series, exemplar: exemplar))
            }
        }
    }

    mutating func summaryPoint(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ metric: MetricContext
    ) throws(WireError) {
        var cursor = message
        var time: UInt64 = 0
        var count: UInt64 = 0
        var sum = 0.0
        var flags: UInt64 = 0
        var quantiles: [(quantile: Double, value: Double)] = []
        while try cursor.next(bytes) {
            switch cursor.field {
            case 3: time = try cursor.fixed64(bytes) ?? time
            case 4: count = try cursor.fixed64(bytes) ?? count
            case 5: sum = try cursor.double(bytes) ?? sum
            case 6: if let inner = try cursor.message(bytes) { quantiles.append(try quantile(bytes, inner)) }
            case 8: flags = try cursor.varint(bytes) ?? flags
            default: try cursor.skip(bytes)
            }
        }
        try pointLabels(bytes, message, field: 7)
        let stamp = timestamp(time)
        let stale = flags & MetricsDecoder.noRecordedValue != 0 ? SpecialValue.staleMarker : nil
        result.batch.addSample(seriesIndex(metric.name, "_sum"), timestamp: stamp, value: stale ?? sum)
        result.batch.addSample(seriesIndex(metric.name, "_count"), timestamp: stamp, value: stale ?? Double(count))
        for entry in quantiles {
            let spelled = FloatText.string(entry.quantile, .label)
            let series = seriesIndex(metric.name, label: "quantile", value: spelled)
            result.batch.addSample(series, timestamp: stamp, value: stale ?? entry.value)
        }
    }

    private func quantile(
        _ bytes: [UInt8], _ message: ProtobufCursor
    ) throws(WireError) -> (quantile: Double, value: Double) {
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
        _ bytes: [UInt8], _ message: ProtobufCursor, _ metric: MetricContext, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        let point = try HistogramPoint(bytes, message)
        guard point.counts.isEmpty || point.counts.count == point.bounds.count + 1 else {
            return reject(1, "a histogram has \(point.counts.count) buckets and \(point.bounds.count) bounds")
        }
        for (lower, upper) in zip(point.bounds, point.bounds.dropFirst()) where !(lower < upper) {
            return reject(1, "a histogram's bounds are not ascending")
        }
        try pointLabels(bytes, message, field: 9)
        let stamp = timestamp(point.time)
        let isStale = point.flags & MetricsDecoder.noRecordedValue != 0
        let isDelta = metric.isDelta && !isStale
        let countSeries = seriesIndex(metric.name, "_count")
        if isDelta, let refusal = deltas.refusal(result.batch.series[Int(countSeries)], time: stamp) {
            return reject(1, refusal)
        }
        func add(_ series: UInt32, _ value: Double, _ decoder: inout MetricsDecoder, _ deltas: inout DeltaAccumulator) {
            var total = isStale ? SpecialValue.staleMarker : value
            if isDelta { total = deltas.add(decoder.result.batch.series[Int(series)], value, time: stamp) }
            decoder.result.batch.addSample(series, timestamp: stamp, value: total)
        }
        if let sum = point.sum { add(seriesIndex(metric.name, "_sum"), sum, &self, &deltas) }
        add(countSeries, Double(point.count), &self, &deltas)
        var running: UInt64 = 0
        var buckets: [(bound: Double, series: UInt32)] = []
        for (bound, count) in zip(point.bounds, point.counts) where bound != .infinity {
            running &+= count
            let series = seriesIndex(metric.name, "_bucket", label: "le", value: FloatText.string(bound, .label))
            add(series, Double(running), &self, &deltas)
            buckets.append((bound, series))
        }
        let last = seriesIndex(metric.name, "_bucket", label: "le", value: "+Inf")
        add(last, Double(point.count), &self, &deltas)
        guard point.hasExemplars else { return }
        for exemplar in try exemplars(bytes, message, field: 8) {
            let series = MetricsDecoder.bucket(of: exemplar.value, in: buckets) ?? last
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

    func exemplars(_ bytes: [UInt8], _ message: ProtobufCursor, field: Int) throws(WireError) -> [Exemplar] {
        var found: [Exemplar] = []
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == field else {
                try cursor.skip(bytes)
                continue
            }
            if let inner = try cursor.message(bytes), let one = try exemplar(bytes, inner) { found.append(one) }
        }
        return found
    }

    private func exemplar(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> Exemplar? {
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
                filtered.append(Label(LabelNames.translated(attribute.key), attribute.value.text))
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
}
