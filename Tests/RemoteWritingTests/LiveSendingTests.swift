import Codecs
import Endpoints
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Storage
import Synchronization
import Telemetry
import TestSupport
import Testing
import Wire

@testable import RemoteWriting

/// The sender against a receiver of HTTP that says no in all its ways.
@Suite struct LiveSendingTests {
    struct Seen: Sendable {
        var headers: [String: String]
        var batch: SeriesBatch
        var labels: [LabelSet]
    }

    /// Answers from a list, then 204; keeps what came.
    final class Receiver: Sendable {
        private let state: Mutex<(answers: [(status: Int, retryAfter: String?)], seen: [Seen])>
        init(_ answers: [(status: Int, retryAfter: String?)]) { state = Mutex((answers, [])) }

        var seen: [Seen] { state.withLock { $0.seen } }

        func answer(_ request: Request, _ body: [UInt8]) throws -> Response {
            var headers: [String: String] = [:]
            for field in request.headers { headers[field.name.canonicalName] = field.value }
            let isTwo = headers["content-type"]?.contains("v2.Request") == true
            let plain = try Snappy.decompress(body, limit: 1 << 26)
            let batch = try RemoteWrite.decode(plain, version: isTwo ? .two : .one).batch
            let labels = try (0..<batch.seriesCount).map { try batch.labels(ofSeries: $0) }
            let next = state.withLock { state -> (status: Int, retryAfter: String?) in
                state.seen.append(Seen(headers: headers, batch: batch, labels: labels))
                return state.answers.isEmpty ? (204, nil) : state.answers.removeFirst()
            }
            var response = Response(status: .init(code: next.status))
            if let retryAfter = next.retryAfter { response.headers[.retryAfter] = retryAfter }
            return response
        }
    }

    private func with(
        _ receiver: Receiver, _ configure: @Sendable @escaping (inout RemoteWriteConfiguration) -> Void,
        external: LabelSet = LabelSet(["site": "a"]),
        until: @Sendable @escaping ([Seen], RemoteWriteStatistics) -> Bool,
        _ check: @Sendable @escaping ([Seen], RemoteWriteStatistics) throws -> Void
    ) async throws {
        let router = Router()
        router.post("/write") { request, _ in
            let body = try await request.body.collect(upTo: 1 << 24)
            return try receiver.answer(request, Array(body.readableBytesView))
        }
        let (ports, found) = AsyncStream<Int>.makeStream()
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { found.yield($0.localAddress?.port ?? 0) }, logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            var port = 0
            for await one in ports {
                port = one
                break
            }
            let logger = quiet
            let url = "http://127.0.0.1:\(port)/write"
            try await EndpointConnections.with { connections in
                let manager = RemoteWriteManager(
                    folder: "/q", fileSystem: SimulatedFileSystem(seed: 1), connections: connections, logger: logger,
                    now: { LiveSendingTests.now() },
                    metadata: { ["m": [MetricMetadata(name: "m", kind: .counter, help: "h")]] })
                var remote = RemoteWriteConfiguration(url: url)
                remote.queue.batchSendDeadline = 20
                remote.metadata.send = false
                configure(&remote)
                try manager.reload([remote], externalLabels: external)
                var batch = SeriesBatch()
                for n in 0..<3 {
                    let ref = batch.addSeries(LabelSet(["__name__": "m", "n": "\(n)"]))
                    for time in 1...4 { batch.addSample(ref, timestamp: Int64(time), value: Double(n)) }
                }
                var histogram = NativeHistogram()
                histogram.sum = 2
                batch.histograms = [.init(series: 0, timestamp: 9, histogram: histogram)]
                batch.exemplars = [.init(series: 1, exemplar: Exemplar(labels: .empty, value: 1, timestamp: 1))]
                try manager.enqueue(batch)
                let sending = Task { await manager.run() }
                for _ in 0..<400 {
                    if until(receiver.seen, manager.statistics[0].statistics) { break }
                    try await Task.sleep(for: .milliseconds(25))
                }
                sending.cancel()
                await sending.value
                try check(receiver.seen, manager.statistics[0].statistics)
            }
            group.cancelAll()
        }
    }

    private static func now() -> Int64 {
        let since = Duration.seconds(1_700_000_000) + (ContinuousClock.now - start)
        return since.components.seconds * 1_000 + since.components.attoseconds / 1_000_000_000_000_000
    }
    private static let start = ContinuousClock.now

    @Test func whatIsRefusedForNowComesAgainAsItWas() async throws {
        let receiver = Receiver([(503, nil), (500, "1"), (204, nil)])
        try await with(receiver) {
            $0.name = "r"
        } until: { _, statistics in
            statistics.samples == 12
        } _: { seen, statistics in
            #expect(seen.count == 3 && statistics.samples == 12 && statistics.retried == 24 && statistics.failed == 0)
            #expect(seen.map { $0.headers["retry-attempt"] } == [nil, "1", "2"])
            for one in seen {
                #expect(
                    one.headers["content-encoding"] == "snappy"
                        && one.headers["content-type"] == "application/x-protobuf")
                #expect(one.headers["x-prometheus-remote-write-version"] == "0.1.0")
                #expect(one.labels == (0..<3).map { LabelSet(["__name__": "m", "n": "\($0)", "site": "a"]) })
                #expect(one.batch.timestamps == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4])
                #expect(one.batch.histograms.isEmpty && one.batch.exemplars.isEmpty)
            }
        }
    }

    @Test func version2FallsBackAndSendsAllThatIsAskedFor() async throws {
        let receiver = Receiver([(415, nil), (204, nil)])
        try await with(receiver) { remote in
            remote.version = .two
            remote.sendsExemplars = true
            remote.sendsNativeHistograms = true
            remote.headers = [("X-Scope-OrgID", "shop")]
        } until: { _, statistics in
            statistics.samples == 12
        } _: { seen, statistics in
            #expect(seen.map { $0.headers["x-prometheus-remote-write-version"] } == ["2.0.0", "0.1.0"])
            #expect(seen.allSatisfy { $0.headers["x-scope-orgid"] == "shop" })
            #expect(seen.allSatisfy { $0.batch.histograms.count == 1 && $0.batch.exemplars.count == 1 })
            #expect(statistics.histograms == 1 && statistics.exemplars == 1)
        }
    }

    @Test func whatIsRefusedForGoodIsDroppedAndHalvesOfWhatCameBeforeAreTried() async throws {
        // All of it was in the log when the sender began, so a 400 may be for what the receiver has already.
        let receiver = Receiver([(400, nil), (204, nil), (400, nil), (204, nil), (404, nil)])
        try await with(receiver) { _ in
        } until: { _, statistics in
            statistics.failed == 3
        } _: { seen, statistics in
            #expect(seen.map { $0.batch.refs.count } == [12, 6, 6, 3, 3])
            #expect(statistics.samples == 9 && statistics.failed == 3 && statistics.pending == 0)
        }
    }
}
