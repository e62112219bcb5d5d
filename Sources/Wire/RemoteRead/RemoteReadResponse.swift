import Codecs
import Telemetry

/// The samples of one series as remote read sends them.
package struct RemoteReadSeries: Sendable {
    package var labels: LabelSet
    package var timestamps: [Int64]
    package var values: [Double]
    package var histograms: [SeriesBatch.HistogramSample]

    package init(
        labels: LabelSet, timestamps: [Int64], values: [Double], histograms: [SeriesBatch.HistogramSample] = []
    ) {
        self.labels = labels
        self.timestamps = timestamps
        self.values = values
        self.histograms = histograms
    }
}

package enum RemoteReadResponse {
    /// `prometheus.ReadResponse` with one result for each query, not compressed.
    package static func samples(_ results: [[RemoteReadSeries]]) -> [UInt8] {
        var writer = ProtobufWriter()
        for result in results {
            writer.message(1) { out in
                for series in result {
                    out.message(1) { inner in
                        inner.labels(series.labels)
                        for row in series.timestamps.indices {
                            inner.message(2) { sample in
                                sample.double(1, series.values[row])
                                sample.varint(2, series.timestamps[row])
                            }
                        }
                        for histogram in series.histograms {
                            inner.message(4) { $0.histogram(histogram, withStart: false) }
                        }
                    }
                }
            }
        }
        return writer.bytes
    }

    /// One query's series as frames of `prometheus.ChunkedReadResponse`, each of about `frameBytes` at most. A series
    /// that does not fit is split between its chunks. Histograms have no place in XOR chunks.
    package static func frames(
        _ series: [RemoteReadSeries], query: Int, frameBytes: Int = 1 << 20, to out: inout ByteWriter
    ) {
        for one in series {
            var chunks: [XORChunk] = []
            var size = 0
            for chunk in XORChunk.chunks(one.timestamps, one.values) {
                if size + chunk.bytes.count > frameBytes, !chunks.isEmpty {
                    frame(one.labels, chunks, query, &out)
                    chunks.removeAll(keepingCapacity: true)
                    size = 0
                }
                chunks.append(chunk)
                size += chunk.bytes.count + 32
            }
            if !chunks.isEmpty { frame(one.labels, chunks, query, &out) }
        }
    }

    /// Length, CRC-32C in big-endian order, message.
    private static func frame(_ labels: LabelSet, _ chunks: [XORChunk], _ query: Int, _ out: inout ByteWriter) {
        var message = ProtobufWriter()
        message.message(1) { series in
            series.labels(labels)
            for chunk in chunks {
                series.message(2) { inner in
                    inner.varint(1, chunk.first)
                    inner.varint(2, chunk.last)
                    inner.varint(3, 1 as UInt64)
                    inner.data(4, chunk.bytes)
                }
            }
        }
        message.varint(2, UInt64(max(0, query)))
        out.writeVarint(message.bytes.count)
        let checksum = CRC32C.checksum(message.bytes)
        for shift in [24, 16, 8, 0] as [UInt32] { out.write(UInt8(truncatingIfNeeded: checksum >> shift)) }
        out.writeBytes(message.bytes)
    }
}

extension ProtobufWriter {
    fileprivate mutating func labels(_ labels: LabelSet) {
        labels.forEachRange { name, value in
            message(1) { label in
                label.data(1, labels.bytes[name])
                label.data(2, labels.bytes[value])
            }
        }
    }
}
