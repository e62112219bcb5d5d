import Foundation
import Synchronization
import Telemetry

/// What was told to whom and when, so that neither the next flush nor a restart tells it again.
final class NotificationLog: Sendable {
    private struct Entry: Codable {
        var time: Int64
        var firing: [String]
        var resolved: [String]
        var expires: Int64
    }

    private static let kind = "notification"
    private let documents: any DocumentStore
    private let entries = Mutex<[String: Entry]>([:])

    init(documents: any DocumentStore) throws {
        self.documents = documents
        var loaded: [String: Entry] = [:]
        for (key, body) in try documents.documents(kind: NotificationLog.kind) {
            if let entry = try? JSONDecoder().decode(Entry.self, from: Data(body.utf8)) { loaded[key] = entry }
        }
        entries.withLock { $0 = loaded }
    }

    /// Alertmanager's reasons: the first notification, new firing alerts, resolved ones, or the repeat interval is
    /// over.
    func shouldSend(
        _ key: String, firing: [Alert], resolved: [Alert], sendResolved: Bool, repeatInterval: Int64, at time: Int64
    ) -> Bool {
        guard let entry = entries.withLock({ $0[key] }) else { return !firing.isEmpty }
        let firingNow = Set(firing.map(\.fingerprint))
        if !firingNow.isSubset(of: entry.firing) { return true }
        // Also where nobody wants to hear it: the log must know that nothing fires, or the next firing goes unheard.
        if firing.isEmpty { return !entry.firing.isEmpty && !resolved.isEmpty }
        if sendResolved, !Set(resolved.map(\.fingerprint)).isSubset(of: entry.resolved) { return true }
        return entry.time <= time - repeatInterval
    }

    func record(_ key: String, firing: [Alert], resolved: [Alert], repeatInterval: Int64, at time: Int64) throws {
        let entry = Entry(
            time: time, firing: firing.map(\.fingerprint), resolved: resolved.map(\.fingerprint),
            expires: time + 2 * min(repeatInterval, 60 * 3_600_000))
        entries.withLock { $0[key] = entry }
        try documents.put(
            kind: NotificationLog.kind, key: key, body: String(decoding: JSONEncoder().encode(entry), as: UTF8.self))
    }

    func collectGarbage(at time: Int64) {
        let old = entries.withLock { entries in entries.filter { $0.value.expires < time }.map(\.key) }
        for key in old {
            entries.withLock { _ = $0.removeValue(forKey: key) }
            try? documents.delete(kind: NotificationLog.kind, key: key)
        }
    }
}
