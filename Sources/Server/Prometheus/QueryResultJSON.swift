import PromQL
import Storage
import Telemetry
import Vectors
import Wire

extension JSONWriter {
    /// `{"resultType": …, "result": …}` of a query.
    mutating func result(_ result: PromQLResult) {
        beginObject()
        switch result.value {
        case .scalar(let value):
            field("resultType", "scalar")
            key("result")
            point(result.time, value)
        case .string(let text):
            field("resultType", "string")
            key("result")
            beginArray()
            seconds(result.time)
            string(text)
            endArray()
        case .vector(let matrix):
            field("resultType", "vector")
            key("result")
            vector(matrix, time: result.time)
        case .matrix(let matrix):
            field("resultType", "matrix")
            key("result")
            self.matrix(matrix)
        case .samples(let columns):
            field("resultType", "matrix")
            key("result")
            samples(columns)
        }
        endObject()
    }

    mutating func vector(_ matrix: StepMatrix, time: Int64) {
        beginArray()
        for series in matrix.series where series.present.first == true {
            beginObject()
            key("metric")
            labels(series.labels)
            if let histogram = series.histogram(at: 0) {
                key("histogram")
                point(time, histogram)
            } else {
                key("value")
                point(time, series.values.first ?? 0)
            }
            endObject()
        }
        endArray()
    }

    mutating func matrix(_ matrix: StepMatrix) {
        beginArray()
        for series in matrix.series where !series.isEmpty {
            beginObject()
            key("metric")
            labels(series.labels)
            let indexes = series.present.indices.filter { series.present[$0] }
            let floats = indexes.filter { series.histogram(at: $0) == nil }
            if !floats.isEmpty {
                key("values")
                beginArray()
                for i in floats { point(matrix.grid.timestamp(at: i), series.values[i]) }
                endArray()
            }
            if floats.count < indexes.count {
                key("histograms")
                beginArray()
                for i in indexes {
                    if let histogram = series.histogram(at: i) { point(matrix.grid.timestamp(at: i), histogram) }
                }
                endArray()
            }
            endObject()
        }
        endArray()
    }

    private mutating func samples(_ columns: [SeriesColumns]) {
        beginArray()
        for series in columns {
            beginObject()
            key("metric")
            labels(series.labels)
            if !series.timestamps.isEmpty {
                key("values")
                beginArray()
                for (time, value) in zip(series.timestamps, series.values) { point(time, value) }
                endArray()
            }
            if !series.histogramTimestamps.isEmpty {
                key("histograms")
                beginArray()
                for (time, histogram) in zip(series.histogramTimestamps, series.histograms) { point(time, histogram) }
                endArray()
            }
            endObject()
        }
        endArray()
    }

    private mutating func point(_ time: Int64, _ value: Double) {
        beginArray()
        seconds(time)
        string(formatValue(value))
        endArray()
    }

    private mutating func point(_ time: Int64, _ histogram: NativeHistogram) {
        beginArray()
        seconds(time)
        beginObject()
        field("count", formatValue(histogram.count))
        field("sum", formatValue(histogram.sum))
        let buckets = histogram.apiBuckets()
        if !buckets.isEmpty {
            key("buckets")
            beginArray()
            for bucket in buckets {
                beginArray()
                integer(bucket.rule)
                string(formatValue(bucket.lower))
                string(formatValue(bucket.upper))
                string(formatValue(bucket.count))
                endArray()
            }
            endArray()
        }
        endObject()
        endArray()
    }
}
