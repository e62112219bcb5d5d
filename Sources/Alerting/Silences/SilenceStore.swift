import Foundation
import Synchronization
import Telemetry

/// The silences, written to the catalog before they are acknowledged.
package final class SilenceStore: Sendable {
    /// Expired silences stay visible for this long.
    static let retention: Int64 = 120 * 3_600_000
    private static let kind = "silence"

    private struct Entry {
        var silence: Silence
        var matchers: [AlertMatcher]
    }

    private let documents: any DocumentStore
    private let entries = Mutex<[String: Entry]>([:])

    package init(documents: any DocumentStore) throws {
        self.documents = documents
        var loaded: [String: Entry] = [:]
        for (id, body) in try documents.documents(kind: SilenceStore.kind) {
            guard let silence = try? JSONDecoder().decode(Silence.self, from: Data(body.utf8)),
                let matchers = try? silence.matchers.map({ try $0.compiled() })
            else { continue }
            loaded[id] = Entry(silence: silence, matchers: matchers)
        }
        entries.withLock { $0 = loaded }
    }

    /// Active ones by their end, then pending, then expired ones.
    package func list(at time: Int64) -> [Silence] {
        func rank(_ silence: Silence) -> Int {
            switch silence.state(at: time) {
            case .active: 0
            case .pending: 1
            case .expired: 2
            }
        }
        return entries.withLock { $0.values.map(\.silence) }
            .sorted { (rank($0), $0.endsAt, $0.id) < (rank($1), $1.endsAt, $1.id) }
    }

    package func silence(_ id: String) -> Silence? { entries.withLock { $0[id]?.silence } }

    /// Creates or changes a silence and answers its id. A change of matchers, or of a start that lies in the past,
    /// expires the old one and makes a new one.
    package func set(_ wish: Silence, now: Int64) throws -> String {
        var silence = wish
        let matchers: [AlertMatcher]
        do { matchers = try silence.matchers.map { try $0.compiled() } } catch {
            throw SilenceError.invalid("\(error)")
        }
        guard !matchers.isEmpty else { throw SilenceError.invalid("at least one matcher required") }
        guard matchers.contains(where: { !$0.matches(.empty) }) else {
            throw SilenceError.invalid("at least one matcher must not match the empty string")
        }
        guard silence.matchers.allSatisfy({ !$0.name.isEmpty }) else {
            throw SilenceError.invalid("a matcher has no label name")
        }
        guard silence.startsAt < silence.endsAt else {
            throw SilenceError.invalid("start time must be before end time")
        }
        guard silence.endsAt > now else { throw SilenceError.invalid("end time can't be in the past") }
        silence.updatedAt = now
        if !silence.id.isEmpty {
            guard let old = self.silence(silence.id) else { throw SilenceError.notFound(silence.id) }
            let state = old.state(at: now)
            let canEdit =
                old.matchers == silence.matchers && state != .expired
                && (state == .pending ? silence.startsAt >= now : silence.startsAt == old.startsAt)
            if !canEdit {
                if state != .expired { try expire(silence.id, now: now) }
                silence.id = ""
            }
        }
        if silence.id.isEmpty {
            silence.id = UUID().uuidString.lowercased()
            silence.startsAt = max(silence.startsAt, now)
        }
        try keep(Entry(silence: silence, matchers: matchers))
        return silence.id
    }

    package func expire(_ id: String, now: Int64) throws {
        guard var entry = entries.withLock({ $0[id] }) else { throw SilenceError.notFound(id) }
        switch entry.silence.state(at: now) {
        case .expired: throw SilenceError.invalid("silence \(id) already expired")
        case .active: entry.silence.endsAt = now
        case .pending:
            entry.silence.startsAt = now
            entry.silence.endsAt = now
        }
        entry.silence.updatedAt = now
        try keep(entry)
    }

    private func keep(_ entry: Entry) throws {
        let body = try JSONEncoder().encode(entry.silence)
        try documents.put(kind: SilenceStore.kind, key: entry.silence.id, body: String(decoding: body, as: UTF8.self))
        entries.withLock { $0[entry.silence.id] = entry }
    }

    /// Ids of the active silences that hold this alert back.
    package func silencing(_ labels: LabelSet, at time: Int64) -> [String] {
        entries.withLock { entries in
            entries.values.filter {
                $0.silence.state(at: time) == .active && $0.matchers.allSatisfy { $0.matches(labels) }
            }
            .map(\.silence.id).sorted()
        }
    }

    package func collectGarbage(at time: Int64) {
        let old = entries.withLock { entries in
            entries.values.filter { $0.silence.endsAt < time - SilenceStore.retention }.map(\.silence.id)
        }
        for id in old {
            try? documents.delete(kind: SilenceStore.kind, key: id)
            entries.withLock { _ = $0.removeValue(forKey: id) }
        }
    }
}
