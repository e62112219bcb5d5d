import PromQL
import Storage
import Telemetry
import Vectors
import Wire

/// The answer to a PromQL query, written while it is sent: a range query over many series is a hundred megabytes of
/// JSON, which are never in memory at once.
struct ResultPieces: BodyPieces {
    /// What stands behind the result.
    struct Trailer: Sendable {
        var stats = false
        var explains = false
        /// Series that are shown, 0 for all.
        var limit = 0
    }

    private static let pieceBytes = 64 << 10

    private let query: RunningQuery
    private let result: PromQLResult
    private let trailer: Trailer
    /// The times of a range query, which all of its series share.
    private let times: GridText
    private var json = JSONWriter()
    private var phase = Phase.start
    /// The next series.
    private var next = 0
    private var shown = 0

    private enum Phase { case start, series, end, done }

    init(_ query: RunningQuery, _ result: PromQLResult, _ trailer: Trailer) {
        self.query = query
        self.result = result
        self.trailer = trailer
        times = if case .matrix(let matrix) = result.value { GridText(matrix.grid) } else { GridText(.instant(result.time)) }
    }

    /// An answer of one piece goes out whole, with its length. To be called in the query's lane.
    static func answer(_ query: RunningQuery, _ result: PromQLResult, _ trailer: Trailer) -> HTTPAnswer {
        var pieces = ResultPieces(query, result, trailer)
        var answer = HTTPAnswer.json(pieces.piece(query.context))
        if pieces.phase == .done { query.finish() } else { answer.rest = pieces }
        return answer
    }

    mutating func next() async throws -> [UInt8]? {
        guard phase != .done else {
            query.finish()
            return nil
        }
        let before = self
        let (bytes, after) = try await query.run { context in
            var pieces = before
            return (pieces.piece(context), pieces)
        }
        self = after
        return bytes
    }

    private mutating func piece(_ context: QueryContext) -> [UInt8] {
        let started = ContinuousClock.now
        defer { context.add(ContinuousClock.now - started, to: .encode) }
        return fill(since: started)
    }

    private mutating func fill(since started: ContinuousClock.Instant) -> [UInt8] {
        while phase != .done {
            switch phase {
            case .start: begin()
            case .series: addSeries()
            case .end: end(since: started)
            case .done: break
            }
            if json.bytes.count >= ResultPieces.pieceBytes { break }
        }
        return json.takeBytes()
    }

    private mutating func begin() {
        json.beginObject()
        json.field("status", "success")
        json.key("data")
        json.beginObject()
        json.field("resultType", result.typeName)
        json.key("result")
        json.beginArray()
        phase = .series
        switch result.value {
        case .scalar(let value):
            json.seconds(result.time)
            json.quotedDouble(value, .sample)
            phase = .end
        case .string(let text):
            json.seconds(result.time)
            json.string(text)
            phase = .end
        case .vector, .matrix, .samples: break
        }
    }

    private mutating func addSeries() {
        let count = result.seriesCount
        while next < count, json.bytes.count < ResultPieces.pieceBytes {
            if trailer.limit > 0, shown >= trailer.limit, result.has(next) { return phase = .end }
            if result.has(next) {
                shown += 1
                result.write(next, times, to: &json)
            }
            next += 1
        }
        if next >= count { phase = .end }
    }

    private mutating func end(since started: ContinuousClock.Instant) {
        json.endArray()
        var explanation = Explanation(query)
        // This piece is part of the encoding too.
        explanation.statistics[.encode] += ContinuousClock.now - started
        if trailer.stats {
            json.key("stats")
            explanation.writeStats(to: &json)
        }
        if trailer.explains {
            json.key("explain")
            explanation.write(to: &json)
        }
        json.endObject()
        var warnings = result.warnings + query.context.warnings
        if next < result.seriesCount { warnings.append(PrometheusEnvelope.truncated) }
        PrometheusEnvelope.sentences(warnings, result.infos, &json)
        json.endObject()
        phase = .done
    }
}

extension PromQLResult {
    var typeName: String {
        switch value {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix, .samples: "matrix"
        }
    }

    fileprivate var seriesCount: Int {
        switch value {
        case .scalar, .string: 0
        case .vector(let matrix), .matrix(let matrix): matrix.series.count
        case .samples(let columns): columns.count
        }
    }

    /// Whether the series has any point at all: those that have none are not shown.
    fileprivate func has(_ index: Int) -> Bool {
        switch value {
        case .scalar, .string: false
        case .vector(let matrix): matrix.series[index].present.first == true
        case .matrix(let matrix): !matrix.series[index].isEmpty
        case .samples: true
        }
    }

    fileprivate func write(_ index: Int, _ times: GridText, to json: inout JSONWriter) {
        switch value {
        case .scalar, .string: break
        case .vector(let matrix): json.vectorSeries(matrix.series[index], time: time)
        case .matrix(let matrix): json.matrixSeries(matrix.series[index], matrix.grid, times)
        case .samples(let columns): json.sampleSeries(columns[index])
        }
    }
}
