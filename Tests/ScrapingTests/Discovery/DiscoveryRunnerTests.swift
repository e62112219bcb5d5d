import Endpoints
import Logging
import Scraping
import Synchronization
import Telemetry
import Testing

/// A discovery whose answers the test gives.
private final class Script: Sendable {
    private struct State {
        var groups: [TargetGroup]?
        var failure: String?
        var asked = 0
        var update: (@Sendable ([TargetGroup]) -> Void)?
        var isRunning = false
    }
    private let state = Mutex(State())
    var isRunning: Bool { state.withLock { $0.isRunning } }

    func give(_ targets: [String]) {
        let update = state.withLock { $0.update }
        update?([TargetGroup(targets: targets, labels: .empty, source: "script")])
    }

    struct Discovery: TargetDiscovery {
        let kind = "script"
        let refreshInterval: Int64 = 1_000
        let script: Script

        func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] { [] }

        func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws {
            script.state.withLock {
                $0.update = update
                $0.isRunning = true
            }
            defer { script.state.withLock { $0.isRunning = false } }
            while true {
                if let failure = script.state.withLock({ state in
                    defer { state.failure = nil }
                    return state.failure
                }) {
                    throw DiscoveryFailure(failure)
                }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    func fail(_ text: String) { state.withLock { $0.failure = text } }
}

@Suite struct DiscoveryRunnerTests {
    private func job(_ name: String, _ scripts: [Script], source: String = "same") -> ScrapeConfiguration {
        var job = ScrapeConfiguration(jobName: name)
        job.discoveries = scripts.map { Script.Discovery(script: $0) }
        job.source = source
        job.discoverySources = scripts.indices.map { "\(name) \($0)" }
        job.staticGroups = [TargetGroup(targets: ["static:1"], labels: .empty, source: "0")]
        return job
    }

    @Test func groupsOutliveFailuresAndReloadsAndEndWithTheirJob() async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let connections = EndpointConnections()
        let runner = DiscoveryRunner(connections: connections, logger: logger, debounce: 200)
        let (one, two) = (Script(), Script())
        let changes = Shared(0)
        func targets(_ job: ScrapeConfiguration) -> [String] { runner.groups(of: job).flatMap(\.targets) }
        let first = job("a", [one])
        runner.reload([first])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await runner.run { changes.withLock { $0 += 1 } } }
            try await expectEventually { one.isRunning }
            #expect(targets(first) == ["static:1"])
            one.give(["x:1"])
            #expect(targets(first) == ["static:1", "x:1"])
            try await expectEventually { changes.withLock { $0 } == 1 }
            // The same again is no change; many at once are few changes, and the last one counts.
            one.give(["x:1"])
            for i in 0..<50 { one.give(["x:\(i)"]) }
            #expect(targets(first) == ["static:1", "x:49"])
            try await expectEventually { changes.withLock { $0 } == 2 }
            try await Task.sleep(for: .milliseconds(500))
            #expect(changes.withLock { $0 } <= 3)

            one.fail("out of order")
            try await expectEventually { runner.statuses.first?.failures == 1 }
            #expect(runner.statuses.first?.lastError == "out of order")
            #expect(targets(first) == ["static:1", "x:49"])
            try await expectEventually { one.isRunning }
            one.give(["x:50"])
            #expect(runner.statuses.first?.lastError == "" && runner.statuses.first?.targets == 1)

            // Something else of the job changed: what finds its targets goes on.
            let edited = job("a", [one], source: "edited")
            runner.reload([edited])
            #expect(targets(edited) == ["static:1", "x:50"] && one.isRunning)

            // A second job comes; the first one stays as it was, being written as it was.
            let second = job("b", [two, one], source: "other")
            runner.reload([first, second])
            #expect(targets(first) == ["static:1", "x:50"])
            try await expectEventually { two.isRunning }
            two.give(["y:1"])
            #expect(targets(second) == ["static:1", "y:1"])
            #expect(runner.statuses.map(\.job) == ["a", "b", "b"])

            runner.reload([first])
            try await expectEventually { !two.isRunning }
            #expect(targets(second) == ["static:1"] && targets(first) == ["static:1", "x:50"])
            group.cancelAll()
        }
        #expect(!one.isRunning)
        await connections.shutdown()
    }
}
