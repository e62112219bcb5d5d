import ArgumentParser
import Foundation
import Telemetry

struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Ask in PromQL; list and kill running queries.",
        discussion: """
            Without a time range the answer is an instant vector, now or at --at. With --since or --from it is a range, drawn as a \
            plot with the unit that the metric's name tells; -o table shows points, last value, minimum, maximum and mean of each \
            series, csv and json every point. --running lists what runs at the moment in PromQL, LogQL and TraceQL, and --kill ends \
            one of these by its id.
            """)

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case plot, table, json, csv, raw
    }

    @Argument(help: "The expression, for example: sum by (job) (rate(http_requests_total[5m]))")
    var expression: String?

    @OptionGroup var server: ServerOptions
    @OptionGroup var window: TimeWindow

    @Option(name: [.customShort("o"), .long], help: "plot (for a range), table, json, csv or raw.")
    var output: Form?

    @Option(help: "Time of an instant query: RFC 3339, unix seconds, or now-1h.")
    var at: String?

    @Option(help: "Step of a range query: 15s, 1m.")
    var step: String?

    @Option(help: "Show at most so many series.")
    var limit: Int?

    @Option(help: "Longest time that the server may take: 30s, 2m.")
    var timeout: String?

    @Option(help: ArgumentHelp("Lines of a plot.", valueName: "lines"))
    var height = 16

    @Flag(help: "Tell what the server read, passed over and held, and where the time went.")
    var explain = false

    @Flag(help: "List the queries that run on the server.")
    var running = false

    @Option(help: ArgumentHelp("End the running query of this id.", valueName: "id"))
    var kill: String?

    func validate() throws {
        let asks = [expression != nil, running, kill != nil].filter { $0 }.count
        guard asks == 1 else {
            throw ValidationError("give an expression, --running or --kill ID" + (asks > 1 ? ", one of them" : ""))
        }
        if let limit, limit < 1 { throw ValidationError("--limit must be positive") }
        guard (4...200).contains(height) else { throw ValidationError("--height must be from 4 to 200") }
        if at != nil && window.isGiven {
            throw ValidationError("--at asks for one moment; leave out --since, --from and --to")
        }
        if let step { _ = try TimeWindow.duration(step) }
        if let timeout { _ = try TimeWindow.duration(timeout) }
        if let at { _ = try TimeWindow.time(at, now: 0) }
        if output == .plot, !window.isGiven, expression != nil {
            throw ValidationError("a plot needs a time range: give --since or --from")
        }
    }

    func run() async throws {
        let client = try server.client
        if running { return try await RunningQueries.print(client, as: output.flatMap(plain) ?? .table) }
        if let kill { return try await RunningQueries.kill(kill, client) }
        guard let expression else { return }
        do { try await ask(expression, client) } catch let refusal as ServerRefusal {
            throw CommandFailure(refusal.description + Caret.under(expression, refusal.sentence))
        }
    }

    private func plain(_ form: Form) -> OutputFormat? { OutputFormat(rawValue: form.rawValue) }

    private func ask(_ expression: String, _ client: ServerClient) async throws {
        let common: [(String, String?)] = [
            ("query", expression), ("limit", limit.map(String.init)), ("explain", explain ? "1" : nil),
            ("timeout", timeout),
        ]
        guard window.isGiven else {
            let time = try at.map { try TimeWindow.time($0, now: Int64(Date().timeIntervalSince1970 * 1000)) }
            let data = try await client.get(
                "/api/v1/query", common + [("time", time.map { "\(Double($0) / 1000)" })])
            return try show(data, as: output.flatMap(plain) ?? .table)
        }
        let (start, end) = try window.range(default: 3_600_000)
        let seconds =
            try step.map(TimeWindow.duration).map { Double($0) / 1000 }
            ?? max(1, (Double(end - start) / 250_000).rounded())
        let data = try await client.get(
            "/api/v1/query_range",
            common + [("start", "\(Double(start) / 1000)"), ("end", "\(Double(end) / 1000)"), ("step", "\(seconds)")])
        guard output ?? .plot == .plot else { return try show(data, as: output.flatMap(plain) ?? .table) }
        let answer = try MetricAnswer.read(data)
        for sentence in (answer.warnings ?? []) + (answer.infos ?? []) { Terminal.complain(sentence) }
        let series = PlottedSeries.read(answer)
        if series.isEmpty {
            Terminal.complain("no series")
        } else {
            let plot = Plot(
                series: series, start: Double(start) / 1000, end: Double(end) / 1000, step: seconds,
                unit: MetricUnit.of(expression, answer))
            Terminal.write(
                plot.drawn(width: Terminal.width, height: height, hasColour: Terminal.hasColour))
        }
        answer.data.explain?.print()
    }

    private func show(_ data: Data, as format: OutputFormat) throws {
        if format == .json { return Terminal.json(data) }
        let answer = try MetricAnswer.read(data)
        MetricAnswer.print(answer, as: format)
        answer.data.explain?.print()
    }
}
