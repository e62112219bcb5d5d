import Foundation
import OTLPMessages
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import Wire

@Suite struct LokiPushTests {
    @Test func pushesInAllThreeFormsMeanTheSame() throws {
        let json = """
            {"streams":[{"values":[["1700000000000000001","level=warn slow",{"trace.id":"t1"}],["1700000000000000002","plain"]],
            "stream":{"app":"cart","env":"a\\"b"}},{"stream":{"app":"x"},"values":[]}]}
            """
        let legacy = """
            {"streams":[{"labels":"{app=\\"cart\\", env=\\"a\\\\\\"b\\",}","entries":[
            {"ts":"2023-11-14T22:13:20.000000001Z","line":"level=warn slow","structuredMetadata":{"trace.id":"t1"}},
            {"ts":"2023-11-15T00:13:20.000000002+02:00","line":"plain"}]}]}
            """
        var request = Logproto_PushRequest()
        var stream = Logproto_StreamAdapter()
        stream.labels = "{app=\"cart\", env=\"a\\\"b\"}"
        for (nanos, line) in [(Int32(1), "level=warn slow"), (2, "plain")] {
            var entry = Logproto_EntryAdapter()
            entry.timestamp.seconds = 1_700_000_000
            entry.timestamp.nanos = nanos
            entry.line = line
            if nanos == 1 {
                entry.structuredMetadata = [
                    .with {
                        $0.name = "trace.id"
                        $0.value = "t1"
                    }
                ]
            }
            stream.entries.append(entry)
        }
        request.streams = [stream]
        let now: Int64 = 1_700_000_000_000_000_000
        for result in [
            try LokiPush.decode(json: Array(json.utf8), now: now),
            try LokiPush.decode(json: Array(legacy.utf8), now: now),
            try LokiPush.decode(protobuf: Array(try request.serializedData()), now: now),
        ] {
            #expect(result.outcome == .accepted)
            #expect(result.batch.timestamps == [now + 1, now + 2])
            #expect(
                result.batch.groups.map(\.labels) == [LabelSet(["app": "cart", "env": "a\"b", "service_name": "cart"])])
            #expect(result.batch.value("log:line", row: 0) == .string("level=warn slow"))
            #expect(result.batch.value("trace.id", row: 0) == .string("t1"))
            #expect(result.batch.value("trace.id", row: 1) == nil)
            #expect(result.batch.value("detected_level", row: 0) == .string("warn"))
            #expect(result.batch.value("detected_level", row: 1) == .string("unknown"))
        }
    }

    @Test func badStreamsAndEntriesAreLeftOutOneByOne() throws {
        let now: Int64 = 1_700_000_000_000_000_000
        let json = """
            {"streams":[{"stream":{},"values":[["1700000000000000000","a"],["1700000000000000000","b"]]},
            {"stream":{"a":"\(String(repeating: "x", count: 3000))"},"values":[["1700000000000000000","c"]]},
            {"stream":{"a":"1"},"values":[["1700000000000000000","good"],["1700009000000000000","future"]]}]}
            """
        let result = try LokiPush.decode(json: Array(json.utf8), now: now)
        #expect(result.outcome == .partial && result.batch.rowCount == 1)
        #expect(result.rejections.map(\.reason) == [.missingLabels, .labelValueTooLong, .tooFarInFuture])
        #expect(result.rejections.map(\.entries) == [2, 1, 1] && result.message.contains("too new"))
        #expect(result.batch.groups[0].labels["service_name"] == "unknown_service")
        for empty in ["{}", #"{"streams":[]}"#, #"{"streams":[{"stream":{"a":"b"},"values":[]}]}"#] {
            #expect(try LokiPush.decode(json: Array(empty.utf8), now: now).outcome == .empty)
        }
        let broken = [
            "", "[]", "{", #"{"streams":[{"stream":{"a":1}}]}"#, #"{"streams":[{"values":[[1,"x"]]}]}"#,
            #"{"streams":[{"values":[["x","y"]]}]}"#, #"{"streams":[{"values":[["1","y",{},3]]}]}"#,
            #"{"streams":[]} x"#,
            #"{"streams":[{"values":[["1","y",{"a":{}}]]}]}"#, #"{"streams":[],}"#, #"{"a":01}"#, #"{"a":"\q"}"#,
        ]
        for text in broken {
            #expect(throws: WireError.self, "\(text)") { try LokiPush.decode(json: Array(text.utf8), now: now) }
        }
        for text in [
            "", "a=\"b\"", "{a=b}", "{a=\"b\"", "{a=\"b\" c=\"d\"}", "{=\"b\"}", "{a=\"\\q\"}", "{a!=\"b\"}",
            "{a=\"b\"} x",
        ] {
            guard case .failure = LokiLabels.parse(text) else {
                Issue.record("\(text) was accepted")
                continue
            }
        }
        do {
            _ = try LokiPush.decode(json: Array("{\n \"streams\": [\n  x]}".utf8), now: now)
            Issue.record("accepted")
        } catch {
            #expect(error.description.hasPrefix("broken JSON at line 3, column 3 (byte 18)"), "\(error)")
        }
    }

    @Test func levelsAreFoundInLines() {
        let lines: [(String, LogLevel)] = [
            ("level=error msg=x", .error), (#"{"msg":"an error","level":"INFO"}"#, .info),
            (#"{"a":{"severity":"WARNING"}}"#, .warn),
            ("2024-01-01 10:00 [DEBUG] start", .debug), ("ERROR: it broke", .error), ("all fine", .unknown),
            ("", .unknown),
            ("no information given", .unknown), ("lvl=crit x", .critical), ("panic: runtime", .fatal),
            ("level up", .unknown),
            (#"{"msg":"error"}"#, .unknown), ("I trace this", .trace),
            // A field before text that looks like one; an object's fields and those of its objects, no deeper ones.
            (#"{"msg":"level=error in the text","level":"info"}"#, .info), (#"{"msg":"level=error"}"#, .error),
            (#"{"msg":"say \"level\":\"error\"","level":"debug"}"#, .debug),
            (#"{"log":"{\"level\":\"error\"}"}"#, .error), (#"{"list":["level","error"],"lvl":"warn"}"#, .warn),
            (#"{"a":{"b":{"level":"error"}}}"#, .unknown), (#"{"a":{"b":{"level":"error"}},"level":"info"}"#, .info),
            (#"{"SeverityText":"ERROR"}"#, .error), (#"{"severity_text":"Warning"}"#, .warn),
            (#"{"log.level":"DEBUG"}"#, .debug), (#"{ "level" : 30 , "err":"x"}"#, .info), (#"{"level":50}"#, .error),
            (#"{"level":"","error":"disk"}"#, .unknown), (#"{"level":null,"error":"disk"}"#, .unknown),
            (#"{"level":30.5,"error":"x"}"#, .unknown), ("level 30: 10 of 20", .unknown),
            (#"msg="level=error inside" level=info"#, .info), (#"msg="level=error inside""#, .error),
            (#"level="" error=none"#, .unknown), ("ts=1 lvl=eror level=warn", .warn),
            ("ts=1 error=null msg=ok", .unknown),
            ("\u{1b}[31mERROR\u{1b}[0m red", .error), ("\u{1b}[36mlevel\u{1b}[0m=\u{1b}[33mwarning", .warn),
            ("\u{1b}[", .unknown), ("level=\u{1b}", .unknown), ("lvl=\u{1b}[", .unknown),
        ]
        for (line, level) in lines { #expect(LogLevel(line: Array(line.utf8)[...]) == level, "\(line)") }
    }

    /// The quick search of bytes against the plain one by words.
    @Test func levelsAreThoseThatAReaderOfWordsFinds() {
        let pieces = [
            "level", "LEVEL", "lvl", "severity", "Severity", "sever", "revel", "=", ":", "\"", " ", "  ", "[", "'", ",",
            "{",
            "}", "warn", "ERROR", "info", "information", "informational", "alert", "crit", "critical", "panic", "emerg",
            "emergency", "trc", "dbg", "v", "leve", "el", "1", "3f9a", "\u{e9}", "_", "-", "notice", "x", "levellevel",
        ]
        var random = SeededGenerator(seed: 71)
        var found: Set<LogLevel> = []
        for _ in 0..<20_000 {
            var line = ""
            for _ in 0..<Int(random.next() % 14) { line += pieces[Int(random.next() % UInt64(pieces.count))] }
            if random.next() % 40 == 0 { line = String(repeating: "some words ", count: 92) + line }
            let bytes = Array(line.utf8)
            let expected = WordLevel.find(bytes)
            #expect(LogLevel(line: bytes[...]) == expected, "seed 71: \(line)")
            #expect(LogLevel(line: ([0x76, 0x3d] + bytes).dropFirst(2)) == expected, "seed 71: \(line)")
            found.insert(expected)
        }
        #expect(found.count == LogLevel.allCases.count)
    }
}

/// What ``LogLevel/init(line:)`` promises, word by word.
private enum WordLevel {
    static func find(_ line: [UInt8]) -> LogLevel {
        let head = Array(line.prefix(1024))
        var words: [Range<Int>] = []
        var at = 0
        while at < head.count {
            let start = at
            while at < head.count, isLetter(head[at]) { at += 1 }
            if at > start { words.append(start..<at) } else { at += 1 }
        }
        let isObject = head.first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: "{")
        var quoted: LogLevel?
        for word in words where ["level", "lvl", "severity"].contains(text(head[word]).lowercased()) {
            guard let level = value(Array(head[word.upperBound...]), isObject) else { continue }
            let (quotes, depth) = place(Array(head[..<word.lowerBound]))
            if let open = quotes, !isObject || !isKey(head, open) {
                quoted = quoted ?? level
            } else if !isObject || depth <= 2 {
                return level
            }
        }
        if let quoted { return quoted }
        if isObject { return .unknown }
        for word in words where word.count <= 8 && text(head[word]).lowercased() != "alert" {
            if word.upperBound < head.count, head[word.upperBound] == UInt8(ascii: "=") { continue }
            if let level = LogLevel(word: head[word]) { return level }
        }
        return .unknown
    }

    private static func value(_ rest: [UInt8], _ isObject: Bool) -> LogLevel? {
        let separators = rest.prefix { Array("=: \"'[(<\\".utf8).contains($0) }
        guard let last = separators.lastIndex(where: { $0 == 0x3d || $0 == 0x3a }) else { return nil }
        let first = separators.firstIndex { $0 == 0x3d || $0 == 0x3a } ?? last
        // Between two separators and behind the last there may be one quote each.
        for part in separators[first...].split(whereSeparator: { $0 == 0x3d || $0 == 0x3a })
        where part.count(where: { $0 == 0x22 || $0 == 0x27 }) > 1 { return nil }
        let behind = rest[separators.endIndex...]
        let word = behind.prefix { isLetter($0) }
        if !word.isEmpty { return LogLevel(word: word) }
        let digits = behind.prefix { $0 &- 0x30 < 10 }
        guard isObject, !separators[last...].contains(where: { $0 == 0x22 || $0 == 0x27 }) else { return nil }
        return Int64(text(digits)).flatMap { LogLevel(tens: $0) }
    }

    /// The place of the quotes that are open, and the depth of braces and brackets outside of quotes.
    private static func place(_ bytes: [UInt8]) -> (Int?, Int) {
        var open: Int?
        var depth = 0
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\"") { open = open == nil ? index : nil }
            if open == nil, byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { depth += 1 }
            if open == nil, byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") { depth -= 1 }
        }
        return (open, depth)
    }

    private static func isKey(_ bytes: [UInt8], _ quotes: Int) -> Bool {
        let before = bytes[..<quotes].last { $0 > 0x20 }
        return before == UInt8(ascii: "{") || before == UInt8(ascii: ",")
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
