import Telemetry

/// One alert of a rule: a result of its expression that is or was there.
package struct ActiveAlert: Sendable, Hashable, Codable {
    package enum State: String, Sendable, Hashable, Codable { case inactive, pending, firing }

    package var labels: [String: String]
    package var annotations: [String: String]
    package var state: State
    package var value: Double
    /// Milliseconds since 1970, all of them.
    package var activeAt: Int64
    package var firedAt: Int64?
    package var resolvedAt: Int64?
    package var lastSentAt: Int64?
    package var keepFiringSince: Int64?

    package var labelSet: LabelSet { LabelSet(labels) }
}

/// The alerts of one rule from evaluation to evaluation: Prometheus' state machine, without clock or I/O.
package struct AlertRuleState: Sendable, Hashable {
    /// Resolved alerts are kept and sent again for this long, so that a lost "resolved" arrives in the end.
    package static let resolvedRetention: Int64 = 15 * 60_000

    package private(set) var alerts: [LabelSet: ActiveAlert] = [:]

    package init() {}

    package init(restoring alerts: [ActiveAlert]) {
        for alert in alerts { self.alerts[alert.labelSet] = alert }
    }

    package struct Result: Sendable {
        package var labels: LabelSet
        package var annotations: [String: String]
        package var value: Double
        package init(labels: LabelSet, annotations: [String: String], value: Double) {
            self.labels = labels
            self.annotations = annotations
            self.value = value
        }
    }

    /// Takes the results of the expression at `time`. A state changes only here: an evaluation that failed is not told.
    package mutating func update(_ results: [Result], at time: Int64, hold: Int64, keepFiring: Int64) {
        var seen: Set<LabelSet> = []
        for result in results {
            seen.insert(result.labels)
            if var known = alerts[result.labels], known.state != .inactive {
                known.value = result.value
                known.annotations = result.annotations
                known.keepFiringSince = nil
                alerts[result.labels] = known
            } else {
                alerts[result.labels] = ActiveAlert(
                    labels: result.labels.dictionary, annotations: result.annotations, state: .pending,
                    value: result.value,
                    activeAt: time)
            }
        }
        for (labels, var alert) in alerts {
            if seen.contains(labels) {
                if alert.state == .pending && time - alert.activeAt >= hold {
                    alert.state = .firing
                    alert.firedAt = time
                } else if alert.state == .firing && time - alert.activeAt < hold {
                    // `for` was made longer by a reload.
                    alert.state = .pending
                    alert.firedAt = nil
                }
                alerts[labels] = alert
                continue
            }
            switch alert.state {
            case .pending: alerts[labels] = nil
            case .firing:
                if keepFiring > 0 {
                    let since = alert.keepFiringSince ?? time
                    alert.keepFiringSince = since
                    if time - since < keepFiring {
                        alerts[labels] = alert
                        continue
                    }
                }
                alert.state = .inactive
                alert.resolvedAt = time
                alerts[labels] = alert
            case .inactive:
                if time - (alert.resolvedAt ?? time) > AlertRuleState.resolvedRetention { alerts[labels] = nil }
            }
        }
    }

    package mutating func clear() { alerts = [:] }

    package var active: [ActiveAlert] {
        alerts.values.filter { $0.state != .inactive }.sorted { $0.labelSet < $1.labelSet }
    }

    /// The strongest state among the alerts.
    package var state: ActiveAlert.State {
        let active = active
        if active.contains(where: { $0.state == .firing }) { return .firing }
        return active.isEmpty ? .inactive : .pending
    }

    /// The alerts to send now, marked as sent: new firing or resolved ones, and those last sent `resendDelay` ago.
    package mutating func takeAlertsToSend(at time: Int64, resendDelay: Int64) -> [ActiveAlert] {
        var out: [ActiveAlert] = []
        for (labels, var alert) in alerts where alert.state != .pending {
            let sent = alert.lastSentAt
            let resolvedSince = alert.resolvedAt.map { $0 > (sent ?? .min) } ?? false
            guard sent == nil || resolvedSince || (sent ?? 0) + resendDelay < time else { continue }
            alert.lastSentAt = time
            alerts[labels] = alert
            out.append(alert)
        }
        return out.sorted { $0.labelSet < $1.labelSet }
    }
}
