import Endpoints
import Telemetry

/// Makes entries of a journal into entries of streams: labels, metadata, lines joined for each process.
final class JournalRouter {
    private struct Key: Hashable {
        var labels: LabelSet
        var process: String
    }

    private let treatment: AgentConfiguration.Treatment
    private let base: LabelSet
    private var streams: [LabelSet: EntrySink.Stream] = [:]
    private var byUnit: [String: LabelSet?] = [:]
    private var joiners: [Key: MultilineJoiner] = [:]

    init(treatment: AgentConfiguration.Treatment, base: LabelSet) {
        self.treatment = treatment
        self.base = base
    }

    /// The place of the oldest entry that is held.
    var pendingStart: Int? { joiners.values.compactMap(\.pendingStart).min() }
    var deadline: Int64? { joiners.values.compactMap(\.deadline).min() }

    /// `start` is the entry's place, as the source counts places.
    func add(_ entry: JournalEntry, start: Int, sink: EntrySink) {
        sink.counted.lines += 1
        guard let message = entry["MESSAGE"], let labels = labels(of: entry) else {
            sink.counted.dropped += 1
            return
        }
        let process = entry.text("_PID") ?? entry.text("SYSLOG_PID") ?? ""
        let event = JoinedEvent(
            text: message.prefix(treatment.longestLine), time: entry.time ?? sink.tick(),
            metadata: metadata(of: entry, process))
        guard let rule = treatment.multiline else { return emit(event, labels, sink) }
        let key = Key(labels: labels, process: process)
        if joiners[key] == nil, joiners.count >= 1_000 { flush(sink) }
        joiners[key, default: MultilineJoiner(rule)].add(
            event.text, start: start, time: event.time, metadata: event.metadata, now: sink.monotonic
        ) { emit($0, labels, sink) }
    }

    func expire(_ sink: EntrySink) {
        for key in Array(joiners.keys) {
            joiners[key]?.expire(now: sink.monotonic) { emit($0, key.labels, sink) }
            if joiners[key]?.pendingStart == nil { joiners[key] = nil }
        }
    }

    func flush(_ sink: EntrySink) {
        for key in Array(joiners.keys) { joiners[key]?.flush { emit($0, key.labels, sink) } }
        joiners = [:]
    }

    private func emit(_ event: JoinedEvent, _ labels: LabelSet, _ sink: EntrySink) {
        if streams.count >= 10_000 { streams = [:] }
        var stream = streams[labels] ?? EntrySink.Stream(labels: labels)
        sink.add(event, hasOwnTime: true, stages: treatment.stages, to: &stream)
        streams[labels] = stream
    }

    private func metadata(of entry: JournalEntry, _ process: String) -> [Label] {
        var out: [Label] = []
        if let level = entry.level { out.append(Label("level", level)) }
        if !process.isEmpty { out.append(Label("pid", process)) }
        if let name = entry.text("SYSLOG_IDENTIFIER"), !name.isEmpty { out.append(Label("syslog_identifier", name)) }
        return out
    }

    /// nil where relabelling drops the entry.
    private func labels(of entry: JournalEntry) -> LabelSet? {
        let unit = entry.text("_SYSTEMD_USER_UNIT") ?? entry.text("_SYSTEMD_UNIT") ?? ""
        let name = unit.isEmpty ? entry.text("SYSLOG_IDENTIFIER") ?? "" : unit
        guard treatment.relabelling.isEmpty else {
            var all = base.labels
            if !name.isEmpty { all.append(Label("unit", name)) }
            for field in entry.fields where field.value.count <= 1_024 && field.name != "MESSAGE" {
                let name = "__journal_" + LabelNames.sanitized(field.name.lowercased())
                all.append(Label(name, String(decoding: field.value, as: UTF8.self)))
            }
            return SourceLabels.finished(LabelSet(all), treatment.relabelling)
        }
        if let known = byUnit[name] { return known }
        if byUnit.count >= 10_000 { byUnit = [:] }
        let labels = SourceLabels.finished(name.isEmpty ? base : base.setting("unit", to: name), [])
        byUnit[name] = .some(labels)
        return labels
    }
}
