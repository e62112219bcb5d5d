import Foundation
import Logging
import Storage
import Synchronization
import Telemetry

/// Where alert state, silences and the notification log survive a restart.
package protocol DocumentStore: Sendable {
    func documents(kind: String) throws -> [String: String]
    func put(kind: String, key: String, body: String) throws
    func delete(kind: String, key: String) throws
}

/// Runs rule groups, each on its own place in its interval, over reloads.
package final class RuleManager: Sendable {
    package struct GroupStatus: Sendable {
        package var group: RuleGroup
        /// Milliseconds.
        package var interval: Int64
        package var rules: [RuleState]
        package var lastEvaluation: Int64?
        /// Seconds.
        package var evaluationDuration = 0.0
        package var iterations = 0
        package var missedIterations = 0
    }

    package struct Settings: Sendable {
        /// Milliseconds.
        package var defaultInterval: Int64 = 60_000
        package var resendDelay: Int64 = 60_000
        /// State older than this at a restart is not taken up again.
        package var outageTolerance: Int64 = 3_600_000
        package var surroundings = TemplateSurroundings()
        package init() {}
    }

    private struct State {
        var settings = Settings()
        var groups: [String: GroupStatus] = [:]
        var order: [String] = []
        var generation: [String: Int] = [:]
        var wake: AsyncStream<Void>.Continuation?
        var running: Set<String> = []
        var persisted: [String: String] = [:]
        /// Series of rules that a reload took away; they end at the next chance.
        var orphans: Set<LabelSet> = []
    }

    private let language: any RuleQuerying
    /// Of groups in LogQL; nil where there is none.
    private let logLanguage: (any RuleQuerying)?
    private let store: any SeriesStorage
    private let documents: any DocumentStore
    private let logger: Logger
    private let now: @Sendable () -> Int64
    /// Takes alerts to send, with the settings' external labels not yet added.
    private let send: @Sendable ([Alert]) async -> Void
    private let state = Mutex(State())

    package init(
        language: any RuleQuerying, logLanguage: (any RuleQuerying)? = nil, store: any SeriesStorage, documents: any DocumentStore, logger: Logger,
        now: @escaping @Sendable () -> Int64, send: @escaping @Sendable ([Alert]) async -> Void
    ) {
        self.language = language
        self.logLanguage = logLanguage
        self.store = store
        self.documents = documents
        self.logger = logger
        self.now = now
        self.send = send
    }

    package var groups: [GroupStatus] { state.withLock { state in state.order.compactMap { state.groups[$0] } } }

    private static let documentKind = "alert-state"

    /// Takes new groups. A group that did not change goes on; of a changed one the alerts are kept, rule by rule.
    package func reload(_ groups: [RuleGroup], settings: Settings) {
        let restored = restoredStates(groups, tolerance: settings.outageTolerance)
        let wake = state.withLock { state in
            state.settings = settings
            var kept: [String: GroupStatus] = [:]
            for group in groups {
                let interval = group.interval ?? settings.defaultInterval
                if let known = state.groups[group.key], known.group == group, known.interval == interval {
                    kept[group.key] = known
                    continue
                }
                var available = state.groups[group.key]?.rules ?? []
                var status = GroupStatus(group: group, interval: interval, rules: [])
                for rule in group.rules {
                    var next = RuleState(rule: rule)
                    if let i = available.firstIndex(where: {
                        $0.rule.name == rule.name && $0.rule.labels == rule.labels
                    }) {
                        next.alerts = available[i].alerts
                        next.written = available[i].written
                        available.remove(at: i)
                    } else if let alerts = restored[RuleManager.key(group, rule)] {
                        next.alerts = AlertRuleState(restoring: alerts)
                    }
                    status.rules.append(next)
                }
                for rule in available { state.orphans.formUnion(rule.written) }
                kept[group.key] = status
                state.generation[group.key, default: 0] += 1
            }
            for (key, gone) in state.groups where kept[key] == nil {
                state.generation[key, default: 0] += 1
                for rule in gone.rules { state.orphans.formUnion(rule.written) }
            }
            state.groups = kept
            state.order = groups.map(\.key)
            return state.wake
        }
        wake?.yield()
    }

    private static func key(_ group: RuleGroup, _ rule: Rule) -> String {
        "\(group.key);\(rule.name);"
            + rule.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }

    private func restoredStates(_ groups: [RuleGroup], tolerance: Int64) -> [String: [ActiveAlert]] {
        struct Saved: Codable {
            var time: Int64
            var alerts: [ActiveAlert]
        }
        guard let saved = try? documents.documents(kind: RuleManager.documentKind) else { return [:] }
        var out: [String: [ActiveAlert]] = [:]
        for (key, body) in saved {
            guard let document = try? JSONDecoder().decode(Saved.self, from: Data(body.utf8)),
                now() - document.time <= tolerance
            else { continue }
            out[key] = document.alerts
        }
        return out
    }

    private func persist(_ group: RuleGroup, _ rules: [RuleState], at time: Int64) {
        struct Saved: Codable {
            var time: Int64
            var alerts: [ActiveAlert]
        }
        for rule in rules where rule.rule.isAlert {
            let key = RuleManager.key(group, rule.rule)
            let alerts = rule.alerts.alerts.values.sorted { $0.labelSet < $1.labelSet }
            // Values and annotations change at every evaluation; only what a restart would miss is worth a write.
            let fingerprint = alerts.map { "\($0.labelSet)\($0.state)\($0.activeAt)\($0.resolvedAt ?? 0)" }.joined(
                separator: "\n")
            let changed = state.withLock { state in
                if state.persisted[key] ?? "" == fingerprint && (fingerprint.isEmpty || time % 600_000 > 60_000) {
                    return false
                }
                state.persisted[key] = fingerprint
                return true
            }
            guard changed else { continue }
            do {
                if alerts.isEmpty {
                    try documents.delete(kind: RuleManager.documentKind, key: key)
                } else {
                    let body = try JSONEncoder().encode(Saved(time: time, alerts: alerts))
                    try documents.put(
                        kind: RuleManager.documentKind, key: key, body: String(decoding: body, as: UTF8.self))
                }
            } catch {
                logger.warning(
                    "alert state could not be kept for a restart",
                    metadata: ["rule": "\(rule.rule.name)", "error": "\(error)"])
            }
        }
    }

    /// Evaluates until cancelled.
    package func run() async {
        let (wakes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.wake = continuation }
        continuation.yield()
        await withDiscardingTaskGroup { group in
            group.addTask {
                try? await Task.sleep(for: .seconds(Int64.max / 2_000_000_000))
                continuation.finish()
            }
            for await _ in wakes {
                let starts = state.withLock { state -> [(String, Int)] in
                    let new = state.order.filter { !state.running.contains("\($0)#\(state.generation[$0] ?? 0)") }
                    return new.map { key in
                        let generation = state.generation[key] ?? 0
                        state.running.insert("\(key)#\(generation)")
                        return (key, generation)
                    }
                }
                for (key, generation) in starts {
                    group.addTask { await self.loop(key, generation) }
                }
            }
        }
    }

    private func loop(_ key: String, _ generation: Int) async {
        defer { state.withLock { _ = $0.running.remove("\(key)#\(generation)") } }
        guard let interval = state.withLock({ $0.groups[key]?.interval }) else { return }
        // The same place in the interval after every restart; groups are spread by their names.
        let place = Int64(LabelSet([Label("group", key)]).stableHash % UInt64(max(1, interval)))
        var next = now() - now() % interval + place
        if next < now() { next += interval }
        while !Task.isCancelled {
            let wait = next - now()
            if wait > 0 {
                do { try await Task.sleep(for: .milliseconds(wait)) } catch { return }
            }
            guard state.withLock({ $0.generation[key] == generation && $0.groups[key] != nil }) else {
                return await endOrphans(at: now())
            }
            await evaluateGroup(key, generation, at: next)
            let missed = max(0, (now() - next) / interval - 1)
            if missed > 0 { state.withLock { $0.groups[key]?.missedIterations += Int(missed) } }
            next += (missed + 1) * interval
        }
    }

    /// Series of groups and rules that are gone end, unless another rule writes them now.
    package func endOrphans(at time: Int64) async {
        let gone = state.withLock { state in
            let orphans = state.orphans
            state.orphans = []
            return orphans.subtracting(state.groups.values.flatMap(\.rules).flatMap(\.written))
        }
        guard !gone.isEmpty else { return }
        var batch = SeriesBatch()
        for labels in gone.sorted() {
            batch.addSample(batch.addSeries(labels), timestamp: time, value: SpecialValue.staleMarker)
        }
        do { _ = try await store.append(batch, id: nil) } catch {
            logger.warning("series of removed rules could not be ended", metadata: ["error": "\(error)"])
        }
    }

    /// Evaluates every rule of a group at one time (milliseconds). Tests call it too.
    package func evaluateGroup(_ key: String, _ generation: Int? = nil, at time: Int64) async {
        guard let (status, settings) = state.withLock({ state in state.groups[key].map { ($0, state.settings) } })
        else { return }
        let started = ContinuousClock.now
        var rules = status.rules
        let language = status.group.dialect == .logql ? logLanguage ?? language : language
        for i in rules.indices {
            if Task.isCancelled { return }
            let ruleStarted = ContinuousClock.now
            do {
                let batch = try await rules[i].evaluate(
                    at: time, group: status.group, language: language, surroundings: settings.surroundings)
                rules[i].health = .ok
                rules[i].lastError = ""
                // Stored before the next rule runs, which may read it.
                if !batch.isEmpty {
                    let outcome = try await store.append(batch, id: nil)
                    if outcome.rejectedCount > 0 {
                        rules[i].health = .err
                        rules[i].lastError = outcome.firstRejection ?? ""
                    }
                }
            } catch {
                if Task.isCancelled || error is CancellationError { return }
                rules[i].health = .err
                rules[i].lastError = "\(error)"
                logger.warning(
                    "rule failed",
                    metadata: ["group": "\(status.group.name)", "rule": "\(rules[i].rule.name)", "error": "\(error)"])
            }
            rules[i].lastEvaluation = time
            rules[i].evaluationDuration = (ContinuousClock.now - ruleStarted).inSeconds
            let toSend = rules[i].alerts.takeAlertsToSend(at: time, resendDelay: settings.resendDelay)
            if !toSend.isEmpty { await send(toSend.map { alert($0, rules[i].rule, status, settings, at: time) }) }
        }
        let duration = (ContinuousClock.now - started).inSeconds
        let evaluated = rules
        state.withLock { state in
            guard state.groups[key]?.group == status.group else { return }
            state.groups[key]?.rules = evaluated
            state.groups[key]?.lastEvaluation = time
            state.groups[key]?.evaluationDuration = duration
            state.groups[key]?.iterations += 1
        }
        persist(status.group, evaluated, at: time)
        await endOrphans(at: time)
    }

    private func alert(
        _ active: ActiveAlert, _ rule: Rule, _ status: GroupStatus, _ settings: Settings, at time: Int64
    ) -> Alert {
        var labels = active.labelSet
        settings.surroundings.externalLabels.forEach { name, value in
            if labels[name] == nil { labels = labels.setting(name, to: value) }
        }
        // Four times the slower of both clocks: one missed repetition does not resolve the alert.
        let validUntil = time + 4 * min(max(status.interval, settings.resendDelay), 1 << 50)
        return Alert(
            labels: labels, annotations: active.annotations, startsAt: active.firedAt ?? active.activeAt,
            endsAt: active.resolvedAt ?? validUntil, updatedAt: time,
            generatorURL: settings.surroundings.externalURL + "/graph?g0.expr=" + percentEncoded(rule.expression)
                + "&g0.tab=1")
    }
}

func percentEncoded(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
        let isPlain =
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || [45, 46, 95, 126].contains(byte)
        if isPlain {
            out.unicodeScalars.append(Unicode.Scalar(byte))
        } else if byte == 32 {
            out += "+"
        } else {
            out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
    }
    return out
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
