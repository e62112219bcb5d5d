import Agent
import Codecs
import Storage
import Telemetry
import Testing
import TestSupport
import Wire

/// A source of numbered lines, an agent that may die at any moment, and a server.
private struct World {
    let disk: SimulatedFileSystem
    var chance: SeededGenerator
    /// What the server was sent, by the bytes of the request: it recognises a batch that it has.
    var stored: [[UInt8]: Int] = [:]
    var order: [[UInt8]] = []
    var resent = 0
    static let lines = 120

    static let identity = FileIdentity(device: 1, inode: 2)

    /// One life of the agent; ends with a crash, or when everything is delivered. True where it is.
    mutating func live() throws -> Bool {
        var book = PositionBook()
        if disk.exists("/d/positions.json") { book = try PositionBook.read(try disk.readAll("/d/positions.json")) }
        var limits = SpoolWriter.Limits()
        limits.bytes = 600
        limits.segmentBytes = 200
        let writer = try SpoolWriter(folder: "/d/spool", fileSystem: disk, limits: limits, positions: &book)
        let reader = SpoolReader(folder: "/d/spool", fileSystem: disk, ledger: writer.ledger)
        var next = book.files[World.identity]?.offset ?? 0
        while true {
            if next < World.lines, chance.next() % 2 == 0 {
                let count = min(World.lines - next, Int.random(in: 1...7, using: &chance))
                // The lines' numbers are the batch; the time makes it another one if it were made twice.
                let body = (next..<(next + count)).map { UInt8($0) } + [255, UInt8.random(in: 0...254, using: &chance)]
                let position = FilePosition(identity: World.identity, path: "/l", offset: next + count)
                let changes: [PositionBook.Change] = [.file(position), .cursor(source: "j", "c\(next + count)")]
                let outcome = try writer.append(body, entries: count, bytes: count, changes: changes)
                if outcome == .full {
                    try disk.writeAtomically(book.json, to: "/d/positions.json")
                    writer.removeAcknowledged(savedSequence: book.sequence)
                }
                if case .stored(let sequence) = outcome {
                    next += count
                    #expect(writer.ledger.bytes <= 600)
                    book.apply(changes)
                    book.sequence = sequence
                }
            }
            if chance.next() % 2 == 0, let record = try reader.next() {
                // The server has it, and the answer may be lost.
                if stored[record.body] == nil { order.append(record.body) } else { resent += 1 }
                stored[record.body, default: 0] += 1
                try reader.acknowledge(record.sequence)
            }
            if chance.next() % 8 == 0 {
                try disk.writeAtomically(book.json, to: "/d/positions.json")
                writer.removeAcknowledged(savedSequence: book.sequence)
            }
            if next == World.lines, writer.ledger.waiting == 0 { return true }
        }
    }
}

@Suite struct SpoolTests {
    @Test func `every line is stored once, wherever the agent or the machine dies`() throws {
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 300)) {
            let disk = SimulatedFileSystem(seed: seed)
            var world = World(disk: disk, chance: SeededGenerator(seed: seed))
            var isDone = false
            for life in 0..<40 where !isDone {
                try? disk.makeFolder("/d")
                // Half of the seeds lose power, the others only the process.
                if life < 30 { disk.crash(afterChanges: Int.random(in: 1...60, using: &world.chance), losingUnsynced: seed % 2 == 0) }
                isDone = (try? world.live()) ?? false
                if !isDone, life >= 30 { Issue.record("seed \(seed): it fails without a crash") }
                disk.restart()
            }
            #expect(isDone, "seed \(seed)")
            let lines = world.order.flatMap { $0.prefix { $0 != 255 } }
            #expect(lines == (0..<World.lines).map { UInt8($0) }, "seed \(seed)")
        }
    }

    @Test func `damage is named and costs what it hit`() throws {
        let disk = SimulatedFileSystem(seed: 1)
        var book = PositionBook()
        var limits = SpoolWriter.Limits()
        limits.segmentBytes = 100
        let writer = try SpoolWriter(folder: "/s", fileSystem: disk, limits: limits, positions: &book)
        for number in 0..<UInt8(12) {
            _ = try writer.append([UInt8](repeating: number, count: 30), entries: 1, bytes: 30, changes: [])
        }
        writer.close()
        let second = disk.files.filter { $0.hasSuffix(".spool") }[1]
        disk.alter(second) { $0[$0.count - 3] ^= 0xff }
        let again = try SpoolWriter(folder: "/s", fileSystem: disk, limits: limits, positions: &book)
        #expect(again.ledger.takeProblems().contains { $0.contains(second) && $0.contains("damaged") })
        let reader = SpoolReader(folder: "/s", fileSystem: disk, ledger: again.ledger)
        var found: [UInt8] = []
        while let record = try reader.next() {
            found.append(record.body[0])
            try reader.acknowledge(record.sequence)
        }
        #expect(found.count == 11 && found == found.sorted())
        // A file that is none of ours, and an empty one.
        disk.alter(second) { $0 = [] }
        #expect(throws: Never.self) { _ = try SpoolWriter(folder: "/s", fileSystem: disk, limits: limits, positions: &book) }
    }

    @Test func `a full disk is an error that passes`() throws {
        let disk = SimulatedFileSystem(seed: 3)
        var book = PositionBook()
        let writer = try SpoolWriter(folder: "/s", fileSystem: disk, positions: &book)
        let body = [UInt8](repeating: 7, count: 500)
        _ = try writer.append(body, entries: 1, bytes: 500, changes: [])
        disk.setCapacity(disk.used + 100)
        #expect(throws: StorageError.self) { try writer.append(body, entries: 1, bytes: 500, changes: []) }
        disk.setCapacity(.max)
        _ = try writer.append(body, entries: 2, bytes: 500, changes: [])
        let reader = SpoolReader(folder: "/s", fileSystem: disk, ledger: writer.ledger)
        var entries: [Int] = []
        while let record = try reader.next() {
            entries.append(record.entries)
            try reader.acknowledge(record.sequence)
        }
        #expect(entries == [1, 2])
    }

    @Test func `positions come back from their file, and a broken one is refused`() throws {
        var chance = SeededGenerator(seed: 11)
        var book = PositionBook()
        book.sequence = .max
        for number in 0..<50 {
            let file = FilePosition(
                identity: FileIdentity(device: chance.next(), inode: chance.next()),
                path: number == 0 ? "/odd \"\\\n\u{1}é" : "/l/\(number)", offset: Int.random(in: 0...Int.max, using: &chance),
                head: Fingerprint(length: 17, hash: chance.next()), trail: Fingerprint([1, 2]), trailEnd: number,
                generation: number, seen: Int64(number))
            book.apply([.file(file), .cursor(source: "j\(number % 3)", "s=\(number);\"")])
        }
        #expect(try PositionBook.read(book.json) == book)
        for length in stride(from: 0, to: book.json.count - 2, by: 97) {
            #expect(throws: AgentError.self) { try PositionBook.read(Array(book.json.prefix(length))) }
        }
        for bad in ["{\"version\":2}", "{\"files\":[{\"offset\":-1}]}", "[]", "{\"sequence\":99999999999999999999}"] {
            #expect(throws: AgentError.self, "\(bad)") { try PositionBook.read(Array(bad.utf8)) }
        }
    }

    @Test func `what a batch holds is what Loki's protocol reads, and its bytes depend on nothing else`() throws {
        func batch() -> [UInt8] {
            var builder = BatchBuilder()
            let labels = LabelSet([Label("job", "x"), Label("odd", "a\"b\\c\nd\u{7}é")])
            let first = builder.stream(labels)
            let second = builder.stream(LabelSet([Label("job", "y")]))
            builder.add(stream: first, time: 1_787_392_800_123_456_789, line: Array("hello".utf8)[...], metadata: [Label("pid", "7")], now: 5)
            builder.add(stream: second, time: 1_787_392_800_000_000_000, line: [], metadata: [], now: 6)
            builder.add(stream: first, time: 1_787_392_800_123_456_790, line: [UInt8](repeating: 120, count: 300)[...], metadata: [], now: 7)
            #expect(builder.stream(labels) == first && builder.started == 5)
            let sealed = builder.seal()
            #expect(sealed.entries == 3 && builder.isEmpty && builder.generation == 1)
            return sealed.body
        }
        let body = batch()
        #expect(body == batch())
        let request = try Snappy.decompress(body, limit: 1 << 20)
        let result = try LokiPush.decode(protobuf: request, now: 1_787_392_900_000_000_000)
        #expect(result.rejections.isEmpty && result.batch.rowCount == 3)
        #expect(result.batch.groups.contains { $0.labels["odd"] == "a\"b\\c\nd\u{7}é" })
        #expect(result.batch.timestamps.sorted() == [
            1_787_392_800_000_000_000, 1_787_392_800_123_456_789, 1_787_392_800_123_456_790,
        ])
    }

    @Test func `what is done about an answer`() {
        let policy = SendPolicy()
        let now: Int64 = 1_787_392_800_000_000_000
        let cases: [(SendOutcome, Int, String)] = [
            (.response(status: 204), 1, "delivered"), (.response(status: 200), 3, "delivered"), (.response(status: 260), 1, "delivered"),
            (.failure("refused"), 1, "500"), (.failure("refused"), 4, "4000"), (.failure("refused"), 400, "30000"),
            (.response(status: 429, retryAfter: "7"), 1, "7000"), (.response(status: 503, retryAfter: "Sat, 22 Aug 2026 10:00:09 GMT"), 1, "9000"),
            (.response(status: 503, retryAfter: "never"), 1, "500"), (.response(status: 429, retryAfter: "0"), 2, "1000"),
            (.response(status: 500), 2, "1000"), (.response(status: 401), 1, "500"), (.response(status: 404), 1, "500"),
            (.response(status: 400, message: "bad"), 1, "drop"), (.response(status: 413), 1, "drop"), (.response(status: 422), 1, "drop"),
        ]
        for (outcome, attempt, expected) in cases {
            let found =
                switch policy.decide(outcome, attempt: attempt, now: now) {
                case .delivered: "delivered"
                case .drop: "drop"
                case .retry(let wait, _): "\(wait)"
                }
            #expect(found == expected, "\(outcome) at attempt \(attempt)")
        }
    }
}
