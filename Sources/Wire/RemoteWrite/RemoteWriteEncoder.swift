import Telemetry

extension RemoteWrite {
    /// The batch as a request, not compressed; one TimeSeries for each series, but in 2.0 two where it has samples
    /// and histograms. The batch has its series as labels.
    ///
    /// 1.0 carries metadata beside the series; 2.0 hangs that of a family on each of its series, and does not carry
    /// that of others.
    package static func encode(_ batch: SeriesBatch, version: Version = .one) -> [UInt8] {
        let rows = RowsBySeries(batch)
        switch version {
        case .one: return encodeOne(batch, rows)
        case .two: return encodeTwo(batch, rows)
        }
    }

    private static func encodeOne(_ batch: SeriesBatch, _ rows: RowsBySeries) -> [UInt8] {
        var writer = ProtobufWriter()
        for (index, series) in batch.series.enumerated() {
            writer.message(1) { out in
                series.forEachRange { name, value in
                    out.message(1) { label in
                        label.data(1, series.bytes[name])
                        label.data(2, series.bytes[value])
                    }
                }
                rows.samples.forEach(of: index) { out.sample(2, batch, $0, withStart: false) }
                rows.exemplars.forEach(of: index) { position in
                    let exemplar = batch.exemplars[position].exemplar
                    out.message(3) { inner in
                        exemplar.labels.forEach { name, value in
                            inner.message(1) { label in
                                label.string(1, name)
                                label.string(2, value)
                            }
                        }
                        inner.double(2, exemplar.value)
                        inner.varint(3, exemplar.timestamp)
                    }
                }
                rows.histograms.forEach(of: index) { position in
                    out.message(4) { $0.histogram(batch.histograms[position], withStart: false) }
                }
            }
        }
        for metadata in batch.metadata {
            writer.message(3) { out in
                out.varint(1, UInt64(metadataKinds.firstIndex(of: metadata.kind) ?? 0))
                out.string(2, metadata.name)
                out.string(4, metadata.help)
                out.string(5, metadata.unit)
            }
        }
        return writer.bytes
    }

    private static func encodeTwo(_ batch: SeriesBatch, _ rows: RowsBySeries) -> [UInt8] {
        var symbols = SymbolWriter()
        var families: [String: MetricMetadata] = [:]
        for metadata in batch.metadata { families[metadata.name] = metadata }
        var series = ProtobufWriter()
        for (index, labels) in batch.series.enumerated() {
            let hasSamples = !rows.samples.isEmpty(of: index)
            let hasHistograms = !rows.histograms.isEmpty(of: index)
            // Prometheus takes none that has samples and histograms.
            for isSecond in hasSamples && hasHistograms ? [false, true] : [false] {
                series.message(5) { out in
                    symbols.write(labels, 1, to: &out)
                    if !isSecond {
                        rows.samples.forEach(of: index) { out.sample(2, batch, $0, withStart: true) }
                    }
                    if isSecond || !hasSamples {
                        rows.histograms.forEach(of: index) { position in
                            out.message(3) { $0.histogram(batch.histograms[position], withStart: true) }
                        }
                    }
                    if !isSecond {
                        rows.exemplars.forEach(of: index) { position in
                            let exemplar = batch.exemplars[position].exemplar
                            out.message(4) { inner in
                                symbols.write(exemplar.labels, 1, to: &inner)
                                inner.double(2, exemplar.value)
                                inner.varint(3, exemplar.timestamp)
                            }
                        }
                    }
                    guard let metadata = family(of: labels, in: families) else { return }
                    out.message(5) { inner in
                        inner.varint(1, UInt64(metadataKinds.firstIndex(of: metadata.kind) ?? 0))
                        inner.varint(3, UInt64(symbols.reference(metadata.help)))
                        inner.varint(4, UInt64(symbols.reference(metadata.unit)))
                    }
                }
            }
        }
        var writer = symbols.writer
        writer.append(series)
        return writer.bytes
    }

    private static func family(of labels: LabelSet, in families: [String: MetricMetadata]) -> MetricMetadata? {
        guard !families.isEmpty, let name = labels.metricName else { return nil }
        if let exact = families[name] { return exact }
        for kind in [MetricMetadata.Kind.histogram, .gaugehistogram] {
            let family = familyName(name, kind)
            if family != name, let found = families[family], familyName(name, found.kind) == family { return found }
        }
        return nil
    }
}

/// Which rows of a batch belong to which of its series, without an array for each series.
private struct RowsBySeries {
    let samples: RowChains
    let histograms: RowChains
    let exemplars: RowChains

    init(_ batch: SeriesBatch) {
        samples = RowChains(batch.refs.count, series: batch.series.count) { batch.refs[$0] }
        histograms = RowChains(batch.histograms.count, series: batch.series.count) { batch.histograms[$0].series }
        exemplars = RowChains(batch.exemplars.count, series: batch.series.count) { batch.exemplars[$0].series }
    }
}

private struct RowChains {
    private var first: [Int32]
    private var next: [Int32]

    /// Rows of a series keep their order; those of no series are left out.
    init(_ count: Int, series: Int, _ reference: (Int) -> UInt32) {
        first = count == 0 ? [] : Array(repeating: -1, count: series)
        next = Array(repeating: -1, count: count)
        for row in (0..<count).reversed() {
            let series = Int(reference(row))
            guard series < first.count else { continue }
            next[row] = first[series]
            first[series] = Int32(truncatingIfNeeded: row)
        }
    }

    func isEmpty(of series: Int) -> Bool { series >= first.count || first[series] < 0 }

    func forEach(of series: Int, _ body: (Int) -> Void) {
        guard series < first.count else { return }
        var row = first[series]
        while row >= 0 {
            body(Int(row))
            row = next[Int(row)]
        }
    }
}

/// Numbers the strings of a 2.0 request.
private struct SymbolWriter {
    private(set) var writer = ProtobufWriter()
    private var interner = ByteInterner()

    init() {
        // The first symbol is the empty string by definition.
        _ = reference("")
    }

    mutating func reference(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        let (index, isNew) = interner.intern(bytes, range)
        if isNew { writer.data(4, bytes[range]) }
        return UInt32(truncatingIfNeeded: index)
    }

    mutating func reference(_ text: String) -> UInt32 {
        let bytes = Array(text.utf8)
        return reference(bytes, 0..<bytes.count)
    }

    /// Writes the labels as a field of references, each name before its value.
    mutating func write(_ labels: LabelSet, _ field: Int, to out: inout ProtobufWriter) {
        var references: [UInt32] = []
        labels.forEachRange { name, value in
            references.append(reference(labels.bytes, name))
            references.append(reference(labels.bytes, value))
        }
        out.packedVarints(field, references)
    }
}

extension ProtobufWriter {
    fileprivate mutating func sample(_ field: Int, _ batch: SeriesBatch, _ row: Int, withStart: Bool) {
        message(field) { sample in
            sample.double(1, batch.values[row])
            sample.varint(2, batch.timestamps[row])
            if withStart, row < batch.startTimestamps.count, batch.startTimestamps[row] != 0 {
                sample.varint(3, batch.startTimestamps[row])
            }
        }
    }

    /// The fields of a `Histogram`, the same in both versions and in remote read.
    mutating func histogram(_ sample: SeriesBatch.HistogramSample, withStart: Bool) {
        let histogram = sample.histogram
        if histogram.isInteger {
            varint(1, UInt64(exactly: histogram.count) ?? 0)
            varint(6, UInt64(exactly: histogram.zeroCount) ?? 0)
        } else {
            double(2, histogram.count)
            double(7, histogram.zeroCount)
        }
        double(3, histogram.sum)
        zigZag(4, Int64(histogram.schema))
        double(5, histogram.zeroThreshold)
        for span in histogram.negativeSpans { self.span(8, span) }
        for span in histogram.positiveSpans { self.span(11, span) }
        if histogram.isInteger {
            packedZigZags(9, deltas(histogram.negativeBuckets))
            packedZigZags(12, deltas(histogram.positiveBuckets))
        } else {
            packedDoubles(10, histogram.negativeBuckets)
            packedDoubles(13, histogram.positiveBuckets)
        }
        varint(14, UInt64(histogram.resetHint.rawValue))
        varint(15, sample.timestamp)
        packedDoubles(16, histogram.customValues)
        if withStart, sample.startTimestamp != 0 { varint(17, sample.startTimestamp) }
    }

    private mutating func span(_ field: Int, _ span: NativeHistogram.Span) {
        message(field) { out in
            out.zigZag(1, Int64(span.offset))
            out.varint(2, UInt64(span.length))
        }
    }

    private func deltas(_ counts: [Double]) -> [Int64] {
        var last: Int64 = 0
        return counts.map { count in
            let whole = Int64(exactly: count.rounded()) ?? 0
            defer { last = whole }
            return whole &- last
        }
    }
}
