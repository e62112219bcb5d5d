import ArgumentParser
import Foundation

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Ask in LogQL; newest lines last.",
        discussion: """
            A log query prints lines with time, level, service and trace id; a metric query (count_over_time, rate, …) prints \
            its vector, or its range with --since. raw prints the lines alone, json one object a line.

            --context shows what came before and after each line in its stream, --histogram how many lines of which level \
            there were over time, --patterns which shapes of line there are and how their numbers changed, --count-by how \
            often a label or field has which value.
            """)

    @Argument(help: "The query, for example: '{service_name=\"payment\"} |= \"declined\"'")
    var query: String

    @OptionGroup var server: ServerOptions
    @OptionGroup var window: TimeWindow
    @OptionGroup var output: OutputOptions

    @Flag(name: [.customShort("f"), .long], help: "Go on with new lines as they come, until Ctrl-C.")
    var follow = false

    @Option(help: "The newest so many lines (at most 5000).")
    var limit = 100

    @Option(name: [.customShort("C"), .long], help: "So many lines of its stream before and after each line.")
    var context: Int?

    @Flag(help: "Shapes of lines with their counts, and the change against the time before.")
    var patterns = false

    @Option(help: "Of --patterns those that nobody has seen before this time: RFC 3339, unix seconds, or now-1h.")
    var newSince: String?

    @Flag(help: "Lines by level over time, as bars.")
    var histogram = false

    @Option(help: "Counts by the values of a label or field, the most frequent first.")
    var countBy: String?

    @Option(help: "Labels and fields behind each line: names with commas between, or all, or none.")
    var fields = "trace_id"

    func validate() throws {
        guard (1...5000).contains(limit) else { throw ValidationError("--limit must be from 1 to 5000") }
        if let context, !(0...500).contains(context) { throw ValidationError("--context must be from 0 to 500") }
        if let newSince {
            guard patterns else { throw ValidationError("--new-since goes with --patterns") }
            _ = try TimeWindow.time(newSince, now: 0)
        }
        let modes = [follow, context != nil, patterns, histogram, countBy != nil].filter { $0 }.count
        guard modes <= 1 else {
            throw ValidationError("give one of --follow, --context, --patterns, --histogram and --count-by")
        }
    }

    private var isLogQuery: Bool { query.drop(while: \.isWhitespace).first == "{" }

    func run() async throws {
        do { try await answer() } catch let refusal as ServerRefusal {
            throw CommandFailure(refusal.description + Caret.under(query, refusal.sentence))
        }
    }

    private func answer() async throws {
        let client = try server.client
        guard isLogQuery else {
            guard !follow, context == nil, !patterns, !histogram, countBy == nil else {
                throw CommandFailure("this query has numbers as its answer; give a log query such as '{service_name=\"cart\"}'")
            }
            return try await runMetric(client)
        }
        let (start, end) = try window.range(default: 3_600_000)
        let logs = LogSource(client: client, query: query)
        if patterns {
            let since = try newSince.map { try TimeWindow.time($0, now: Int64(Date().timeIntervalSince1970 * 1000)) }
            return try await LogPatterns(client, query).print(
                start: start, end: end, newSince: since, limit: limit, output.output)
        }
        if histogram { return try await LogHistogram(client, query).print(start: start, end: end, output.output) }
        if let countBy {
            return try await LogCounts(client, query).print(
                by: countBy, start: start, end: end, limit: limit, output.output)
        }
        var printer = LinePrinter(format: output.output, fields: fields)
        printer.begin()
        let lines = try await logs.newest(limit, from: start * 1_000_000, to: (end + 1) * 1_000_000)
        if let context {
            return try await LogContext(logs, lines: context).print(around: lines, with: &printer)
        }
        printer.align(lines)
        for line in lines { printer.print(line) }
        if follow { try await logs.follow(after: lines, from: start * 1_000_000) { printer.print($0) } }
    }

    private func runMetric(_ client: ServerClient) async throws {
        let data: Data
        if window.isGiven {
            let (start, end) = try window.range(default: 3_600_000)
            data = try await client.get(
                "/loki/api/v1/query_range",
                [("query", query), ("start", "\(start * 1_000_000)"), ("end", "\(end * 1_000_000)")])
        } else {
            data = try await client.get("/loki/api/v1/query", [("query", query)])
        }
        if output.output == .json { return Terminal.json(data) }
        try MetricAnswer.print(data, as: output.output)
    }
}
