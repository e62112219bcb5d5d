import Foundation

struct QueryFigures: Codable {
    var name: String
    var expression: String
    var p50Milliseconds: Double
    var cpuMilliseconds: Double
    var series: Int
    var answerBytes: Int
    /// Most resident memory of the server while it answered, in bytes.
    var peakRSS: Int
    /// Why there is no figure.
    var failure: String?
}

/// Asks every query several times.
enum QueryStage {
    static func run(
        _ running: RunningServer, _ load: RemoteWriteLoad, runs: Int
    ) throws -> (figures: [QueryFigures], answers: [[UInt8]]) {
        let connection = running.connection()
        // On whole minutes, which some servers would else round to by themselves.
        let end = load.shape.end / 60_000 * 60
        var figures: [QueryFigures] = []
        var answers: [[UInt8]] = []
        for query in BenchmarkQuery.all {
            let path = path(query, end: end)
            running.process.forgetPeak()
            var answer = try connection.get(path)
            guard answer.status == 200 else {
                figures.append(
                    QueryFigures(
                        name: query.name, expression: query.expression, p50Milliseconds: .nan, cpuMilliseconds: .nan,
                        series: 0, answerBytes: 0, peakRSS: 0,
                        failure: "\(answer.status): \(answer.text.prefix(200))"))
                answers.append([])
                continue
            }
            var times: [Double] = []
            let cpu = running.process.cpuSeconds
            for _ in 0..<runs {
                let start = ContinuousClock.now
                answer = try connection.get(path)
                let elapsed = ContinuousClock.now - start
                times.append(Double(elapsed.components.seconds) * 1000 + Double(elapsed.components.attoseconds) / 1e15)
            }
            let used = (running.process.cpuSeconds - cpu) / Double(runs) * 1000
            figures.append(
                QueryFigures(
                    name: query.name, expression: query.expression, p50Milliseconds: times.sorted()[runs / 2],
                    cpuMilliseconds: used, series: QueryAnswer(answer.body)?.series.count ?? 0,
                    answerBytes: answer.body.count, peakRSS: running.process.memory("VmHWM")))
            answers.append(answer.body)
        }
        return (figures, answers)
    }

    private static func path(_ query: BenchmarkQuery, end: Int64) -> String {
        let allowed = CharacterSet.alphanumerics
        let expression = query.expression.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        switch query.form {
        case .instant: return "/api/v1/query?query=\(expression)&time=\(end)"
        case .range(let step):
            return "/api/v1/query_range?query=\(expression)&start=\(end - 3600)&end=\(end)&step=\(step)"
        }
    }

    /// Lines that say where ours and Prometheus' answers differ by more than 1e-9.
    static func disagreements(ours: [[UInt8]], prometheus: [[UInt8]]) -> [String] {
        var lines: [String] = []
        for (index, query) in BenchmarkQuery.all.enumerated() where index < min(ours.count, prometheus.count) {
            guard let a = QueryAnswer(ours[index]), let b = QueryAnswer(prometheus[index]) else {
                lines.append("\(query.name): one of the two has no answer")
                continue
            }
            if let difference = a.difference(from: b, tolerance: 1e-9) { lines.append("\(query.name): \(difference)") }
            if b.series.isEmpty { lines.append("\(query.name): the answer is empty, the query measures nothing") }
        }
        return lines
    }
}
