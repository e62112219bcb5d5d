import EventStore
import Foundation
import LogBaseline
import ShopLogs
import Storage
import Telemetry

/// One life of a store: filled, killed, opened, asked.
struct EngineRun {
    let options: ShopLogs.Options
    let folder: String
    let batchRows: Int
    let baseline: Baseline?
    let needles: [ShopLogs.Needle]
    private var store: EmbeddedEventStore
    private var data: DataFolder
    private var stored = 0

    init(options: ShopLogs.Options, folder: String, batchRows: Int, baseline: Baseline?) throws {
        self.options = options
        self.folder = folder
        self.batchRows = batchRows
        self.baseline = baseline
        needles = ShopLogs(options).needles
        data = try DataFolder(opening: folder)
        store = try EmbeddedEventStore(opening: data)
    }

    private static func batch(_ lines: ShopLogs.Batch, _ labels: [LabelSet]) -> EventBatch {
        var out = EventBatch()
        var groups = [UInt32?](repeating: nil, count: labels.count)
        let line = out.columnIndex(EventColumnName.line)
        let level = out.columnIndex("detected_level")
        // A push has the lines of a stream together.
        let order = (0..<lines.count).sorted { (lines.streams[$0], $0) < (lines.streams[$1], $1) }
        for i in order {
            let stream = lines.streams[i]
            let group = groups[stream] ?? out.addGroup(EventGroup(labels: labels[stream]))
            groups[stream] = group
            let row = out.addRow(timestamp: lines.timestamps[i], group: group)
            let start = i == 0 ? 0 : lines.ends[i - 1]
            out.set(line, row: row, kind: .string, payload: lines.bytes[start..<lines.ends[i]])
            out.set(level, row: row, .string(lines.levels[i]))
        }
        return out
    }

    /// Batches are made before the clock runs; sealing and merging count.
    mutating func ingest() async throws {
        var logs = ShopLogs(options)
        let labels = logs.streams.map { stream in LabelSet(stream.labels.map { Label($0.name, $0.value) }) }
        var cpu = 0.0
        var wall = 0.0
        var raw = 0
        var sinceMaintenance = ContinuousClock.now
        while true {
            let lines = logs.batch(batchRows)
            if lines.count == 0 { break }
            let batch = EngineRun.batch(lines, labels)
            raw += lines.bytes.count
            let (before, start) = (Machine.cpu, ContinuousClock.now)
            let outcome = try await store.append(batch, to: .logs, id: nil)
            guard outcome.accepted == lines.count else { throw EngineError("\(outcome)") }
            if sinceMaintenance.duration(to: .now) > .seconds(1) {
                sinceMaintenance = .now
                try await store.maintain(now: Int64(Date().timeIntervalSince1970 * 1e9))
            }
            cpu += Machine.cpu - before
            wall += Machine.seconds(ContinuousClock.now - start)
        }
        let appended = cpu
        let peakBefore = Machine.peak
        let (before, start) = (Machine.cpu, ContinuousClock.now)
        try await store.compact(.logs)
        let parts = await store.health(of: .logs).parts
        cpu += Machine.cpu - before
        wall += Machine.seconds(ContinuousClock.now - start)
        stored = Machine.size(of: folder)
        let gigabytes = Double(raw) / 1e9
        print(
            String(
                format:
                    "ingest: %.2f s CPU per GB raw (%.2f before the last seal), %.0f MB/s; peak RSS %d MiB (%d at the end)",
                cpu / gigabytes, appended / gigabytes, Double(raw) / 1e6 / wall, peakBefore, Machine.peak))
        print(
            String(
                format: "disk: %.1f MB of %.1f MB raw in %d parts, ratio %.4f", Double(stored) / 1e6, Double(raw) / 1e6,
                parts, Double(stored) / Double(raw)),
            baseline.map { String(format: "= %.3f of zstd -3", Double(stored) / Double($0.packed)) } ?? "")
    }

    /// What the stored bytes are, the most first.
    func layout() throws {
        let layout = try store.layout(of: .logs)
        print(
            "\(layout.finalBlocks) blocks are final, \(layout.otherBlocks) of \(layout.otherRaw >> 10) KiB raw are not")
        for (what, bytes) in layout.bytes.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) where bytes > 0 {
            print(
                String(format: "%9.1f kB %6.2f%%  ", Double(bytes) / 1e3, 100 * Double(bytes) / Double(stored)) + what)
        }
    }

    /// Copies of the files as they are, which is what a kill leaves.
    mutating func restart() async throws {
        let copy = folder + "-killed"
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        let start = ContinuousClock.now
        let other = try EmbeddedEventStore(opening: DataFolder(opening: copy))
        var rows = 0
        let plan = EventScanPlan(table: .logs, range: .all, order: .newestFirst)
        _ = try await other.scan(plan, context: QueryContext()) { batch in
            rows += batch.rowCount
            return .stop
        }
        print(String(format: "restart to first answer: %.0f ms", Machine.seconds(ContinuousClock.now - start) * 1000))
        try await other.close()
        try FileManager.default.removeItem(atPath: copy)
    }

    mutating func search() async throws {
        for place in [ShopLogs.Needle.Place.word, .identifier] {
            var times: [Double] = []
            var read: [Int] = []
            var blocks: [Int] = []
            for needle in needles where needle.place == place {
                let context = QueryContext()
                let plan = EventScanPlan(
                    table: .logs, range: .all,
                    predicate: .contains(column: EventColumnName.line, Array(needle.text.utf8)), order: .newestFirst)
                var rows = 0
                let start = ContinuousClock.now
                _ = try await store.scan(plan, context: context) { batch in
                    rows += batch.rowCount
                    return .goOn
                }
                times.append(Machine.seconds(ContinuousClock.now - start) * 1000)
                read.append(context.statistics.bytesRead)
                blocks.append(context.statistics.blocksRead)
                guard rows == needle.lines.count else {
                    throw EngineError("\(needle.text): \(rows) rows, \(needle.lines.count) expected")
                }
            }
            guard !times.isEmpty else { continue }
            let middle = times.count / 2
            print(
                String(
                    format: "needle in a \(place): p50 %.1f ms, worst %.1f ms; reads %.2f%% of stored bytes, %d blocks",
                    times.sorted()[middle], times.max() ?? 0,
                    100 * Double(read.sorted()[middle]) / Double(stored), blocks.sorted()[middle]))
        }
        let context = QueryContext()
        let start = ContinuousClock.now
        let values = try await store.labelValues("pod", EventCatalogQuery(table: .logs), context: context)
        print(
            String(
                format: "label values: %d in %.1f ms; RSS %d MiB", values.count,
                Machine.seconds(ContinuousClock.now - start) * 1000, Machine.resident))
        try await whole()
    }

    /// Everything, as an export does it.
    private func whole() async throws {
        let (before, start) = (Machine.cpu, ContinuousClock.now)
        var rows = 0
        let plan = EventScanPlan(table: .logs, range: .all, order: .oldestFirst)
        _ = try await store.scan(plan, context: QueryContext()) { batch in
            rows += batch.rowCount
            return .goOn
        }
        print(
            String(
                format: "all %d rows in order: %.1f s, %.1f s CPU", rows,
                Machine.seconds(ContinuousClock.now - start), Machine.cpu - before))
    }
}

struct EngineError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
