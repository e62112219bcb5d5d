import Alerting
import Foundation
import SeriesStore
import ServiceInstrumentation
import Storage
import Synchronization
import Telemetry
import Wire

/// From decoded bodies to the stores: one way in for every protocol, with one family of counters.
package struct IngestGateway: Sendable {
    package enum Encoding: Sendable { case protobuf, json }

    /// What the sender is told.
    package struct Outcome: Sendable {
        package var accepted = 0
        package var rejected = 0
        /// One sentence about the first part that was refused.
        package var message: String?
    }

    let series: any SeriesStorage
    let events: any EventStorage
    private let metrics: SelfMetrics
    private let deltas: DeltaState
    private let pressure: MemoryPressure
    private let disk: DiskSpace
    let cardinality: CardinalityGuard?
    let totals = IngestTotals()
    /// Told of every batch of log lines once it is stored.
    let followers = LogFollowers()
    /// How OTLP logs become streams.
    let logMapping = CurrentLogMapping()

    init(
        series: any SeriesStorage, events: any EventStorage, metrics: SelfMetrics, pressure: MemoryPressure,
        disk: DiskSpace, cardinality: CardinalityGuard? = nil
    ) {
        self.series = series
        self.events = events
        self.metrics = metrics
        deltas = DeltaState(reader: series)
        self.pressure = pressure
        self.disk = disk
        self.cardinality = cardinality
    }

    /// How OTLP metrics are translated from now on.
    func use(_ translation: OTLPTranslation) { deltas.use(translation) }

    /// Series of delta metrics whose totals are in memory.
    var deltaSeriesCount: Int { deltas.seriesCount }

    /// Before anything is decoded: that takes memory, and delta metrics must not be counted and then refused.
    func checkRoom() throws {
        try pressure.refuseWhenCritical()
        try disk.refuseWhenFull()
    }

    /// One OTLP export. Throws ``IngestFailure`` where nothing at all was stored.
    func ingest(_ signal: IngestSignal, _ body: [UInt8], encoding: Encoding, transport: String) async throws -> Outcome
    {
        let kind = "otlp_\(transport)"
        do {
            try checkRoom()
            switch signal {
            case .traces:
                let decoded = try encoding == .json ? OTLPTraces.decode(json: body) : OTLPTraces.decode(protobuf: body)
                return try await store(
                    decoded.batch, in: .spans, signal: signal, kind, rejected: decoded.rejected,
                    decoded.rejectionMessage)
            case .logs:
                let now = TimeParameters.nowNanoseconds
                let mapping = logMapping.current
                let decoded =
                    try encoding == .json
                    ? OTLPLogs.decode(json: body, now: now, mapping: mapping)
                    : OTLPLogs.decode(protobuf: body, now: now, mapping: mapping)
                return try await store(
                    decoded.batch, rejections: decoded.rejections, kind,
                    id: decoded.isTimed ? BatchIdentity.of(kind, body) : nil)
            case .metrics:
                return try await store(try await deltas.decode(body, encoding: encoding), kind)
            }
        } catch {
            throw refuse(error, signal, kind)
        }
    }

    /// A Loki push that was decoded already. `body` is what it was decoded from, by which a repeated one is known.
    package func push(_ decoded: LokiPushResult, body: [UInt8]) async throws -> Outcome {
        do {
            try checkRoom()
            var outcome = try await store(
                decoded.batch, rejections: decoded.rejections, "loki", id: BatchIdentity.of("loki", body))
            if !decoded.rejections.isEmpty { outcome.message = decoded.message }
            return outcome
        } catch {
            throw refuse(error, .logs, "loki")
        }
    }

    private func store(
        _ batch: EventBatch, in table: EventTable, signal: IngestSignal, _ kind: String, rejected: Int,
        _ sentence: String?
    ) async throws -> Outcome {
        var outcome = Outcome(accepted: batch.rowCount, rejected: rejected, message: sentence)
        if batch.rowCount > 0 {
            let stored = try await events.append(batch, to: table, id: nil)
            if table == .logs, stored.accepted > 0 { followers.publish(batch) }
            outcome.accepted = stored.accepted
            outcome.rejected += stored.rejectedCount
            outcome.message = outcome.message ?? stored.firstRejection
            count(stored, signal, kind)
        }
        if rejected > 0 { reject(signal, kind, "invalid", rejected) }
        return outcome
    }

    /// The sender is told of data points, of which one can be many samples.
    private func store(_ decoded: OTLPMetricsResult, _ kind: String) async throws -> Outcome {
        var outcome = Outcome(
            accepted: decoded.points, rejected: decoded.rejected, message: decoded.rejectionMessage)
        if !decoded.batch.isEmpty {
            let stored = try await series.append(decoded.batch, id: nil)
            let samples = max(1, decoded.batch.refs.count + decoded.batch.histograms.count - decoded.infoSamples)
            // Which points the refused samples are of is not known; the samples of one are mostly refused together.
            let refused = min(stored.rejectedCount, samples)
            let points = (refused * decoded.points + samples - 1) / samples
            outcome.accepted -= points
            outcome.rejected += points
            outcome.message = outcome.message ?? stored.firstRejection
            count(stored, .metrics, kind)
        }
        if decoded.rejected > 0 { reject(.metrics, kind, "invalid", decoded.rejected) }
        return outcome
    }

    func count(_ stored: AppendOutcome, _ signal: IngestSignal, _ kind: String) {
        totals.add(stored.accepted, signal)
        metrics.ingested.increment(by: Double(stored.accepted), ["signal": signal.rawValue, "protocol": kind])
        for (reason, count) in stored.rejected { reject(signal, kind, reason.rawValue, count) }
    }

    func reject(_ signal: IngestSignal, _ kind: String, _ reason: String, _ count: Int) {
        metrics.rejected.increment(by: Double(count), ["signal": signal.rawValue, "protocol": kind, "reason": reason])
    }

    /// A log line that was not stored, whatever it came by.
    func discard(_ rejection: LokiPushResult.Rejection, _ kind: String) {
        reject(.logs, kind, rejection.reason.rawValue, rejection.entries)
        let labels: MetricLabels = ["reason": rejection.reason.rawValue, "protocol": kind]
        metrics.discardedLines.increment(by: Double(rejection.entries), labels)
        metrics.discardedBytes.increment(by: Double(rejection.bytes), labels)
    }

    func refuse(_ error: any Error, _ signal: IngestSignal, _ kind: String) -> IngestFailure {
        let failure: IngestFailure
        let reason: String
        switch error {
        case let error as WireError:
            failure = .badData(error.description)
            reason = "bad_data"
        default:
            failure = IngestFailure(storing: error)
            reason =
                switch failure {
                case .badData: "bad_data"
                case .overloaded: "overloaded"
                case .exhausted: "exhausted"
                case .internalFault: "internal"
                }
        }
        metrics.requestsRefused.increment(["signal": signal.rawValue, "protocol": kind, "reason": reason])
        return failure
    }
}

/// The configuration's, which may change while the process runs.
final class CurrentLogMapping: Sendable {
    private let mapping = Mutex(OTLPLogMapping())

    var current: OTLPLogMapping { mapping.withLock { $0 } }
    func set(_ mapping: OTLPLogMapping) { self.mapping.withLock { $0 = mapping } }
}

/// What was stored since the process started.
final class IngestTotals: Sendable {
    private let counts = Mutex((samples: 0, logs: 0, spans: 0))

    var current: (samples: Int, logs: Int, spans: Int) { counts.withLock { $0 } }

    func add(_ count: Int, _ signal: IngestSignal) {
        counts.withLock { counts in
            switch signal {
            case .metrics: counts.samples += count
            case .logs: counts.logs += count
            case .traces: counts.spans += count
            }
        }
    }
}
