import Foundation
import Telemetry

/// An answer in Prometheus' shape, printed. LogQL's metric queries give the same.
enum MetricAnswer {
    struct Envelope: Decodable {
        struct Body: Decodable {
            var resultType: String
            var result: Result
            var explain: QueryExplanation?
        }
        struct Series: Decodable {
            var metric: [String: String]
            var value: Point?
            var values: [Point]?
            var histogram: HistogramPoint?
            var histograms: [HistogramPoint]?
        }
        struct Point: Decodable {
            var time: Double
            var value: String
            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                time = try list.decode(Double.self)
                value = try list.decode(String.self)
            }
        }
        struct HistogramPoint: Decodable {
            struct Body: Decodable {
                var count: String
                var sum: String
            }
            var time: Double
            var body: Body
            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                time = try list.decode(Double.self)
                body = try list.decode(Body.self)
            }
        }
        enum Result: Decodable {
            case series([Series])
            case point(Point)
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let point = try? container.decode(Point.self) {
                    self = .point(point)
                } else {
                    self = .series(try container.decode([Series].self))
                }
            }
        }
        var data: Body
        var warnings: [String]?
        var infos: [String]?
    }

    static func read(_ data: Data) throws -> Envelope {
        do { return try JSONDecoder().decode(Envelope.self, from: data) } catch {
            throw CommandFailure("the server's answer cannot be read: \(error)")
        }
    }

    static func print(_ data: Data, as format: OutputFormat) throws { print(try read(data), as: format) }

    static func print(_ answer: Envelope, as format: OutputFormat) {
        for sentence in (answer.warnings ?? []) + (answer.infos ?? []) { Terminal.complain(sentence) }
        switch answer.data.result {
        case .point(let point): Terminal.line(point.value)
        case .series(let series):
            if answer.data.resultType == "matrix" { printMatrix(series, format) } else { printVector(series, format) }
        }
    }

    private static func printVector(_ series: [Envelope.Series], _ format: OutputFormat) {
        if format == .raw {
            // A series without labels is a number for a script.
            for one in series { Terminal.line(one.metric.isEmpty ? text(one) : "\(LabelSet(one.metric)) \(text(one))") }
            return
        }
        if format == .csv {
            let names = Array(Set(series.flatMap(\.metric.keys))).sorted()
            Terminal.line((names + ["time", "value"]).map(Table.quoted).joined(separator: ","))
            for one in series {
                let time = one.value?.time ?? one.histogram?.time ?? 0
                Terminal.line(
                    (names.map { one.metric[$0] ?? "" } + [number(time), text(one)]).map(Table.quoted).joined(
                        separator: ","))
            }
            return
        }
        var table = Table("SERIES", "VALUE", numeric: [1])
        table.rows = series.map { [LabelSet($0.metric).description, text($0)] }
        if table.rows.isEmpty { Terminal.complain("no series") } else { table.print() }
    }

    private static func text(_ series: Envelope.Series) -> String {
        series.histogram.map(text) ?? series.value?.value ?? ""
    }

    private static func text(_ point: Envelope.HistogramPoint) -> String {
        "histogram count \(point.body.count) sum \(point.body.sum)"
    }

    private static func printMatrix(_ series: [Envelope.Series], _ format: OutputFormat) {
        switch format {
        case .csv:
            Terminal.line("series,time,value")
            for one in series {
                let name = LabelSet(one.metric).description
                for point in one.values ?? [] {
                    Terminal.line("\(Table.quoted(name)),\(number(point.time)),\(point.value)")
                }
                for point in one.histograms ?? [] {
                    Terminal.line("\(Table.quoted(name)),\(number(point.time)),\(text(point))")
                }
            }
        case .raw:
            for one in series {
                for point in one.values ?? [] {
                    Terminal.line("\(LabelSet(one.metric)) \(point.value) \(number(point.time))")
                }
                for point in one.histograms ?? [] {
                    Terminal.line("\(LabelSet(one.metric)) \(text(point)) \(number(point.time))")
                }
            }
        default:
            var table = Table("SERIES", "POINTS", "LAST", "MIN", "MAX", "MEAN", numeric: [1, 2, 3, 4, 5])
            for one in series {
                let points = one.values ?? []
                let values = points.compactMap { Double($0.value) }.filter { !$0.isNaN }
                let mean = values.isEmpty ? Double.nan : values.reduce(0, +) / Double(values.count)
                table.rows.append([
                    LabelSet(one.metric).description, "\(points.count)",
                    points.last.flatMap { Double($0.value) }.map(short) ?? "",
                    values.min().map(short) ?? "", values.max().map(short) ?? "", short(mean),
                ])
            }
            if table.rows.isEmpty { Terminal.complain("no series") } else { table.print() }
        }
    }

    static func short(_ value: Double) -> String {
        value.isNaN
            ? "NaN"
            : value == value.rounded() && value.magnitude < 1e15 ? "\(Int64(value))" : String(format: "%.4g", value)
    }

    private static func number(_ time: Double) -> String {
        time == time.rounded() ? "\(Int64(time))" : String(format: "%.3f", time)
    }
}
