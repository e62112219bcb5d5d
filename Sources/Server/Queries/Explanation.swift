import Storage
import Wire

/// What a query did: the object of `explain=1` and Prometheus' `stats`.
struct Explanation {
    var statistics: QueryStatistics
    let limits: QueryContext.Limits
    /// Before it had its turn.
    let waited: Duration
    let elapsed: Duration

    init(_ query: RunningQuery) {
        QueryLane.settle()
        statistics = query.context.statistics
        limits = query.context.limits
        waited = query.waited
        elapsed = query.elapsed
    }

    static func isWanted(_ call: HTTPCall) -> Bool {
        switch call.parameters["explain"]?.lowercased() {
        case "1", "true", "t", "yes": true
        default: false
        }
    }

    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.number("seriesSelected", statistics.seriesSelected)
        read("parts", statistics.partsRead, statistics.partsSkipped.total, statistics.partsSkipped, &json)
        read("blocks", statistics.blocksRead, statistics.blocksSkipped, statistics.blocksSkippedBy, &json)
        json.number("bytesRead", statistics.bytesRead)
        json.number("rowsDecoded", statistics.rowsScanned)
        json.key("samples")
        json.beginObject()
        json.number("decoded", statistics.samplesRead)
        json.number("queried", statistics.samplesQueried)
        json.number("peak", statistics.samplesPeak)
        json.number("limit", limits.samples)
        json.endObject()
        json.key("memory")
        json.beginObject()
        json.number("peakBytes", statistics.memoryPeak)
        json.number("currentBytes", statistics.memory)
        json.number("limitBytes", limits.memory)
        json.endObject()
        json.seconds("cpuSeconds", statistics.processorTime)
        json.key("seconds")
        json.beginObject()
        json.seconds("queue", waited)
        for stage in QueryStatistics.Stage.allCases { json.seconds(stage.description, statistics[stage]) }
        json.seconds("total", elapsed)
        json.endObject()
        json.endObject()
    }

    private func read(
        _ name: String, _ read: Int, _ skipped: Int, _ reasons: QueryStatistics.Skipped, _ json: inout JSONWriter
    ) {
        json.key(name)
        json.beginObject()
        json.number("read", read)
        json.number("skipped", skipped)
        json.key("skippedBy")
        json.beginObject()
        json.number("time", reasons.byTime)
        json.number("labels", reasons.byLabels)
        json.number("filter", reasons.byFilter)
        json.endObject()
        json.endObject()
    }

    /// Prometheus' `stats` object, with its names.
    func writeStats(to json: inout JSONWriter) {
        let preparation = statistics[.plan] + statistics[.select] + statistics[.read]
        let evaluation = preparation + statistics[.evaluate]
        json.beginObject()
        json.key("timings")
        json.beginObject()
        json.seconds("evalTotalTime", evaluation)
        json.seconds("resultSortTime", .zero)
        json.seconds("queryPreparationTime", preparation)
        json.seconds("innerEvalTime", statistics[.evaluate])
        json.seconds("execQueueTime", waited)
        json.seconds("execTotalTime", elapsed)
        json.endObject()
        json.key("samples")
        json.beginObject()
        json.number("totalQueryableSamples", max(statistics.samplesQueried, statistics.samplesRead))
        json.number("samplesRead", statistics.samplesRead)
        json.number("peakSamples", statistics.samplesPeak)
        json.endObject()
        json.endObject()
    }
}

extension JSONWriter {
    mutating func number(_ name: String, _ value: Int) {
        key(name)
        integer(value)
    }

    mutating func seconds(_ name: String, _ time: Duration) {
        key(name)
        double(time.seconds)
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
