import Codecs
import Storage
import Telemetry
import TestSupport
import Testing

@testable import EventStore

@Suite struct TemplateTests {
    /// As LogQL's `|>` has it.
    static func fits(_ line: [UInt8], _ pattern: [UInt8]) -> Bool {
        var pieces: [[UInt8]] = [[]]
        var at = 0
        while at < pattern.count {
            if pattern[at...].starts(with: PatternText.hole) {
                pieces.append([])
                at += PatternText.hole.count
            } else {
                pieces[pieces.count - 1].append(pattern[at])
                at += 1
            }
        }
        guard pieces.count > 1 else { return line == pattern }
        guard line.starts(with: pieces[0]) else { return false }
        var rest = line[pieces[0].count...]
        for piece in pieces.dropFirst().dropLast() {
            guard let found = TextSearch.firstIndex(of: piece, in: Array(rest), from: 0) else { return false }
            rest = rest.dropFirst(found + piece.count)
        }
        let last = pieces[pieces.count - 1]
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }

    @Test func linesHaveThePatternsThatPeopleExpect() {
        let cases: [(String, String)] = [
            ("GET /cart/17 took 35ms", "GET /cart/<_> took <_>ms"),
            (#"{"level":"info","msg":"order 17 paid","n":3}"#, "<_>order <_> paid<_>"),
            (#"{"level":"info","n":3}"#, #"{"level":"<_>","n":<_>}"#),
            (#"{"msg":12,"message":"42"}"#, "<_>"),
            (#"level=info msg="user 7 left" took=3ms"#, #"level=<_> msg="user <_> left" took=<_>"#),
            (
                #"10.0.0.1 - - [21/Nov/2026:10:00:00 +0100] "GET /a/17 HTTP/1.1" 200 17"#,
                #"<_> - - [<_> +<_>] "GET /a/<_> HTTP/<_>" <_> <_>"#
            ),
            ("took 1.5ms of 12:30:01, 3/5 at v2-7", "took <_>ms of <_>, <_> at v<_>"),
            ("boom at 3\n\tat a.b.C(C.java:17)", "boom at <_>"),
            ("", ""), ("12345", "<_>"), ("disk full", "disk full"),
        ]
        for (line, pattern) in cases {
            let bytes = Array(line.utf8)
            let mined = TextMiner.mine(bytes, ends: [UInt32(bytes.count)], as: .line)
            let found = String(decoding: mined.patterns[Int(mined.numbers[0])], as: UTF8.self)
            #expect(found == pattern || found == pattern + "<_>", "\(line)")
            #expect(Self.fits(bytes, Array(found.utf8)), "\(line) \(found)")
        }
    }

    /// From text, and from the columns of a block without the lines.
    @Test func everyLineFitsItsPattern() throws {
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 30)) {
            var generator = LineGenerator(seed: seed)
            let count = [8, 20, 300, 2000][generator.number(4)]
            let only = generator.number(17)
            let lines = (0..<count).map { _ in generator.line(only < 13 ? only : generator.number(13)) }
            let encoded = ColumnWriter(codec: .raw).encode(
                TextColumnTests.column(lines), rowCount: count, times: [Int64](repeating: 0, count: count),
                exactFilter: false)
            let bytes = Array(lines.joined())
            var ends: [UInt32] = []
            for line in lines { ends.append((ends.last ?? 0) + UInt32(line.count)) }
            var all = [("text", TextMiner.mine(bytes, ends: ends, as: .line))]
            if encoded.encoding == .text {
                let column = try TextColumn(
                    encoded.body, entry: TextColumnTests.entry(encoded), rowCount: count,
                    times: { () throws(CodecError) in [Int64](repeating: 0, count: count) })
                all.append(("columns", try column.reader.linePatterns()))
            }
            for (source, mined) in all {
                #expect(mined.numbers.count == count, "seed \(seed), \(source)")
                let merged = PatternMerging.run(mined.patterns)
                for (line, number) in zip(lines, mined.numbers) {
                    let pattern = mined.patterns[Int(number)]
                    let shown = "seed \(seed), \(source): \(String(decoding: line, as: UTF8.self)) "
                    // A line that itself holds `<_>` or line feeds in odd places is not what this is about.
                    guard Self.fits(line, pattern) else {
                        Issue.record("\(shown) \(String(decoding: pattern, as: UTF8.self))")
                        return
                    }
                    guard Self.fits(line, merged[Int(number)]) else {
                        Issue.record("merged, \(shown) \(String(decoding: merged[Int(number)], as: UTF8.self))")
                        return
                    }
                }
            }
        }
    }

    @Test func patternsThatDifferInANameAreOne() {
        func merged(_ patterns: [String]) -> Set<String> {
            Set(PatternMerging.run(patterns.map { Array($0.utf8) }).map { String(decoding: $0, as: UTF8.self) })
        }
        let users = (0..<12).map { "user \(Character(UnicodeScalar(UInt8(97 + $0)))) logged in" }
        #expect(merged(users) == ["user <_> logged in"])
        #expect(merged(users.map { "<_>\($0.dropLast(10))<_>" }) == ["<_>user <_>"])
        let levels = ["info", "warn", "error"].map { "\($0) disk is full" }
        #expect(merged(levels) == Set(levels), "a few words are part of what is said")
        #expect(merged(["user <_> logged in", "user eve logged in", "user eve logged out"]).count == 2)
        #expect(merged(["<_> <_> <_>", "a b c"]).count == 2, "a pattern that says nothing takes nothing in")
    }

    @Test func damagedSummariesAreErrors() throws {
        var summary = TemplateSummary(
            TextMiner.mine(Array("a 1b 2c".utf8), ends: [3, 6, 7], as: .line), rows: nil,
            times: [5, 70_000_000_000, -3],
            groups: [0, 1, 1], levels: RowLevels(), wanted: nil)
        summary = TemplateSummary(merging: [summary, summary], bucketLength: PartTemplates.bucketLength)
        #expect(summary.series.map(\.rows) == [2, 2, 2] && summary.series.allSatisfy { $0.buckets.count == 1 })
        let part = OpenPart(
            part: SealedPart(name: "1", path: "/1", size: 100, files: SimulatedFileSystem(seed: 1)),
            record: PartRecord(
                table: "logs", file: "1", minTime: 0, maxTime: 0, rows: 6, bytes: 100, level: 0, extra: ""),
            facts: PartFacts(PartFooter(), deletions: 0))
        let identity = PartTemplates.Identity(part)
        let bytes = PartTemplates.encode(summary, of: identity, codec: .raw)
        let back = try PartTemplates.decode(bytes, of: identity, groupCount: 2)
        #expect(back.patterns == summary.patterns && back.series.map(\.buckets) == summary.series.map(\.buckets))
        #expect(throws: CodecError.self) { try PartTemplates.decode(bytes, of: identity, groupCount: 1) }
        var other = identity
        other.rows += 1
        #expect(throws: CodecError.self) { try PartTemplates.decode(bytes, of: other, groupCount: 2) }
        var random = SeededGenerator(seed: 3)
        for length in 0..<bytes.count {
            #expect(throws: CodecError.self) {
                try PartTemplates.decode(Array(bytes[..<length]), of: identity, groupCount: 2)
            }
        }
        // With the checksum made right again, so that the reader sees the damage.
        for _ in 0..<2000 {
            var broken = Array(bytes.dropLast(4))
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                broken[Int.random(in: 8..<broken.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var writer = ByteWriter()
            writer.writeBytes(broken)
            writer.writeFixed32(CRC32C.checksum(broken))
            _ = try? PartTemplates.decode(writer.bytes, of: identity, groupCount: 2)
        }
    }

    private func batch(_ rows: [(time: Int64, app: String, level: String, line: String)]) -> EventBatch {
        var batch = EventBatch()
        var groups: [String: UInt32] = [:]
        for one in rows {
            let group: UInt32
            if let known = groups[one.app] {
                group = known
            } else {
                group = batch.addGroup(EventGroup(labels: LabelSet(["app": one.app, "pod": "p"])))
                groups[one.app] = group
            }
            let row = batch.addRow(timestamp: one.time, group: group)
            batch.set(EventColumnName.line, row: row, .string(one.line))
            if !one.level.isEmpty { batch.set("detected_level", row: row, .string(one.level)) }
        }
        return batch
    }

    /// In memory, in parts, after merges, with deletions, by windows: counts, first and last are those of the rows.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func countsAreThoseOfTheRows(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var options = EventStoreOptions()
        options.mergeFanIn = 3
        let files = SimulatedFileSystem(seed: seed)
        let catalog = try Catalog()
        func open() throws -> EmbeddedEventStore {
            try EmbeddedEventStore(
                opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
        }
        var store = try open()
        let second: Int64 = 1_000_000_000
        var rows: [(time: Int64, app: String, level: String, line: String)] = []
        let shapes: [(Int) -> (String, String, String)] = [
            { ("paid order \($0)", "paid order <_>", "info") },
            { (#"{"msg":"cart \#($0) is empty","n":\#($0)}"#, "<_>cart <_> is empty<_>", "warn") },
            { ("disk is full", "disk is full", $0 % 2 == 0 ? "error" : "") },
        ]
        var wanted: [String: String] = [:]
        for step in 0..<6 {
            var some: [(time: Int64, app: String, level: String, line: String)] = []
            for _ in 0..<400 {
                let shape = Int.random(in: 0..<3, using: &random)
                let (line, pattern, level) = shapes[shape](Int.random(in: 0..<1000, using: &random))
                wanted[line] = pattern
                let time = Int64.random(in: 0..<3600, using: &random) * second + Int64(rows.count + some.count)
                some.append((time, ["a", "b"][shape % 2], level, line))
            }
            rows += some
            _ = try await store.append(batch(some), to: .logs, id: nil)
            if step < 4 { try await store.seal() }
            if step == 2 { try await store.maintain(now: 0) }
        }
        for round in 0..<2 {
            let windows = [
                TimeRange(start: 0, end: 1000 * second), TimeRange(start: 1000 * second, end: 2000 * second + 7),
            ]
            // Twice, since the second answer is from what is remembered.
            for _ in 0..<2 {
                let answer = try await store.templates(
                    LogTemplateQuery(
                        matchers: [Matcher("app", .equal, "a")], windows: windows, step: 60 * second, labels: ["app"]),
                    context: QueryContext())
                var counts: [String: [Int]] = [:]
                var ends: [String: (Int64, Int64)] = [:]
                for row in rows where row.app == "a" {
                    let key = "\(wanted[row.line] ?? "") \(row.level)"
                    for (i, window) in windows.enumerated() where window.contains(row.time) {
                        counts[key, default: [0, 0]][i] += 1
                        let (first, last) = ends[key] ?? (.max, .min)
                        ends[key] = (min(first, row.time), max(last, row.time))
                    }
                }
                #expect(answer.count == counts.count, "seed \(seed), round \(round)")
                for one in answer {
                    let key = "\(one.pattern) \(one.level)"
                    #expect(one.rows == counts[key], "seed \(seed), round \(round): \(key)")
                    #expect(one.firstTime == ends[key]?.0 && one.lastTime == ends[key]?.1, "seed \(seed): \(key)")
                    #expect(one.labels == LabelSet(["app": "a"]))
                    #expect(one.samples.reduce(0) { $0 + $1.rows } == one.rows[1])
                    #expect(one.samples.allSatisfy { $0.time % (60 * second) == 0 && $0.rows > 0 })
                    #expect(zip(one.samples, one.samples.dropFirst()).allSatisfy { $0.time < $1.time })
                }
            }
            // Summaries on disk say the same, after a restart and when their parts are merged away.
            let whole = LogTemplateQuery(
                matchers: [Matcher("app", .equal, "a")], windows: [.all], step: 120 * second, labels: ["app"])
            let before = try await store.templates(whole, context: QueryContext())
            let summarised = try await store.summariseTemplates(olderThan: .zero)
            #expect(summarised > 0 || round > 0)
            for stage in ["written", "restarted", "merged", "written again"] {
                if stage == "restarted" { store = try open() }
                if stage == "merged" { try await store.compact(.logs) }
                if stage == "written again" { try await store.summariseTemplates(olderThan: .zero) }
                let after = try await store.templates(whole, context: QueryContext())
                #expect(after == before, "seed \(seed), round \(round), \(stage)")
                let parts = try files.list("/data/logs/parts").count
                let stored = try files.list("/data/logs/templates").count
                #expect(stored <= parts || stage == "merged", "seed \(seed), round \(round), \(stage)")
            }
            try await store.delete(
                .logs, matchers: [Matcher("app", .equal, "a")],
                predicate: .contains(column: EventColumnName.line, Array("order 7".utf8)),
                range: TimeRange(start: 0, end: 1500 * second))
            rows.removeAll { $0.app == "a" && $0.time < 1500 * second && $0.line.contains("order 7") }
        }
    }
}
