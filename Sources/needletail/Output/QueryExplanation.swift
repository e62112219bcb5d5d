/// The object of `explain=1`.
struct QueryExplanation: Decodable {
    struct Reading: Decodable {
        struct Skipped: Decodable {
            var time: Int
            var labels: Int
            var filter: Int
        }
        var read: Int
        var skipped: Int
        var skippedBy: Skipped
    }
    struct Samples: Decodable {
        var decoded: Int
        var peak: Int
        var limit: Int
    }
    struct Memory: Decodable {
        var peakBytes: Int
        var limitBytes: Int
    }

    var seriesSelected: Int
    var parts: Reading
    var blocks: Reading
    var bytesRead: Int
    var rowsDecoded: Int
    var samples: Samples
    var memory: Memory
    var cpuSeconds: Double
    var seconds: [String: Double]

    /// On standard error, so that what is piped on is the answer alone.
    func print() {
        for line in lines { Terminal.complain(line) }
    }

    var lines: [String] {
        let stages = ["queue", "parse", "plan", "select", "read", "evaluate", "encode"]
        let times = stages.compactMap { name in
            seconds[name].flatMap { $0 > 0 ? "\(name) \(MetricUnit.seconds.text($0))" : nil }
        }
        return [
            "",
            "series selected  \(seriesSelected)",
            "parts            " + text(parts),
            "blocks           " + text(blocks) + ", \(MetricUnit.bytes.text(Double(bytesRead)))",
            "samples decoded  \(samples.decoded), most at once \(samples.peak) of \(samples.limit)",
            rowsDecoded > 0 ? "rows decoded     \(rowsDecoded)" : "",
            "memory           at most \(MetricUnit.bytes.text(Double(memory.peakBytes))) of "
                + MetricUnit.bytes.text(Double(memory.limitBytes)),
            "time             \(MetricUnit.seconds.text(seconds["total"] ?? 0)), processors "
                + MetricUnit.seconds.text(cpuSeconds) + (times.isEmpty ? "" : ": " + times.joined(separator: ", ")),
        ].enumerated().filter { $0.offset == 0 || !$0.element.isEmpty }.map(\.element)
    }

    private func text(_ reading: Reading) -> String {
        var reasons: [String] = []
        if reading.skippedBy.time > 0 { reasons.append("\(reading.skippedBy.time) by time") }
        if reading.skippedBy.labels > 0 { reasons.append("\(reading.skippedBy.labels) by labels") }
        if reading.skippedBy.filter > 0 { reasons.append("\(reading.skippedBy.filter) by filters") }
        return "\(reading.read) read, \(reading.skipped) skipped"
            + (reasons.isEmpty ? "" : " (" + reasons.joined(separator: ", ") + ")")
    }
}
