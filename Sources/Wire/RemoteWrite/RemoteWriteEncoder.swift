import Telemetry

extension RemoteWrite {
    /// The batch as a WriteRequest, not compressed; one TimeSeries for each series.
    package static func encode(_ batch: SeriesBatch) -> [UInt8] {
        var samples: [[Int]] = Array(repeating: [], count: batch.series.count)
        for (position, ref) in batch.refs.enumerated() { samples[Int(ref)].append(position) }
        var histograms: [[SeriesBatch.HistogramSample]] = Array(repeating: [], count: batch.series.count)
        for sample in batch.histograms { histograms[Int(sample.series)].append(sample) }
        var exemplars: [[Exemplar]] = Array(repeating: [], count: batch.series.count)
        for sample in batch.exemplars { exemplars[Int(sample.series)].append(sample.exemplar) }
        var writer = ProtobufWriter()
        for (index, series) in batch.series.enumerated() {
            writer.message(1) { out in
                series.forEach { name, value in out.label(1, name, value) }
                for position in samples[index] {
                    out.message(2) { sample in
                        sample.double(1, batch.values[position])
                        sample.varint(2, batch.timestamps[position])
                    }
                }
                for exemplar in exemplars[index] {
                    out.message(3) { inner in
                        exemplar.labels.forEach { name, value in inner.label(1, name, value) }
                        inner.double(2, exemplar.value)
                        inner.varint(3, exemplar.timestamp)
                    }
                }
                for sample in histograms[index] { out.message(4) { $0.histogram(sample) } }
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
}

extension ProtobufWriter {
    fileprivate mutating func label(_ field: Int, _ name: String, _ value: String) {
        message(field) { label in
            label.string(1, name)
            label.string(2, value)
        }
    }

    fileprivate mutating func histogram(_ sample: SeriesBatch.HistogramSample) {
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
