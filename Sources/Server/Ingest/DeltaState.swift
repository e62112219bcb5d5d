import Storage
import Synchronization
import Telemetry
import Wire

/// Decodes OTLP metrics, and keeps the running totals of those with delta temporality for every connection.
///
/// The totals are what was stored last, so they need no file of their own: after a start, the first delta point of a
/// metric has the newest values of its series looked up in the store, and they go on from there, `kill -9` or not.
final class DeltaState: Sendable {
    /// How far back a series is looked for. One that was silent for longer begins at nothing again, which `rate` takes
    /// for the reset that it then is.
    private static let lookback: Int64 = 86_400_000
    /// Where even one metric has more samples in a day than a query may load.
    private static let shorterLookbacks: [Int64] = [7_200_000, 900_000]
    /// A series without a point for so long leaves the memory; the store has it.
    private static let idleTime: Int64 = 3_600_000

    private let reader: any SeriesReader
    private let accumulator = Mutex(DeltaAccumulator(isRecovering: true))
    private let translation = Mutex(OTLPTranslation())
    /// Cumulative senders never take the lock.
    private let hasDeltas = Atomic(false)
    private let lastSweep = Atomic<Int64>(0)

    init(reader: any SeriesReader) { self.reader = reader }

    func use(_ new: OTLPTranslation) { translation.withLock { $0 = new } }

    var seriesCount: Int { accumulator.withLock { $0.seriesCount } }

    func decode(_ body: [UInt8], encoding: IngestGateway.Encoding) async throws -> OTLPMetricsResult {
        let now = TimeParameters.nowMilliseconds
        let translation = translation.withLock { $0 }
        func read(_ deltas: inout DeltaAccumulator) throws -> OTLPMetricsResult {
            try encoding == .json
                ? OTLPMetrics.decode(json: body, now: now, translation: translation, deltas: &deltas)
                : OTLPMetrics.decode(protobuf: body, now: now, translation: translation, deltas: &deltas)
        }
        if !hasDeltas.load(ordering: .relaxed) {
            // It knows no metric, so that it answers only where there are no deltas.
            var none = DeltaAccumulator(isRecovering: true)
            let result = try read(&none)
            if result.unknownDeltas.isEmpty { return result }
            hasDeltas.store(true, ordering: .relaxed)
        }
        sweep(now)
        // A metric can be forgotten by a sweep between its look-up and the decoding; it is then looked up again.
        for _ in 0..<8 {
            let result = try accumulator.withLock { try read(&$0) }
            if result.unknownDeltas.isEmpty { return result }
            for unknown in result.unknownDeltas {
                let found = try await lookUp(unknown, now: now)
                accumulator.withLock { $0.adopt(unknown.name, found) }
            }
        }
        throw StorageError.overloaded("the series of delta metrics cannot be looked up fast enough; try again")
    }

    private func sweep(_ now: Int64) {
        let last = lastSweep.load(ordering: .relaxed)
        guard now - last > 300_000,
            lastSweep.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
        else { return }
        accumulator.withLock { $0.removeIdle(before: now - DeltaState.idleTime) }
    }

    // MARK: What the store has

    private func lookUp(
        _ unknown: OTLPMetricsResult.UnknownDelta, now: Int64
    ) async throws -> [DeltaAccumulator.Stored] {
        let names =
            [unknown.name] + (unknown.isHistogram ? ["_sum", "_count", "_bucket"].map { unknown.name + $0 } : [])
        var found: [DeltaAccumulator.Stored] = []
        for name in names { found += try await newest(name, now: now) }
        return found
    }

    private func newest(_ name: String, now: Int64) async throws -> [DeltaAccumulator.Stored] {
        var shorter = DeltaState.shorterLookbacks[...]
        var lookback = DeltaState.lookback
        while true {
            do {
                return try await newest(name, since: now - lookback)
            } catch let error as StorageError {
                switch error {
                case .memoryBudgetExceeded, .tooManySamples:
                    guard let next = shorter.popFirst() else { throw error }
                    lookback = next
                default: throw error
                }
            }
        }
    }

    private func newest(_ name: String, since: Int64) async throws -> [DeltaAccumulator.Stored] {
        let plan = SeriesScanPlan(
            range: TimeRange(start: since, end: .max), matchers: [Matcher("__name__", .equal, name)])
        var found: [DeltaAccumulator.Stored] = []
        _ = try await reader.scan(plan, context: QueryContext()) { batch in
            for series in batch { if let one = DeltaState.newest(series) { found.append(one) } }
        }
        return found
    }

    /// Stale markers say nothing about the total.
    private static func newest(_ series: SeriesColumns) -> DeltaAccumulator.Stored? {
        let number = series.values.indices.last { !SpecialValue.isStaleMarker(series.values[$0]) }
        let histogram = series.histograms.indices.last { !SpecialValue.isStaleMarker(series.histograms[$0].sum) }
        if let histogram, number.map({ series.timestamps[$0] < series.histogramTimestamps[histogram] }) ?? true {
            let starts = series.histogramStartTimestamps
            return DeltaAccumulator.Stored(
                labels: series.labels, value: 0, histogram: series.histograms[histogram],
                time: series.histogramTimestamps[histogram], start: starts.isEmpty ? 0 : starts[histogram])
        }
        guard let number else { return nil }
        return DeltaAccumulator.Stored(
            labels: series.labels, value: series.values[number], time: series.timestamps[number],
            start: series.startTimestamps.isEmpty ? 0 : series.startTimestamps[number])
    }
}
