import Synchronization

/// The memory of the whole process, shared out: who may grow asks here first, and who grows with its data says how far.
///
/// What the kernel counts is the truth (``observe(resident:)``, several times a second); what was reserved since the
/// last look is added to it, so that fifty queries that begin together do not all see the same free memory.
package final class MemoryBudget: Sendable {
    package enum Account: Int, CaseIterable, Sendable, CustomStringConvertible {
        /// Series in memory with their open chunks.
        case head
        /// Records on their way to the disk.
        case journal
        /// Log lines and spans that are not sealed yet.
        case events
        case queries
        /// Sealing and merging.
        case merges
        /// Bodies of requests that are read and decoded.
        case requests

        package var description: String {
            switch self {
            case .head: "head"
            case .journal: "journal"
            case .events: "events"
            case .queries: "queries"
            case .merges: "merges"
            case .requests: "requests"
            }
        }
    }

    package struct Usage: Sendable {
        package var limit = 0
        /// Memory that the kernel cannot take back, as last seen. 0 before the first look.
        package var resident = 0
        package var level = MemoryPressure.Level.calm
        /// In the order of ``Account``.
        package var accounts: [(account: Account, bytes: Int)] = []
        /// Reservations that were refused since the start.
        package var refused = 0
    }

    /// Bytes; `.max` is no limit.
    package let limit: Int
    package let pressure: MemoryPressure
    private let state = Mutex(State())

    private struct State {
        var bytes = [Int](repeating: 0, count: Account.allCases.count)
        var resident = 0
        var sinceObservation = 0
        var refused = 0
    }

    /// Of the limit: where pressure begins and ends, in percent. The way back is lower, so that it does not flutter.
    private static let high = (enter: 85, leave: 80)
    private static let critical = (enter: 95, leave: 90)

    package init(limit: Int, pressure: MemoryPressure = MemoryPressure()) {
        self.limit = max(1, limit)
        self.pressure = pressure
    }

    /// Asks for memory before it is allocated. ``StorageError/overloaded(_:)`` where it is not there.
    package func reserve(_ bytes: Int, for account: Account) throws(StorageError) {
        guard bytes > 0 else { return }
        let level = pressure.level
        let refusal: String? = state.withLock { state in
            let held = state.bytes[account.rawValue].addingReportingOverflow(bytes)
            let projected = state.resident.addingReportingOverflow(state.sinceObservation &+ bytes)
            let share = share(of: account, level)
            if held.overflow || held.partialValue > share {
                state.refused &+= 1
                return share == 0
                    ? "the process is near its memory limit of \(MemoryLimit.text(limit)); try again in some seconds"
                    : "\(account) hold \(MemoryLimit.text(state.bytes[account.rawValue])) and may hold "
                        + "\(MemoryLimit.text(share)) of the memory limit of \(MemoryLimit.text(limit)) at the moment; "
                        + "try again in some seconds, or ask for less"
            }
            if projected.overflow || projected.partialValue > percent(MemoryBudget.critical.enter) {
                state.refused &+= 1
                return "the process holds \(MemoryLimit.text(state.resident)) of its memory limit of "
                    + "\(MemoryLimit.text(limit)), too much for \(MemoryLimit.text(bytes)) more; try again in some "
                    + "seconds"
            }
            state.bytes[account.rawValue] = held.partialValue
            state.sinceObservation = state.sinceObservation &+ bytes
            return nil
        }
        if let refusal { throw .overloaded(refusal) }
    }

    package func release(_ bytes: Int, of account: Account) {
        guard bytes > 0 else { return }
        state.withLock { state in
            state.bytes[account.rawValue] = max(0, state.bytes[account.rawValue] &- bytes)
            state.sinceObservation = max(0, state.sinceObservation &- bytes)
        }
    }

    /// For those who cannot ask: what they hold now. Not to be mixed with reservations of the same account.
    package func set(_ account: Account, to bytes: Int) {
        state.withLock { $0.bytes[account.rawValue] = max(0, bytes) }
    }

    package var usage: Usage {
        state.withLock { state in
            Usage(
                limit: limit, resident: state.resident, level: pressure.level,
                accounts: Account.allCases.map { ($0, state.bytes[$0.rawValue]) }, refused: state.refused)
        }
    }

    /// What the kernel counts for this process; sets ``pressure``.
    package func observe(resident: Int) {
        state.withLock { state in
            state.resident = max(0, resident)
            state.sinceObservation = 0
        }
        let before = pressure.level
        let isCritical =
            resident
            >= percent(
                before == .critical ? MemoryBudget.critical.leave : MemoryBudget.critical.enter)
        let isHigh = resident >= percent(before > .calm ? MemoryBudget.high.leave : MemoryBudget.high.enter)
        pressure.set(isCritical ? .critical : isHigh ? .high : .calm)
    }

    private func percent(_ number: Int) -> Int { limit / 100 &* number }

    /// Bytes that an account may hold.
    private func share(of account: Account, _ level: MemoryPressure.Level) -> Int {
        switch (account, level) {
        case (.queries, .calm): limit / 2
        case (.queries, .high): limit / 4
        case (.merges, .calm), (.requests, .calm): limit / 4
        case (.requests, .high): limit / 8
        case (.queries, .critical), (.merges, _), (.requests, .critical): 0
        case (.head, _), (.journal, _), (.events, _): limit
        }
    }
}
