import Telemetry
import TestSupport
import Testing

@testable import Wire

@Suite struct SyslogTests {
    /// 2023-11-14T22:13:20Z.
    static let now: Int64 = 1_700_000_000_000_000_000

    static func rows(_ bytes: [UInt8], zone: Int64 = 0) -> [ForwardTests.Row] {
        var decoder = SyslogDecoder(now: now, zone: zone)
        decoder.add(bytes, 0..<bytes.count)
        return ForwardTests.Row.all(decoder.take(now: now).batch)
    }

    @Test func `messages of both formats are taken apart`() throws {
        let cases: [(text: String, time: String, host: String?, app: String?, line: String, fields: [String: String])] =
            [
                (
                    #"<165>1 2023-11-14T22:13:15.003Z web1 evntslog 12 ID47 [ex@32473 iut="3" s="a\"b\]c\\d"][two] \#u{feff}An event"#,
                    "2023-11-14T22:13:15.003Z", "web1", "evntslog", "An event",
                    [
                        "format": "rfc5424", "facility": "20", "facility_keyword": "local4", "severity": "5",
                        "level": "notice",
                        "priority": "165", "proc_id": "12", "msg_id": "ID47", "ex@32473.iut": "3",
                        "ex@32473.s": #"a"b]c\d"#,
                        "detected_level": "info",
                    ]
                ),
                (
                    "<34>1 2023-11-14T23:13:20+01:00 - su - - -", "2023-11-14T22:13:20Z", nil, "su", "",
                    ["level": "crit"]
                ),
                ("<13>1 - - - - - - text", "2023-11-14T22:13:20Z", nil, nil, "text", ["format": "rfc5424"]),
                (
                    "<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed", "2023-10-11T22:14:15Z", "mymachine", "su",
                    "'su root' failed", ["format": "rfc3164", "proc_id": "77", "detected_level": "critical"]
                ),
                // No year is written: December is that of last year.
                ("<13>Dec 31 23:59:59 h app: x", "2022-12-31T23:59:59Z", "h", "app", "x", [:]),
                ("<13>Nov  4 01:02:03.25 h app: x", "2023-11-04T01:02:03.25Z", "h", "app", "x", [:]),
                ("<13>2023-11-14T20:00:00.5+02:00 h app: x", "2023-11-14T18:00:00.5Z", "h", "app", "x", [:]),
                ("<13>Nov 14 2022 10:00:00 h app: x", "2022-11-14T10:00:00Z", "h", "app", "x", [:]),
                ("<13>Nov 14 10:00:00 app[3]: no host", "2023-11-14T10:00:00Z", nil, "app", "no host", [:]),
                ("<13>only text, at 10:30: here", "2023-11-14T22:13:20Z", nil, nil, "only text, at 10:30: here", [:]),
                (
                    "<189>29: *Nov 14 18:46:11.123: %SYS-5-CONFIG_I: Configured", "2023-11-14T18:46:11.123Z", nil,
                    "%SYS-5-CONFIG_I", "%SYS-5-CONFIG_I: Configured", ["level": "notice"]
                ),
                (
                    "<189>29: *Nov 14 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured", "2023-11-14T18:46:11.123Z", nil,
                    "%SYS-5-CONFIG_I", "%SYS-5-CONFIG_I: Configured", ["format": "rfc3164"]
                ),
                // Of a sender in a zone east of ours: when it came; what is nearer is a clock that differs.
                ("<13>Nov 15 01:13:20 h app: ahead", "2023-11-14T22:13:20Z", "h", "app", "ahead", [:]),
                ("<13>2023-11-15T01:13:20 h app: ahead", "2023-11-14T22:13:20Z", "h", "app", "ahead", [:]),
                ("<13>Nov 14 22:20:00 h app: x", "2023-11-14T22:20:00Z", "h", "app", "x", [:]),
                (
                    "<13>Feb 29 10:00:00 h app: no such day", "2023-11-14T22:13:20Z", nil, nil,
                    "Feb 29 10:00:00 h app: no such day", [:]
                ),
                ("no priority at all", "2023-11-14T22:13:20Z", nil, nil, "no priority at all", ["format": "unknown"]),
                ("<999>x", "2023-11-14T22:13:20Z", nil, nil, "<999>x", ["format": "unknown"]),
                (
                    "<13>1 yesterday h a p m - x", "2023-11-14T22:13:20Z", nil, nil, "<13>1 yesterday h a p m - x",
                    ["format": "unknown"]
                ),
                (
                    "<13>1 - h a p m [open x", "2023-11-14T22:13:20Z", nil, nil, "<13>1 - h a p m [open x",
                    ["format": "unknown"]
                ),
            ]
        for one in cases {
            let rows = SyslogTests.rows(Array(one.text.utf8))
            let row = try #require(rows.first, "\(one.text)")
            #expect(RFC3339.format(nanoseconds: row.time) == one.time, "\(one.text)")
            #expect(row.labels["hostname"] == one.host && row.labels["app_name"] == one.app, "\(one.text): \(row)")
            #expect(row.labels["service_name"] == one.app ?? "unknown_service", "\(one.text)")
            #expect(row.line == one.line, "\(one.text)")
            for (name, value) in one.fields { #expect(row.fields[name] == value, "\(one.text): \(name) in \(row)") }
        }
        // A time without a zone is the machine's.
        #expect(
            SyslogTests.rows(Array("<13>Nov 14 10:00:00 h a: x".utf8), zone: 3600).first.map {
                RFC3339.format(nanoseconds: $0.time)
            } == "2023-11-14T09:00:00Z")
        // Around New Year: the year before, and the one that has begun elsewhere.
        let newYear: Int64 = 1_704_067_200_000_000_000
        for (seconds, text, year) in [
            (5, "<13>Dec 31 23:59:58 h a: x", "2023-12-31T23:59:58Z"),
            (-5, "<13>Jan  1 00:00:03 h a: x", "2024-01-01T00:00:03Z"),
            (-5, "<13>Jan  1 08:00:00 h a: x", "2023-12-31T23:59:55Z"),
            (60, "<13>Feb  1 00:00:00 h a: x", "2023-02-01T00:00:00Z"),
            (60 * 86400, "<13>Feb 29 00:00:00 h a: x", "2024-02-29T00:00:00Z"),
        ] {
            let now = newYear + Int64(seconds) * 1_000_000_000
            var decoder = SyslogDecoder(now: now, zone: 0)
            decoder.add(Array(text.utf8), 0..<text.utf8.count)
            let time = decoder.take(now: now).batch.timestamps.first ?? 0
            #expect(RFC3339.format(nanoseconds: time) == year, "\(seconds) \(text)")
        }
        // What is not UTF-8 is no reason to lose a line.
        #expect(SyslogTests.rows(Array("<13>1 - h a - - - caf".utf8) + [0xe9]).count == 1)
        #expect(SyslogTests.rows(Array("<13>1 2033-01-01T00:00:00Z h a - - - x".utf8)).isEmpty, "far in the future")
    }

    @Test func `frames are found however the stream is cut`() {
        let messages = [
            "<13>1 - - - - - - counted\nwith a line end", "<13>plain", "<14>after a count 12", "12 angry men",
            "<13>nul", "  indented", "after zeros",
        ]
        var stream: [UInt8] = []
        stream += Array("\(messages[0].utf8.count) \(messages[0])".utf8)
        stream += Array("\(messages[1])\r\n\n".utf8)
        stream += Array("\(messages[2].utf8.count) \(messages[2])\n".utf8)
        stream += Array("\(messages[3])\n".utf8)
        stream += Array(messages[4].utf8) + [0] + Array("\(messages[5])\n\r\n\0\(messages[6])\n".utf8)
        let limit = 100
        // One too long in each framing, and one without its end.
        stream += Array("200 <13>".utf8) + [UInt8](repeating: 0x78, count: 196)
        stream += [UInt8](repeating: 0x79, count: 300) + [0x0a]
        stream += Array("<13>the last".utf8)
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 20)) {
            var random = SeededGenerator(seed: seed)
            var framing = SyslogFraming(limit: limit)
            var found: [String] = []
            var tooLong: [Int] = []
            var offset = 0
            func take(_ frame: SyslogFraming.Frame) {
                switch frame {
                case .message(let range): found.append(String(decoding: framing.buffer[range], as: UTF8.self))
                case .tooLong(let size): tooLong.append(size)
                }
            }
            while offset < stream.count {
                let end = min(stream.count, offset + Int.random(in: 1...90, using: &random))
                framing.receive(stream[offset..<end])
                offset = end
                while let frame = framing.next() { take(frame) }
                framing.compact()
            }
            while let frame = framing.finish() { take(frame) }
            #expect(found == messages + ["<13>the last"], "seed \(seed)")
            #expect(tooLong == [200, 300], "seed \(seed)")
        }
    }
}
