import EventStore
import Foundation
import Storage
import Telemetry

/// A million streams of one line each, ten million distinct values of fields.
struct ManyStreams {
    let streams: Int
    let folder: String

    func run() async throws {
        let data = try DataFolder(opening: folder)
        var options = EventStoreOptions()
        options.mergeFanIn = 8
        let store = try EmbeddedEventStore(opening: data, options: options)
        var cpu = 0.0
        let begin = Int64(1_772_323_200_000_000_000)
        for start in stride(from: 0, to: streams, by: 1000) {
            var batch = EventBatch()
            let line = batch.columnIndex(EventColumnName.line)
            let fields = (0..<10).map { batch.columnIndex("field\($0)") }
            for i in start..<min(start + 1000, streams) {
                let labels = LabelSet([
                    Label("app", "app-\(i % 50)"), Label("namespace", "ns-\(i % 7)"), Label("pod", "pod-\(i)"),
                ])
                let row = batch.addRow(
                    timestamp: begin + Int64(i) * 1_000_000, group: batch.addGroup(EventGroup(labels: labels)))
                batch.set(line, row: row, .string("started container \(i) in \(i % 977) ms"))
                for (n, field) in fields.enumerated() { batch.set(field, row: row, .string("v\(n)-\(i)")) }
            }
            let before = Machine.cpu
            _ = try await store.append(batch, to: .logs, id: nil)
            if start % 50_000 == 0 { try await store.maintain(now: begin) }
            cpu += Machine.cpu - before
        }
        let before = Machine.cpu
        try await store.compact(.logs)
        cpu += Machine.cpu - before
        let peak = Machine.peak
        let health = await store.health(of: .logs)
        print(
            String(
                format: "%d streams, %d values of fields: %.1f s CPU, peak RSS %d MiB, %.1f MB on disk in %d parts",
                streams, streams * 10, cpu, peak, Double(health.bytesOnDisk) / 1e6, health.parts))
        try await ask(store, "label values of pod") {
            try await store.labelValues("pod", $0, context: QueryContext()).count
        }
        try await ask(store, "label values of app") {
            try await store.labelValues("app", $0, context: QueryContext()).count
        }
        try await ask(store, "values of a field, the first 10,000") {
            try await store.fieldValues("field3", $0, context: QueryContext()).count
        }
        let plan = EventScanPlan(
            table: .logs, range: .all, matchers: [Matcher("pod", .equal, "pod-\(streams / 3)")], order: .newestFirst)
        let context = QueryContext()
        let start = ContinuousClock.now
        let rows = try await store.scan(plan, context: context) { _ in .goOn }.rows
        print(
            String(
                format: "one stream: %d rows in %.0f ms, %d blocks; peak RSS %d MiB", rows,
                Machine.seconds(ContinuousClock.now - start) * 1000, context.statistics.blocksRead, Machine.peak))
        try await store.close()
    }

    private func ask(
        _ store: EmbeddedEventStore, _ what: String, _ body: (EventCatalogQuery) async throws -> Int
    ) async throws {
        let start = ContinuousClock.now
        let count = try await body(EventCatalogQuery(table: .logs))
        print(
            String(
                format: "\(what): %d in %.0f ms, peak RSS %d MiB", count,
                Machine.seconds(ContinuousClock.now - start) * 1000, Machine.peak))
    }
}
