import ArgumentParser
import Server
import YAMLReading

/// How long and how much is kept, over what the configuration says.
struct RetentionFlags: ParsableArguments {
    @Option(
        name: [.customLong("retention.metrics"), .customLong("storage.tsdb.retention.time")],
        help: ArgumentHelp("How long metrics are kept: 15d where nothing is said.", valueName: "duration"))
    var metrics: String?

    @Option(
        name: [.customLong("retention.metrics-size"), .customLong("storage.tsdb.retention.size")],
        help: ArgumentHelp("Most bytes of metrics on the disk: 50GB.", valueName: "size"))
    var metricsSize: String?

    @Option(
        name: .customLong("retention.logs"),
        help: ArgumentHelp("How long logs are kept: 15d where nothing is said.", valueName: "duration"))
    var logs: String?

    @Option(
        name: .customLong("retention.logs-size"),
        help: ArgumentHelp("Most bytes of logs on the disk; the oldest go first.", valueName: "size"))
    var logsSize: String?

    @Option(
        name: .customLong("retention.traces"),
        help: ArgumentHelp("How long traces are kept: 15d where nothing is said.", valueName: "duration"))
    var traces: String?

    @Option(
        name: .customLong("retention.traces-size"),
        help: ArgumentHelp("Most bytes of traces on the disk; the oldest go first.", valueName: "size"))
    var tracesSize: String?

    func validate() throws { _ = try flags() }

    func flags() throws -> RetentionConfiguration.Flags {
        var out = RetentionConfiguration.Flags()
        out.metrics = try metrics.map(TimeWindow.duration)
        out.logs = try logs.map(TimeWindow.duration)
        out.traces = try traces.map(TimeWindow.duration)
        out.metricsBytes = try metricsSize.map(RetentionFlags.size)
        out.logsBytes = try logsSize.map(RetentionFlags.size)
        out.tracesBytes = try tracesSize.map(RetentionFlags.size)
        return out
    }

    private static func size(_ text: String) throws -> Int {
        guard let bytes = ByteSize.parse(text) else {
            throw ValidationError("\"\(text)\" is not a size; write for example 500MB or 50GB")
        }
        return bytes
    }
}
