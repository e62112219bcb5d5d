import Codecs
import Telemetry
import TestSupport
import Testing

@testable import Wire

@Suite struct ForwardTests {
    static let now: Int64 = 1_700_000_000_000_000_000
    static let seconds: Int64 = 1_699_999_000

    /// Everything that a session makes of the bytes, whatever pieces they come in.
    static func run(
        _ bytes: [UInt8], pieces: [Int] = [],
        _ session: ForwardSession = ForwardSession(now: now, messageLimit: 1 << 20)
    ) -> (rows: [Row], rejected: Int, acknowledgements: [[UInt8]], sent: [[UInt8]], closed: String?) {
        var session = session
        var rows: [Row] = []
        var rejected = 0
        var acknowledgements: [[UInt8]] = []
        var sent: [[UInt8]] = []
        var closed: String?
        func take(_ delivery: ForwardSession.Delivery) {
            rows += Row.all(delivery.entries.batch)
            rejected += delivery.entries.rejected
            if !delivery.acknowledgement.isEmpty { acknowledgements.append(delivery.acknowledgement) }
        }
        var offset = 0
        for size in pieces + [bytes.count] where offset < bytes.count {
            let end = min(bytes.count, offset + size)
            session.receive(bytes[offset..<end])
            offset = end
            while let step = session.next(now: now) {
                switch step {
                case .send(let bytes): sent.append(bytes)
                case .store(let delivery): take(delivery)
                case .close(let reason): closed = reason
                }
            }
        }
        if let last = session.finish(now: now) { take(last) }
        return (rows, rejected, acknowledgements, sent, closed)
    }

    struct Row: Equatable, CustomStringConvertible {
        var time: Int64
        var line: String
        var labels: LabelSet
        var fields: [String: String]

        static func all(_ batch: EventBatch) -> [Row] {
            (0..<batch.rowCount).map { row in
                var fields: [String: String] = [:]
                for column in batch.columns where column.name != EventColumnName.line {
                    if let value = column.value(ofRow: row) { fields[column.name] = value.text }
                }
                return Row(
                    time: batch.timestamps[row], line: batch.value(EventColumnName.line, row: row)?.text ?? "",
                    labels: batch.groups[Int(batch.groupOfRow[row])].labels, fields: fields)
            }
        }

        var description: String { "\(time) \(line) \(labels) \(fields.sorted { $0.key < $1.key })" }
    }

    @Test func `every form of a message means the same`() throws {
        let record: [(String, Pack)] = [
            ("log", .text("level=warn slow")), ("n", .int(-7)), ("k", .map([("ns", .text("a")), ("on", .bool(true))])),
            ("list", .list([.int(1), .text("x")])), ("nothing", .null),
            ("traceID", .text("4BF92F3577B34DA6A3CE929D0E0E4736")),
        ]
        let time = Pack.eventTime(UInt32(ForwardTests.seconds), 5)
        let entry = Pack.list([time, .map(record)])
        let withMetadata = Pack.list([.list([time, .map([])]), .map(record)])
        let gzip = Gzip.compress(entry.bytes)
        var forms: [(String, Pack)] = [
            ("message", .list([.text("app.a"), time, .map(record)])),
            ("message with option", .list([.text("app.a"), time, .map(record), .map([("size", .int(1))])])),
            ("forward", .list([.text("app.a"), .list([entry])])),
            ("forward with metadata", .list([.text("app.a"), .list([withMetadata]), .map([])])),
            ("message with metadata", .list([.text("app.a"), .list([time, .map([])]), .map(record)])),
            ("packed", .list([.text("app.a"), .binary(entry.bytes)])),
            ("packed with metadata", .list([.text("app.a"), .binary(withMetadata.bytes), .map([("size", .int(1))])])),
            ("gzip", .list([.text("app.a"), .binary(gzip), .map([("compressed", .text("gzip"))])])),
        ]
        if let zstd = Zstd.compress(entry.bytes) {
            forms.append(("zstd", .list([.text("app.a"), .binary(zstd), .map([("compressed", .text("zstd"))])])))
        }
        let expected = Row(
            time: ForwardTests.seconds * 1_000_000_000 + 5, line: "level=warn slow",
            labels: LabelSet(["tag": "app.a", "service_name": "unknown_service"]),
            fields: [
                "n": "-7", "k.ns": "a", "k.on": "true", "list": "[1,\"x\"]", "detected_level": "warn",
                "traceID": "4BF92F3577B34DA6A3CE929D0E0E4736", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            ])
        for (name, form) in forms {
            let whole = ForwardTests.run(form.bytes)
            #expect(whole.rows == [expected] && whole.rejected == 0, "\(name): \(whole)")
            let split = ForwardTests.run(form.bytes, pieces: Array(repeating: 1, count: form.bytes.count))
            #expect(split.rows == [expected], "\(name) byte by byte")
        }
        // Two members of gzip in one message, one after the other on one connection, and a heartbeat between.
        let twice = Pack.list([.text("app.a"), .binary(gzip + gzip), .map([("compressed", .text("gzip"))])])
        let stream: [UInt8] = Array([twice.bytes, Pack.null.bytes, twice.bytes].joined())
        #expect(ForwardTests.run(stream, pieces: [3, 50, 1]).rows.count == 4)
        let json = """
            ["app.j",1699999000,{"message":"m","a":{"b":1}}]
            ["app.j",[[1699999001,{"x":"]\\""}]]]
            """
        let fromJSON = ForwardTests.run(Array(json.utf8), pieces: [1, 2, 30])
        #expect(
            fromJSON.rows.map(\.line) == ["m", #"{"x":"]\""}"#] && fromJSON.rows[0].fields["a.b"] == "1", "\(fromJSON)")
    }

    @Test func `chunks are acknowledged byte for byte, and pieces of Docker's lines become whole`() {
        let chunk = "p8n9gmxTQVC8/nh2wlKKeQ==\n"
        let message = Pack.list([
            .text("t"), .list([.list([.int(ForwardTests.seconds), .map([("message", .text("a"))])])]),
            .map([("chunk", .text(chunk))]),
        ])
        let plain = Pack.list([.text("t"), .int(ForwardTests.seconds), .map([("message", .text("b"))])])
        let found = ForwardTests.run(plain.bytes + message.bytes + plain.bytes)
        #expect(found.rows.map(\.line) == ["b", "a", "b"])
        #expect(found.acknowledgements == [Pack.map([("ack", .text(chunk))]).bytes])
        func piece(_ line: String, _ last: Bool, id: String = "x") -> [UInt8] {
            Pack.list([
                .text("d"), .int(ForwardTests.seconds),
                .map([
                    ("log", .text(line)), ("container_name", .text("/web")), ("partial_message", .text("true")),
                    ("partial_id", .text(id)), ("partial_last", .text(last ? "true" : "false")),
                ]),
            ]).bytes
        }
        let joined = ForwardTests.run(piece("one ", false) + piece("other", false, id: "y") + piece("two", true))
        #expect(joined.rows.map(\.line) == ["one two", "other"])
        #expect(joined.rows[0].labels == LabelSet(["tag": "d", "container_name": "web", "service_name": "web"]))
        // Equal lines of one second are two lines.
        let same = ForwardTests.run(plain.bytes + plain.bytes + plain.bytes)
        #expect(Set(same.rows.map(\.time)).count == 3 && same.rows[0].time == ForwardTests.seconds * 1_000_000_000)
    }

    @Test func `bad parts are left out and the rest is kept`() {
        let good = Pack.list([.int(ForwardTests.seconds), .map([("log", .text("good"))])])
        func forward(_ entries: [Pack]) -> [UInt8] { Pack.list([.text("t"), .list(entries)]).bytes }
        var deep = Pack.map([("a", .int(1))])
        for _ in 0..<200 { deep = .map([("a", deep)]) }
        let bad: [(String, Pack)] = [
            ("no array", .list([.int(1)])), ("no map", .list([.int(1), .text("x")])),
            ("no time", .list([.text("x"), .map([])])),
            ("deep", .list([.int(1), deep])),
            ("future", .list([.int(ForwardTests.seconds + 900_000), .map([("log", .text("x"))])])),
            ("long", .list([.int(1), .map([("log", .text(String(repeating: "x", count: 900_000) + "é"))])])),
        ]
        var session = ForwardSession(now: ForwardTests.now, messageLimit: 1 << 20)
        for (name, entry) in bad {
            var limits = LogLimits()
            limits.lineBytes = 500_000
            session = ForwardSession(now: ForwardTests.now, limits: limits, messageLimit: 1 << 20)
            let found = ForwardTests.run(forward([good, entry, good]), pieces: [], session)
            #expect(
                found.rows.map(\.line) == ["good", "good"] && found.rejected == 1,
                "\(name): \(found.rows) \(found.rejected)")
        }
        // The framing survives a message that is no message, and a compressed one that is broken or too large.
        let bomb = Gzip.compress([UInt8](repeating: 0x93, count: 50 << 20))
        for message in [
            Pack.list([.int(1), .int(2)]), Pack.list([.text("t")]), Pack.text("x"),
            Pack.list([.text("t"), .binary(bomb), .map([("compressed", .text("gzip"))])]),
            Pack.list([.text("t"), .binary([1, 2, 3]), .map([("compressed", .text("zstd"))])]),
            Pack.list([.text("t"), .binary([0xc1]), .map([])]),
            Pack.list([.text("t"), .list([]), .map([("fluent_signal", .int(1))])]),
        ] {
            let found = ForwardTests.run(message.bytes + forward([good]))
            #expect(
                found.rows.map(\.line) == ["good"] && found.rejected == 1 && found.closed == nil, "\(message): \(found)"
            )
        }
        // Counts and lengths that cannot be there close the connection before anything is allocated.
        for bytes: [UInt8] in [
            [0xdd, 0xff, 0xff, 0xff, 0xff], [0xc1], [0x92, 0xa1, 0x74, 0xc6, 0x7f, 0xff, 0xff, 0xff],
            [0xdf, 0xff, 0xff, 0xff, 0xff],
        ] {
            #expect(ForwardTests.run(forward([good]) + bytes).closed != nil, "\(bytes)")
        }
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 30)) {
            var random = SeededGenerator(seed: seed)
            var bytes = forward([good, good])
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = ForwardTests.run(bytes, pieces: [Int.random(in: 1...20, using: &random)])
        }
    }

    @Test func `the handshake lets in who knows key and password, and nobody else`() {
        // Any digest serves: both sides use the same.
        let digest: @Sendable ([UInt8]) -> [UInt8] = { bytes in
            let hash = Hash64.hash(bytes)
            return (0..<8).map { UInt8(truncatingIfNeeded: hash >> (8 * UInt64($0))) }
        }
        func hex(_ text: [UInt8]) -> String { HexText.string(digest(text)[...]) }
        let nonce: [UInt8] = Array(1...16)
        let plain = Pack.list([.text("t"), .int(ForwardTests.seconds), .map([("log", .text("in"))])])
        let cases:
            [(users: [String: String], host: String, key: String, user: String, password: String, isLetIn: Bool)] = [
                ([:], "client", "secret", "", "", true), ([:], "client", "wrong", "", "", false),
                ([:], "server", "secret", "", "", false), (["u": "p"], "client", "secret", "u", "p", true),
                (["u": "p"], "client", "secret", "u", "q", false), (["u": "p"], "client", "secret", "v", "", false),
            ]
        for one in cases {
            let security = ForwardSecurity(sharedKey: "secret", users: one.users, hostname: "server", digest: digest)
            let session = ForwardSession(now: ForwardTests.now, security: security, nonce: nonce)
            #expect(session.greeting.starts(with: [0x92, 0xa4] + Array("HELO".utf8)))
            let salt = "s"
            let ping = Pack.list([
                .text("PING"), .text(one.host), .text(salt),
                .text(hex(Array((salt + one.host).utf8) + nonce + Array(one.key.utf8))), .text(one.user),
                .text(hex(nonce.reversed() + Array((one.user + one.password).utf8))),
            ])
            let found = ForwardTests.run(ping.bytes + plain.bytes, pieces: [7, 3], session)
            #expect(found.rows.count == (one.isLetIn ? 1 : 0), "\(one)")
            #expect(found.sent.count == 1 && found.sent[0].contains(one.isLetIn ? 0xc3 : 0xc2), "\(one)")
            if one.isLetIn {
                let proof = hex(Array((salt + "server").utf8) + nonce + Array("secret".utf8))
                #expect(String(decoding: found.sent[0], as: UTF8.self).contains(proof), "\(one)")
            }
        }
        let session = ForwardSession(
            now: ForwardTests.now,
            security: ForwardSecurity(sharedKey: "k", hostname: "server", digest: digest), nonce: nonce)
        #expect(ForwardTests.run(plain.bytes, pieces: [], session).closed != nil, "entries before the handshake")
    }
}
