import Codecs
import Storage
import Synchronization
import Telemetry
import Wire

/// `POST /api/v1/read`: raw samples for a Prometheus (or Thanos) that has this server as `remote_read`.
struct RemoteReadAPI {
    let process: ServerProcess
    private static let limit = 32 << 20
    private static let concurrent = 10
    /// Whoever comes when all places are taken waits here.
    private static let gate = ReadGate(places: concurrent)

    func register(on routes: Routes) {
        let errors: Routes.ErrorShaper = { error in
            let status =
                switch error {
                case let failure as HTTPFailure: failure.status
                case is WireError: 400
                case let error as StorageError:
                    switch error {
                    case .tooManySamples, .memoryBudgetExceeded, .badMatcher: 400
                    case .timedOut: 503
                    default: 500
                    }
                default: 500
                }
            return .text("\(error)\n", status: status)
        }
        routes.on([.post], "/api/v1/read", "/prometheus/api/v1/read", errors: errors) { call in
            try await process.query(.names, "/api/v1/read", for: call) { _ in try await read(call) }
        }
    }

    private func read(_ call: HTTPCall) async throws -> HTTPAnswer {
        let body: [UInt8]
        do { body = try Snappy.decompress(call.body, limit: RemoteReadAPI.limit) } catch {
            throw HTTPFailure(400, "the body is not snappy in block format: \(error)")
        }
        let request = try RemoteReadRequest(body)
        let context = process.queryContext()
        try await RemoteReadAPI.gate.enter(context: context)
        defer { RemoteReadAPI.gate.leave() }
        let external = process.configuration.externalLabels
        var results: [[RemoteReadSeries]] = []
        var hasHistograms = false
        for query in request.queries {
            let found = try await series(query, external, context)
            hasHistograms = hasHistograms || found.contains { !$0.histograms.isEmpty }
            results.append(found)
        }
        // XOR chunks hold floats only; samples hold everything.
        let wanted = request.accepted.first { $0 == .samples || !hasHistograms }
        switch wanted {
        case .samples:
            return HTTPAnswer(
                contentType: "application/x-protobuf", headers: [("Content-Encoding", "snappy")],
                body: Snappy.compress(RemoteReadResponse.samples(results)))
        case .streamedChunks:
            var out = ByteWriter()
            for (index, result) in results.enumerated() { RemoteReadResponse.frames(result, query: index, to: &out) }
            return HTTPAnswer(
                contentType: "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse", body: out.bytes)
        case nil:
            throw HTTPFailure(
                400,
                hasHistograms
                    ? "the answer holds native histograms, which are sent as SAMPLES only: accept that type too"
                    : "none of the response types that the request accepts is known here: accept SAMPLES or STREAMED_XOR_CHUNKS"
            )
        }
    }

    private func series(
        _ query: RemoteReadRequest.Query, _ external: LabelSet, _ context: QueryContext
    ) async throws -> [RemoteReadSeries] {
        // What we add to each answer cannot be asked of the store.
        let matchers = query.matchers.filter { matcher in
            matcher.operation != .equal || external[matcher.name] == nil || external[matcher.name] != matcher.value
        }
        guard query.end >= query.start else { return [] }
        let range = TimeRange(start: query.start, end: query.end == .max ? .max : query.end + 1)
        var found: [RemoteReadSeries] = []
        _ = try await process.series.scan(SeriesScanPlan(range: range, matchers: matchers), context: context) { batch in
            for columns in batch {
                var histograms: [SeriesBatch.HistogramSample] = []
                for (row, histogram) in columns.histograms.enumerated() {
                    histograms.append(
                        .init(series: 0, timestamp: columns.histogramTimestamps[row], histogram: histogram))
                }
                found.append(
                    RemoteReadSeries(
                        labels: labels(columns.labels, external), timestamps: columns.timestamps,
                        values: columns.values, histograms: histograms))
            }
        }
        // Clients merge several sources and count on the order.
        return found.sorted { $0.labels < $1.labels }
    }

    private func labels(_ own: LabelSet, _ external: LabelSet) -> LabelSet {
        external.isEmpty ? own : external.merging(own)
    }
}

/// Lets a few in at once.
private final class ReadGate: Sendable {
    private let places: Int
    private let taken = Mutex(0)

    init(places: Int) { self.places = places }

    /// Throws where the query's time is over before there is a place.
    func enter(context: QueryContext) async throws {
        while true {
            try context.check()
            let isIn = taken.withLock { taken in
                guard taken < places else { return false }
                taken += 1
                return true
            }
            if isIn { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func leave() { taken.withLock { $0 -= 1 } }
}
