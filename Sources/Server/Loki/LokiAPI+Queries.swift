import LogQL
import Storage
import Telemetry
import Vectors
import Wire

/// `query` and `query_range`.
extension LokiAPI {
    func query(_ call: HTTPCall) async throws -> HTTPAnswer {
        let text = try queryText(call)
        let time =
            try call.parameters["time"].map { try TimeParameters.nanoseconds($0, name: "time") }
            ?? TimeParameters.nowNanoseconds
        let query = try await process.begin(.logql, text, for: call)
        do {
            let result = try await process.timed(query) {
                try await query.run { try await engine.instant(text, at: time, context: $0) }
            }
            switch result {
            case .matrix(let matrix):
                let shown = matrix.series.filter { $0.present.first == true }
                return try await answer(query, call, type: "vector", count: shown.count) { index, json in
                    json.vectorSeries(shown[index], time: time / 1_000_000)
                }
            case .scalar(let value):
                return try await answer(query, call, type: "scalar", count: 1) { _, json in
                    json.seconds(time / 1_000_000)
                    json.string(formatValue(value))
                }
            }
        } catch {
            query.finish()
            throw error
        }
    }

    func queryRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let text = try queryText(call)
        let times = try times(call)
        guard times.end >= times.start else {
            throw HTTPFailure(400, "end timestamp must not be before or equal to start time")
        }
        let parsing = ContinuousClock.now
        let parsed = try LogQLEngine.parse(text)
        let parseTime = ContinuousClock.now - parsing
        let query = try await process.begin(.logql, text, for: call)
        query.context.add(parseTime, to: .parse)
        do {
            switch parsed {
            case .log(let expression): return try await lines(expression, query, call, times)
            case .metric(let metric): return try await series(metric, query, call, times)
            }
        } catch {
            query.finish()
            throw error
        }
    }

    /// What a log query finds.
    func found(
        _ expression: LogExpression, _ query: RunningQuery, _ call: HTTPCall, _ times: (start: Int64, end: Int64)
    ) async throws -> LogResult {
        let limit = try limit(call)
        let direction = try direction(call)
        return try await process.timed(query) {
            try await query.run { context in
                try await engine.logs(
                    expression, range: TimeRange(start: times.start, end: times.end), limit: limit,
                    direction: direction, context: context)
            }
        }
    }

    private func lines(
        _ expression: LogExpression, _ query: RunningQuery, _ call: HTTPCall, _ times: (start: Int64, end: Int64)
    ) async throws -> HTTPAnswer {
        let result = try await found(expression, query, call, times)
        let categorised = isCategorised(call)
        let streams = result.streams(categorised: categorised)
        // Line by line: a stream may be all there is.
        let places = streams.enumerated().flatMap { stream, one in
            one.entries.indices.map { (stream: stream, entry: $0) }
        }
        return try await answer(
            query, call, type: "streams", count: places.count, entries: result.entries.count,
            warnings: result.warnings, flags: categorised ? ["categorize-labels"] : []
        ) { index, json in
            let (number, place) = places[index]
            let stream = streams[number]
            if place == 0 {
                json.beginObject()
                json.key("stream")
                json.labels(stream.labels)
                json.key("values")
                json.beginArray()
            }
            LokiAPI.write(result.entries[stream.entries[place]], categorised: categorised, &json)
            if place == stream.entries.count - 1 {
                json.endArray()
                json.endObject()
            }
        }
    }

    private func series(
        _ metric: MetricExpression, _ query: RunningQuery, _ call: HTTPCall, _ times: (start: Int64, end: Int64)
    ) async throws -> HTTPAnswer {
        let step = try step(call, times)
        if (times.end - times.start) / step > 11_000 {
            throw HTTPFailure(
                400,
                "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter"
            )
        }
        let result = try await process.timed(query) {
            try await query.run { context in
                try await engine.range(metric, start: times.start, end: times.end, step: step, context: context)
            }
        }
        let matrix: StepMatrix
        switch result {
        case .matrix(let found): matrix = found
        case .scalar(let value):
            let count = Int((times.end - times.start) / step) + 1
            let grid = StepGrid(start: times.start / 1_000_000, end: times.end / 1_000_000, step: step / 1_000_000)
            matrix = StepMatrix(
                grid: grid, series: [StepSeries(labels: .empty, constant: value, count: min(count, grid.count))])
        }
        let shown = matrix.series.filter { !$0.isEmpty }
        let text = GridText(matrix.grid)
        return try await answer(query, call, type: "matrix", count: shown.count) { index, json in
            json.matrixSeries(shown[index], matrix.grid, text)
        }
    }

    // MARK: Answers

    static func write(_ entry: LogEntry, categorised: Bool, _ json: inout JSONWriter) {
        json.beginArray()
        json.quotedInteger(entry.timestamp)
        json.string(entry.line)
        if categorised {
            json.beginObject()
            if !entry.structuredMetadata.isEmpty {
                json.key("structuredMetadata")
                json.labels(entry.structuredMetadata)
            }
            if !entry.parsed.isEmpty {
                json.key("parsed")
                json.labels(entry.parsed)
            }
            json.endObject()
        }
        json.endArray()
    }

    func streams(_ result: LogResult, categorised: Bool, _ json: inout JSONWriter) {
        json.beginArray()
        for stream in result.streams(categorised: categorised) {
            json.beginObject()
            json.key("stream")
            json.labels(stream.labels)
            json.key("values")
            json.beginArray()
            for index in stream.entries { LokiAPI.write(result.entries[index], categorised: categorised, &json) }
            json.endArray()
            json.endObject()
        }
        json.endArray()
    }

    private func answer(
        _ query: RunningQuery, _ call: HTTPCall, type: String, count: Int, entries: Int = 0,
        warnings: [String] = [], flags: [String] = [],
        _ element: @escaping @Sendable (Int, inout JSONWriter) -> Void
    ) async throws -> HTTPAnswer {
        let isExplained = Explanation.isWanted(call)
        return try await ListPieces.answer(
            query, count: count,
            before: { json in LokiAPI.beginResult(type, &json) }, element: element,
            after: { json in
                json.endArray()
                if !flags.isEmpty {
                    json.key("encodingFlags")
                    json.strings(flags)
                }
                LokiAPI.statistics(query, entries: entries, &json)
                if isExplained {
                    json.key("explain")
                    Explanation(query).write(to: &json)
                }
                json.endObject()
                let all = warnings + query.context.warnings
                if !all.isEmpty {
                    json.key("warnings")
                    json.strings(all)
                }
                json.endObject()
            })
    }

    /// Up to the first element of the result.
    static func beginResult(_ type: String, _ json: inout JSONWriter) {
        json.beginObject()
        json.field("status", "success")
        json.key("data")
        json.beginObject()
        json.field("resultType", type)
        json.key("result")
        json.beginArray()
    }

    /// `"stats":{"summary":{…}}`
    static func statistics(_ query: RunningQuery, entries: Int, _ json: inout JSONWriter) {
        json.key("stats")
        json.beginObject()
        summary(query, entries: entries, &json)
        json.endObject()
    }

    static func summary(_ query: RunningQuery, entries: Int, _ json: inout JSONWriter) {
        let statistics = query.context.statistics
        let seconds = max(1e-6, query.elapsed.seconds)
        json.key("summary")
        json.beginObject()
        let numbers: [(String, Int)] = [
            ("bytesProcessedPerSecond", Int(Double(statistics.bytesRead) / seconds)),
            ("linesProcessedPerSecond", Int(Double(statistics.rowsScanned) / seconds)),
            ("totalBytesProcessed", statistics.bytesRead), ("totalLinesProcessed", statistics.rowsScanned),
            ("totalEntriesReturned", entries),
        ]
        for (name, number) in numbers {
            json.key(name)
            json.integer(number)
        }
        json.key("execTime")
        json.double(seconds)
        json.endObject()
    }
}
