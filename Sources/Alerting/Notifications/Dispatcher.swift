import Endpoints
import Foundation
import Logging
import NIOCore
import Synchronization
import Telemetry

/// From alerts to notifications: routes, groups, waits, inhibitions and silences, no repeats, retries; Alertmanager's
/// order.
package final class Dispatcher: Sendable {
    struct GroupID: Hashable {
        var route: String
        var labels: LabelSet
    }

    struct Group {
        var route: Route
        var labels: LabelSet
        var alerts: [LabelSet: Alert] = [:]
        /// When it is flushed next; milliseconds.
        var deadline: Int64
        var isFlushing = false
        var hasFlushed = false

        var key: String { "\(route.key):\(Dispatcher.text(labels))" }
    }

    struct State {
        var configuration = AlertingConfiguration()
        var externalURL = ""
        var alerts: [LabelSet: Alert] = [:]
        var groups: [GroupID: Group] = [:]
        var statistics = Statistics()
    }

    package struct Statistics: Sendable {
        package var delivered = 0
        package var failedAttempts = 0
        package var failed = 0
        /// Alerts told as firing and as resolved, counted once for each delivery.
        package var firingDelivered = 0
        package var resolvedDelivered = 0
    }

    /// One entry of a group as the API shows it.
    package struct GroupStatus: Sendable {
        package var labels: LabelSet
        package var receiver: String
        package var alerts: [Alert]
    }

    package let silences: SilenceStore
    private let log: NotificationLog
    private let sender: WebhookSender
    private let logger: Logger
    private let now: @Sendable () -> Int64
    private let state = Mutex(State())
    private let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    package init(
        documents: any DocumentStore, connections: EndpointConnections, logger: Logger,
        now: @escaping @Sendable () -> Int64
    ) throws {
        silences = try SilenceStore(documents: documents)
        log = try NotificationLog(documents: documents)
        sender = WebhookSender(connections: connections, logger: logger)
        self.logger = logger
        self.now = now
    }

    package func reload(_ configuration: AlertingConfiguration, externalURL: String) {
        let time = now()
        state.withLock { state in
            state.configuration = configuration
            state.externalURL = externalURL
            let old = state.groups
            state.groups = [:]
            // Alerts find their groups in the new tree; a group that is still there keeps its clock.
            for alert in state.alerts.values where !alert.isResolved(at: time) {
                state.place(alert, at: time, old: old)
            }
            for (id, group) in old where state.groups[id] != nil {
                for (labels, alert) in group.alerts where alert.isResolved(at: time) {
                    state.groups[id]?.alerts[labels] = alert
                }
            }
        }
        wake.yield()
    }

    package var configuration: AlertingConfiguration { state.withLock { $0.configuration } }
    package var statistics: Statistics { state.withLock { $0.statistics } }

    /// Takes alerts, new or repeated. Overlapping repeats merge: the earliest start, the newest end.
    package func receive(_ incoming: [Alert]) {
        let time = now()
        state.withLock { state in
            for var alert in incoming {
                if let known = state.alerts[alert.labels], known.endsAt >= alert.startsAt || !known.isResolved(at: time)
                {
                    alert.startsAt = min(alert.startsAt, known.startsAt)
                }
                state.alerts[alert.labels] = alert
                state.place(alert, at: time, old: [:])
            }
        }
        wake.yield()
    }

    package var alerts: [Alert] {
        let time = now()
        return state.withLock { $0.alerts.values.filter { !$0.isResolved(at: time) } }.sorted {
            $0.fingerprint < $1.fingerprint
        }
    }

    package var groups: [GroupStatus] {
        let time = now()
        return state.withLock { state in
            state.groups.values.compactMap { group in
                let alerts = group.alerts.values.filter { !$0.isResolved(at: time) }
                guard !alerts.isEmpty else { return nil }
                return GroupStatus(
                    labels: group.labels, receiver: group.route.receiver,
                    alerts: alerts.sorted { $0.fingerprint < $1.fingerprint })
            }
        }.sorted { ($0.labels, $0.receiver) < ($1.labels, $1.receiver) }
    }

    /// Groups that still have something to tell, resolved alerts among them.
    package var openGroups: Int { state.withLock { $0.groups.count } }

    /// Receivers that an alert goes to.
    package func receivers(of labels: LabelSet) -> [String] {
        state.withLock { $0.configuration.route?.matching(labels).map(\.receiver) ?? [] }
    }

    /// Fingerprints of firing alerts that inhibit this one.
    package func inhibiting(_ labels: LabelSet) -> [String] {
        let time = now()
        return state.withLock { $0.inhibiting(labels, at: time) }
    }

    // MARK: Flushing

    /// Flushes groups when they are due, until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask {
                // A beat besides the wakes: alerts also end by time, and silences by the clock.
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    self.wake.yield()
                }
                self.wake.finish()
            }
            for await _ in wakes {
                let time = now()
                for id in dueGroups(at: time) { tasks.addTask { await self.flush(id) } }
                if let next = nextDeadline(), next > time, next - time < 1000 {
                    tasks.addTask {
                        try? await Task.sleep(for: .milliseconds(next - time))
                        self.wake.yield()
                    }
                }
                collectGarbage(at: time)
            }
        }
    }

    private func nextDeadline() -> Int64? {
        state.withLock { $0.groups.values.filter { !$0.isFlushing }.map(\.deadline).min() }
    }

    private func dueGroups(at time: Int64) -> [GroupID] {
        state.withLock { state in
            let due = state.groups.filter { !$0.value.isFlushing && $0.value.deadline <= time }.map(\.key)
            for id in due { state.groups[id]?.isFlushing = true }
            return due
        }
    }

    private func flush(_ id: GroupID) async {
        let time = now()
        guard
            let (group, configuration, externalURL) = state.withLock({ state in
                state.groups[id].map { ($0, state.configuration, state.externalURL) }
            })
        else { return }
        let all = group.alerts.values.sorted { $0.labels < $1.labels }
        let told = all.filter { alert in
            inhibiting(alert.labels).isEmpty && silences.silencing(alert.labels, at: time).isEmpty
        }
        var allDelivered = true
        if let receiver = configuration.receivers.first(where: { $0.name == group.route.receiver }) {
            for (index, webhook) in receiver.webhooks.enumerated() {
                let delivered = await notify(
                    group, told, receiver: receiver.name, index: index, webhook, externalURL: externalURL, at: time)
                allDelivered = allDelivered && delivered
            }
        }
        let delivered = allDelivered
        state.withLock { state in
            guard var current = state.groups[id] else { return }
            current.isFlushing = false
            current.hasFlushed = true
            current.deadline = time + current.route.groupInterval
            // A resolved alert leaves only after it was told, and only if it did not fire again meanwhile.
            if delivered {
                for alert in all where alert.isResolved(at: time) && current.alerts[alert.labels] == alert {
                    current.alerts[alert.labels] = nil
                }
            }
            state.groups[id] = current.alerts.isEmpty ? nil : current
        }
        wake.yield()
    }

    private func notify(
        _ group: Group, _ alerts: [Alert], receiver: String, index: Int, _ webhook: Webhook, externalURL: String,
        at time: Int64
    ) async -> Bool {
        let firing = alerts.filter { !$0.isResolved(at: time) }
        let resolved = alerts.filter { $0.isResolved(at: time) }
        let key = "\(group.key):\(receiver)/webhook/\(index)"
        guard
            log.shouldSend(
                key, firing: firing, resolved: resolved, sendResolved: webhook.sendResolved,
                repeatInterval: group.route.repeatInterval, at: time)
        else { return true }
        if firing.isEmpty && !webhook.sendResolved {
            remember(key, firing: firing, resolved: resolved, repeatInterval: group.route.repeatInterval, at: time)
            return true
        }
        let payload = WebhookPayload(
            groupKey: group.key, groupLabels: group.labels, receiver: receiver, externalURL: externalURL,
            alerts: webhook.sendResolved ? alerts : firing, maxAlerts: webhook.maxAlerts, at: time)
        let failures = await sender.send(
            payload, to: webhook, until: time + max(group.route.groupInterval, 10_000), now: now)
        let delivered = failures.delivered
        state.withLock { state in
            state.statistics.failedAttempts += failures.failedAttempts
            if delivered {
                state.statistics.delivered += 1
                state.statistics.firingDelivered += firing.count
                state.statistics.resolvedDelivered += webhook.sendResolved ? resolved.count : 0
            } else {
                state.statistics.failed += 1
            }
        }
        if delivered {
            remember(key, firing: firing, resolved: resolved, repeatInterval: group.route.repeatInterval, at: time)
        }
        return delivered
    }

    private func remember(_ key: String, firing: [Alert], resolved: [Alert], repeatInterval: Int64, at time: Int64) {
        do { try log.record(key, firing: firing, resolved: resolved, repeatInterval: repeatInterval, at: time) } catch {
            logger.warning(
                "the notification log could not be written: a restart may notify again", metadata: ["error": "\(error)"]
            )
        }
    }

    private func collectGarbage(at time: Int64) {
        state.withLock { state in
            for (labels, alert) in state.alerts where alert.isResolved(at: time) && time - alert.endsAt > 15 * 60_000 {
                state.alerts[labels] = nil
            }
        }
        silences.collectGarbage(at: time)
        log.collectGarbage(at: time)
    }

    static func text(_ labels: LabelSet) -> String {
        "{" + labels.labels.map { Matcher($0.name, .equal, $0.value).description }.joined(separator: ", ") + "}"
    }
}

extension Dispatcher.State {
    mutating func place(_ alert: Alert, at time: Int64, old: [Dispatcher.GroupID: Dispatcher.Group]) {
        for route in configuration.route?.matching(alert.labels) ?? [] {
            let id = Dispatcher.GroupID(route: route.key, labels: route.groupLabels(of: alert.labels))
            if groups[id] == nil {
                if var known = old[id] {
                    known.route = route
                    known.isFlushing = false
                    known.alerts = [:]
                    groups[id] = known
                } else {
                    // Nobody needs to hear that something unheard-of is over.
                    if alert.isResolved(at: time) { continue }
                    let isOld = time - alert.startsAt > route.groupWait
                    groups[id] = Dispatcher.Group(
                        route: route, labels: id.labels, deadline: isOld ? time : time + route.groupWait)
                }
            }
            groups[id]?.alerts[alert.labels] = alert
        }
    }

    func inhibiting(_ labels: LabelSet, at time: Int64) -> [String] {
        guard !configuration.inhibitRules.isEmpty else { return [] }
        return alerts.values.filter { other in
            !other.isResolved(at: time) && other.labels != labels
                && configuration.inhibitRules.contains { $0.inhibits(labels, by: other.labels) }
        }.map(\.fingerprint).sorted()
    }
}
