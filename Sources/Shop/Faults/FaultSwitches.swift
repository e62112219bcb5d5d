import Synchronization

/// What can be broken while the fleet runs.
package enum Fault: String, Sendable, CaseIterable {
    /// A share of payments is declined or meets a gateway that does not answer.
    case paymentErrors = "payment-errors"
    /// Database calls of the catalogue take longer.
    case catalogueSlow = "catalogue-slow"
    /// Every call to Redis fails.
    case redisDown = "redis-down"
    /// Dispatch works so slowly that its queue grows.
    case queueBacklog = "queue-backlog"
}

/// Which faults are on; shared by all services of a fleet.
final class FaultSwitches: Sendable {
    private let on = Mutex<Set<Fault>>([])

    func isOn(_ fault: Fault) -> Bool { on.withLock { $0.contains(fault) } }

    func set(_ fault: Fault, on value: Bool) {
        on.withLock { on in
            if value { on.insert(fault) } else { on.remove(fault) }
        }
    }
}
