import Alerting
import Endpoints
import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Telemetry
import Testing

/// A webhook receiver that keeps what it gets and can refuse.
private final class Inbox: Sendable {
    private struct State {
        var bodies: [WebhookPayload] = []
        var refusals: Int
        var attempts = 0
    }
    private let state: Mutex<State>
    init(refusals: Int) { state = Mutex(State(refusals: refusals)) }

    func take(_ body: ByteBuffer) -> HTTPResponse.Status {
        state.withLock { state in
            state.attempts += 1
            if state.refusals > 0 {
                state.refusals -= 1
                return .internalServerError
            }
            guard let payload = try? JSONDecoder().decode(WebhookPayload.self, from: Data(body.readableBytesView))
            else {
                return .badRequest
            }
            state.bodies.append(payload)
            return .ok
        }
    }
    var payloads: [WebhookPayload] { state.withLock { $0.bodies } }
    var attempts: Int { state.withLock { $0.attempts } }
}

@Suite struct DispatcherTests {
    private static func wait(_ condition: () -> Bool) async throws {
        // Other suites keep both cores busy at times: the clock decides, and generously.
        let deadline = ContinuousClock.now + .seconds(120)
        while !condition(), ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(25)) }
    }

    @Sendable private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// Runs a receiver and a dispatcher that posts to it.
    private static func withDispatcher(
        refusals: Int = 0, webhook: String = "", _ body: (Dispatcher, Inbox) async throws -> Void
    ) async throws {
        let inbox = Inbox(refusals: refusals)
        let (ports, found) = AsyncStream<Int>.makeStream()
        let router = Router()
        router.post("/hook") { request, _ -> HTTPResponse.Status in
            inbox.take(try await request.body.collect(upTo: 1 << 20))
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) }, logger: logger)
        let connections = EndpointConnections()
        let dispatcher = try Dispatcher(
            documents: MemoryDocuments(), connections: connections, logger: logger, now: now)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            var port = 0
            for await found in ports {
                port = found
                break
            }
            dispatcher.reload(
                try alertingConfiguration(
                    """
                    receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:\(port)/hook'\(webhook)}]}]
                    route: {receiver: hook, group_by: [job], group_wait: 20ms, group_interval: 200ms, repeat_interval: 1h}
                    inhibit_rules: [{source_matchers: [severity=page], target_matchers: [severity=warn], equal: [job]}]
                    """), externalURL: "http://ui")
            group.addTask { await dispatcher.run() }
            do { try await body(dispatcher, inbox) } catch { Issue.record(error) }
            group.cancelAll()
            while (try? await group.next()) != nil {}
        }
        await connections.shutdown()
    }

    private static func alert(_ labels: [String: String], ended: Bool = false) -> Alert {
        let time = now()
        return Alert(
            labels: LabelSet(labels), annotations: ["summary": "s"], startsAt: time - 1000,
            endsAt: ended ? time : time + 600_000,
            updatedAt: time)
    }

    @Test func groupsAreToldOnceAndToldWhenTheyEnd() async throws {
        try await DispatcherTests.withDispatcher(refusals: 1) { dispatcher, inbox in
            let one = ["alertname": "A", "job": "a", "severity": "page"]
            dispatcher.receive([
                DispatcherTests.alert(one), DispatcherTests.alert(["alertname": "B", "job": "a", "severity": "warn"]),
            ])
            try await DispatcherTests.wait { !inbox.payloads.isEmpty }
            #expect(inbox.attempts >= 2, "a 500 is tried again")
            let first = try #require(inbox.payloads.first)
            #expect(first.status == "firing" && first.groupKey == #"{}:{job="a"}"# && first.receiver == "hook")
            #expect(first.alerts.map(\.labels) == [one], "the other alert is inhibited")
            #expect(first.alerts.first?.endsAt == "0001-01-01T00:00:00Z")
            #expect(dispatcher.groups.first?.alerts.count == 2)
            // Repeats of the same alert are not told.
            dispatcher.receive([DispatcherTests.alert(one)])
            try await Task.sleep(for: .milliseconds(600))
            #expect(inbox.payloads.count == 1)
            dispatcher.receive([DispatcherTests.alert(one, ended: true)])
            // What it inhibited is told now, with the end or in a flush of its own.
            func told(_ name: String, _ status: String) -> Bool {
                inbox.payloads.contains { $0.alerts.contains { $0.labels["alertname"] == name && $0.status == status } }
            }
            try await DispatcherTests.wait { told("A", "resolved") && told("B", "firing") }
            #expect(told("A", "resolved") && told("B", "firing"))
            try await DispatcherTests.wait { dispatcher.statistics.delivered >= 2 }
            #expect(dispatcher.statistics.failedAttempts >= 1 && dispatcher.statistics.delivered >= 2)
            // Silenced alerts are not told.
            _ = try dispatcher.silences.set(
                Silence(
                    matchers: [.init(name: "job", value: "q", isRegex: false, isEqual: true)], startsAt: 0,
                    endsAt: DispatcherTests.now() + 60_000, createdBy: "me", comment: ""), now: DispatcherTests.now())
            dispatcher.receive([DispatcherTests.alert(["job": "q"])])
            try await Task.sleep(for: .milliseconds(400))
            #expect(!inbox.payloads.contains { $0.groupKey.contains("q") })
        }
    }

    @Test func anUntoldEndDoesNotHideTheNextFiring() async throws {
        try await DispatcherTests.withDispatcher(webhook: ", send_resolved: false") { dispatcher, inbox in
            dispatcher.receive([DispatcherTests.alert(["job": "a"])])
            try await DispatcherTests.wait { inbox.payloads.count == 1 }
            dispatcher.receive([DispatcherTests.alert(["job": "a"], ended: true)])
            // Only a flush that has seen the end lets the group go.
            try await DispatcherTests.wait { dispatcher.openGroups == 0 }
            #expect(inbox.payloads.count == 1)
            dispatcher.receive([DispatcherTests.alert(["job": "a"])])
            try await DispatcherTests.wait { inbox.payloads.count == 2 }
            #expect(inbox.payloads.map(\.status) == ["firing", "firing"])
        }
    }

    @Test func payloadsHaveAlertmanagersShape() throws {
        let payload = WebhookPayload(
            groupKey: "{}:{}", groupLabels: LabelSet(["job": "a"]), receiver: "r", externalURL: "http://ui",
            alerts: [
                Alert(
                    labels: LabelSet(["job": "a", "i": "1"]), annotations: ["s": "x", "t": "1"], startsAt: 0,
                    endsAt: 2000, updatedAt: 0, generatorURL: "g"),
                Alert(
                    labels: LabelSet(["job": "a", "i": "2"]), annotations: ["s": "x"], startsAt: 500, endsAt: 900_000,
                    updatedAt: 0),
            ], maxAlerts: 1, at: 5000)
        let expected =
            #"{"alerts":[{"annotations":{"s":"x","t":"1"},"endsAt":"1970-01-01T00:00:02Z","fingerprint":"\#(Alert.fingerprint(of: LabelSet(["job": "a", "i": "1"])))","generatorURL":"g","#
            + #""labels":{"i":"1","job":"a"},"startsAt":"1970-01-01T00:00:00Z","status":"resolved"}],"commonAnnotations":{"s":"x"},"#
            + #""commonLabels":{"job":"a"},"externalURL":"http://ui","groupKey":"{}:{}","groupLabels":{"job":"a"},"receiver":"r","#
            + #""status":"firing","truncatedAlerts":1,"version":"4"}"#
        #expect(String(decoding: try payload.encoded(), as: UTF8.self) == expected)
    }
}
