import Foundation
import SeriesStore
import Storage
import Telemetry
import TestSupport
import Testing

/// A selection gives what a scan gives, whichever of head, parts and merged parts the samples are in.
@Suite struct SelectionTests {
    private static let start: Int64 = 1_800_000_000_000

    private static func labels(_ i: Int) -> LabelSet {
        LabelSet([
            "__name__": i % 4 == 0 ? "requests_total" : "latency_bucket", "host": "h\(i % 7)", "le": "\(i % 5)",
            "zone": i % 3 == 0 ? "" : "z\(i % 3)", "id": "\(i)",
        ])
    }

    private static let plans: [[Matcher]] = [
        [], [Matcher("__name__", .equal, "requests_total")], [Matcher("host", .regex, "h[1-3]")],
        [Matcher("__name__", .equal, "latency_bucket"), Matcher("zone", .notEqual, "z1")],
        [Matcher("zone", .equal, "")], [Matcher("host", .notRegex, "h.*")], [Matcher("absent", .equal, "x")],
        [Matcher("id", .regex, "1|2|33|nobody"), Matcher("le", .notEqual, "2")],
        [Matcher("__name__", .equal, "latency_bucket"), Matcher("id", .regex, "3.*")],
    ]

    private static func fill(
        _ store: EmbeddedSeriesStore, _ random: inout SeededGenerator, times: Range<Int>, late: Bool
    ) async throws {
        for tick in times {
            var batch = SeriesBatch()
            for i in 0..<60 where !late || i % 4 == 0 {
                if i == 50, tick > 40 { continue }
                let series = batch.addSeries(labels(i))
                // Every third series has times of its own; the rest share theirs.
                let jitter = i % 3 == 0 ? Int64.random(in: 0..<500, using: &random) : Int64(i % 7) * 100
                var value = Double(tick * (i + 1))
                if i % 5 == 1 { value = Double.random(in: 0..<1, using: &random) }
                if i % 11 == 3, tick % 17 == 5 { value = SpecialValue.staleMarker }
                if i % 13 == 3, tick % 19 == 5 { value = .nan }
                if i % 9 == 0 { value = 7 }
                let time = start + Int64(tick) * 15_000 + jitter + (late ? 7_000 : 0)
                batch.addSample(series, timestamp: time, value: value)
            }
            _ = try await store.append(batch, id: nil)
        }
    }

    private static func expectSame(_ store: EmbeddedSeriesStore, _ what: String) async throws {
        let ranges = [
            TimeRange(start: start, end: start + 4_000_000), TimeRange(start: start + 400_000, end: start + 700_001),
            TimeRange(start: start + 5_000_000_000, end: start + 6_000_000_000),
        ]
        for range in ranges {
            for matchers in plans {
                let plan = SeriesScanPlan(range: range, matchers: matchers)
                var wanted: [LabelSet: SeriesColumns] = [:]
                _ = try await store.scan(plan, context: QueryContext()) { batch in
                    for columns in batch { wanted[columns.labels] = columns }
                }
                let context = QueryContext()
                do {
                    let selection = try await store.select(plan, context: context)
                    let found = selection.labels(of: 0..<selection.count)
                    #expect(Set(found).count == found.count, "\(what) \(matchers)")
                    let reader = selection.makeReader()
                    let buffer = SampleBuffer()
                    var timelines: [Int: [Int64]] = [:]
                    for (number, labels) in found.enumerated() {
                        try reader.read(number, withoutValues: false, into: buffer)
                        let inside = buffer.timestamps.indices.filter { range.contains(buffer.timestamps[$0]) }
                        let columns = wanted.removeValue(forKey: labels)
                        #expect(inside.map { buffer.timestamps[$0] } == columns?.timestamps ?? [], "\(what) \(labels)")
                        let values = buffer.values
                        #expect(
                            inside.map { values[$0].bitPattern } == columns?.values.map(\.bitPattern) ?? [],
                            "\(what) \(labels)")
                        if values.contains(where: SpecialValue.isStaleMarker) { #expect(buffer.mayHoldStaleMarkers) }
                        if buffer.timeline >= 0 {
                            #expect(timelines[buffer.timeline] ?? buffer.timestamps == buffer.timestamps)
                            timelines[buffer.timeline] = buffer.timestamps
                        }
                        let times = buffer.timestamps
                        try reader.read(number, withoutValues: true, into: buffer)
                        #expect(buffer.timestamps == times)
                        #expect(
                            buffer.count == 0
                                || buffer.count == times.count
                                    && buffer.values.map(\.bitPattern) == values.map(\.bitPattern)
                        )
                        if values.contains(where: SpecialValue.isStaleMarker) { #expect(buffer.count == times.count) }
                    }
                    let rules = [
                        SeriesGroupRule.keeping(["host", "le"]), .dropping(["id", "__name__"]), .keeping([]),
                    ]
                    for rule in rules {
                        let groups = selection.groups(rule)
                        for (number, labels) in found.enumerated() {
                            let key =
                                switch rule {
                                case .keeping(let names): labels.keeping(names)
                                case .dropping(let names): labels.dropping(names)
                                }
                            #expect(groups.labels[Int(groups.numbers[number])] == key)
                        }
                        #expect(Set(groups.labels).count == groups.labels.count)
                    }
                }
                #expect(wanted.isEmpty, "\(what): \(matchers) misses \(wanted.keys)")
                #expect(context.statistics.memory == 0, "all of the selection's memory is given back")
            }
        }
    }

    @Test func aSelectionGivesWhatAScanGives() async throws {
        try await withTemporaryFolder { path in
            var random = SeededGenerator(seed: 11)
            let folder = try DataFolder(opening: path.path)
            var options = SeriesStoreOptions()
            options.outOfOrderWindow = 3_600_000
            let store = try EmbeddedSeriesStore.open(
                folder: folder, options: options, clock: { SelectionTests.start + 4_000_000 })
            try await SelectionTests.fill(store, &random, times: 0..<40, late: false)
            try await SelectionTests.expectSame(store, "head")
            try await store.flushEverything()
            try await SelectionTests.expectSame(store, "one part")
            try await SelectionTests.fill(store, &random, times: 40..<70, late: false)
            try await SelectionTests.expectSame(store, "part and head")
            try await store.flushEverything()
            try await SelectionTests.fill(store, &random, times: 30..<50, late: true)
            try await SelectionTests.expectSame(store, "two parts and a late head")
            try await store.flushEverything()
            try await SelectionTests.expectSame(store, "three parts, one of them late")
            try await store.delete(
                [[Matcher("host", .equal, "h1")]],
                range: TimeRange(start: SelectionTests.start + 450_000, end: SelectionTests.start + 600_000))
            try await SelectionTests.expectSame(store, "with deletions")
            try await store.close()
        }
    }

    @Test func expressionsNarrowWhatIsRead() async throws {
        try await withTemporaryFolder { path in
            let store = try EmbeddedSeriesStore.open(
                folder: try DataFolder(opening: path.path), clock: { SelectionTests.start })
            var batch = SeriesBatch()
            var all: [LabelSet] = []
            for i in 0..<6_000 {
                let letter = ["é", "è", "e", "z"][i % 4]
                all.append(LabelSet(["__name__": "up", "pod": "\(letter)-\(i)", "job": i % 3 == 0 ? "a" : "b"]))
            }
            for labels in all { batch.addSample(batch.addSeries(labels), timestamp: SelectionTests.start, value: 1) }
            _ = try await store.append(batch, id: nil)
            try await store.flushEverything()
            // Whether series tables are left out: not where all of them have something, or nothing is known.
            let cases: [(expression: String, operation: Matcher.Operation, narrows: Bool)] = [
                ("e-1.*", .regex, true), ("e-59[0-9]+|e-5800", .regex, true), ("é.*|è.*", .regex, true),
                ("é-77.?", .regex, true), ("(?i)E-100.*", .regex, true), (".*-5999", .regex, true), (".+", .regex, false),
                ("z-9.*|z-9", .regex, true), ("zz.*", .regex, true), ("a.*", .regex, true), (".*", .regex, false),
                ("e-1.*", .notRegex, false), ("", .notEqual, false), ("e-12.*", .notRegex, false),
            ]
            for (expression, operation, narrows) in cases {
                for more in [[], [Matcher("__name__", .equal, "up")], [Matcher("job", .equal, "a")]] {
                    let matchers = more + [Matcher("pod", operation, expression)]
                    let compiled = try matchers.map { try CompiledMatcher($0) }
                    let context = QueryContext()
                    let selection = try await store.select(
                        SeriesScanPlan(range: .all, matchers: matchers), context: context)
                    #expect(
                        Set(selection.labels(of: 0..<selection.count)) == Set(all.filter { compiled.matches($0) }),
                        "\(matchers)")
                    if narrows {
                        let skipped = context.statistics.blocksSkippedBy.byLabels + context.statistics.partsSkipped.byLabels
                        #expect(skipped > 0, "\(matchers)")
                    }
                }
            }
            try await store.close()
        }
    }

    @Test func histogramsAreToldOf() async throws {
        try await withTemporaryFolder { path in
            let store = try EmbeddedSeriesStore.open(
                folder: try DataFolder(opening: path.path), clock: { SelectionTests.start })
            var batch = SeriesBatch()
            let sparse = batch.addSeries(LabelSet(["__name__": "sparse"]))
            batch.histograms.append(
                .init(series: sparse, timestamp: SelectionTests.start, histogram: NativeHistogram()))
            batch.addSample(batch.addSeries(LabelSet(["__name__": "dense"])), timestamp: SelectionTests.start, value: 1)
            _ = try await store.append(batch, id: nil)
            for what in ["head", "part"] {
                for (name, holds) in [("sparse", true), ("dense", false)] {
                    let selection = try await store.select(
                        SeriesScanPlan(range: .all, matchers: [Matcher("__name__", .equal, name)]),
                        context: QueryContext())
                    #expect(selection.holdsHistograms == holds, "\(name) in \(what)")
                }
                try await store.flushEverything()
            }
            try await store.close()
        }
    }
}
