import Codecs
import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Wire

/// Elasticsearch's bulk, JSON lines, Firehose and the journal's export format.
@Suite struct ShipperFormatTests {
    static let now: Int64 = 1_700_000_000_000_000_000

    @Test func `times are read in every spelling`() {
        let cases: [(String, String?)] = [
            ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"), ("2023-11-14 22:13:20,5", "2023-11-14T22:13:20.5Z"),
            ("2023-11-14T22:13:20.123456789+0100", "2023-11-14T21:13:20.123456789Z"),
            ("2023-11-14", "2023-11-14T00:00:00Z"),
            ("2023-11-14T22:13-02:30", "2023-11-15T00:43:00Z"), ("1700000000", "2023-11-14T22:13:20Z"),
            ("1700000000.25", "2023-11-14T22:13:20.25Z"), ("1700000000123", "2023-11-14T22:13:20.123Z"),
            ("1700000000123.5", "2023-11-14T22:13:20.1235Z"), ("1700000000123456", "2023-11-14T22:13:20.123456Z"),
            ("1700000000123456789", "2023-11-14T22:13:20.123456789Z"), ("1.7e9", "2023-11-14T22:13:20Z"),
            ("2023-02-29T00:00:00Z", nil), ("2023-13-01", nil), ("yesterday", nil), ("", nil),
            ("99999999999999999999", nil),
            ("9999-01-01T00:00:00Z", nil), ("2023-11-14T22:13:20Zx", nil), ("2023-11-14T25:00:00Z", nil), ("-", nil),
        ]
        for (text, expected) in cases {
            let bytes = Array("x\(text)x".utf8)
            let found = TimestampText.parse(bytes, 1..<bytes.count - 1).map { RFC3339.format(nanoseconds: $0) }
            #expect(found == expected, "\(text)")
        }
    }

    @Test func `a bulk request is answered item by item`() throws {
        let body = """
            {"create":{"_index":"logs-nginx.access-prod"}}\r
            {"@timestamp":"2023-11-14T22:00:00Z","message":"GET /","http":{"status":500},\
            "service":{"name":"web"},"level":"error"}\r
            {"index":{"_id":"7"}}
            {"log":"by id","trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","@timestamp":1699999000123}
            {"create":{"_index":"a","_id":"x"}}
            {"message":"one","tags":["a","b"],"k":null}
            {"create":{"_index":"a","_id":"x"}}
            {"message":"one","tags":["a","b"],"k":null}
            {"delete":{"_index":"a","_id":"1"}}
            {"update":{"_index":"a","_id":"1"}}
            {"doc":{}}
            {"index":{"_index":"a"}}
            {"broken":
            {"index":{"_index":"a"}}
            {"message":"future","@timestamp":"2033-01-01T00:00:00Z"}
            {"index":{"_index":"a"}}
            {"message":"when","@timestamp":"whenever"}
            {"index":{"_index":"Bad Name"}}
            {"message":"x"}
            {"index":{"_index":"a","_type":"_doc"}}
            {"status":200,"path":"/x"}
            """
        let request = try BulkDecoder.decode(Array(body.utf8), index: "fallback", now: ShipperFormatTests.now)
        let rows = ForwardTests.Row.all(request.entries.batch)
        #expect(rows.map(\.line) == ["GET /", "by id", "one", #"{"status":200,"path":"/x"}"#])
        #expect(
            rows[0].labels
                == LabelSet([
                    "index": "logs-nginx.access-prod", "data_stream_type": "logs",
                    "data_stream_dataset": "nginx.access",
                    "data_stream_namespace": "prod", "service_name": "web",
                ]))
        #expect(rows[0].fields == ["http.status": "500", "level": "error", "detected_level": "error"])
        #expect(
            rows[1].labels["index"] == "fallback" && rows[1].fields["trace.id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(RFC3339.format(nanoseconds: rows[1].time) == "2023-11-14T21:56:40.123Z")
        #expect(rows[2].fields["tags"] == #"["a","b"]"# && rows[3].fields["status"] == "200")
        #expect(request.entries.rejected == 6 && !request.entries.isTimed)
        var response = BulkResponse()
        let text = String(decoding: response.encode(request, milliseconds: 3) { "made\($0)" }, as: UTF8.self)
        #expect(
            text.hasPrefix(
                #"{"took":3,"errors":true,"items":[{"create":{"_index":"logs-nginx.access-prod","_id":"made0","_version":1,"#
            ))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let items = try #require(object["items"] as? [[String: [String: Any]]])
        #expect(items.allSatisfy { $0.count == 1 })
        #expect(
            items.map { $0.keys.first } == [
                "create", "index", "create", "create", "delete", "update", "index", "index", "index", "index", "index",
            ])
        #expect(
            items.map { $0.values.first?["status"] as? Int } == [201, 201, 201, 409, 400, 400, 400, 400, 400, 400, 201])
        var filtered = BulkResponse(filterPath: "errors,items.*.error,items.*.status")
        let short = String(decoding: filtered.encode(request, milliseconds: 3) { _ in "" }, as: UTF8.self)
        #expect(
            short.hasPrefix(#"{"errors":true,"items":[{"create":{"status":201}},{"index":{"status":201}},"#), "\(short)"
        )
        // Without failures: the text that Fluent Bit looks for, and what a filter leaves.
        let good = try BulkDecoder.decode(
            Array("{\"index\":{}}\n{\"message\":\"a\"}\n".utf8), index: "i", now: ShipperFormatTests.now)
        #expect(
            String(decoding: response.encode(good, milliseconds: 0) { _ in "" }, as: UTF8.self).contains(
                #""errors":false,"items":[{"index":"#))
        var errors = BulkResponse(filterPath: "errors,items.*.error")
        #expect(errors.encode(good, milliseconds: 0) { _ in "" } == Array(#"{"errors":false}"#.utf8))
        // What was stored before is known again.
        let stored = Dictionary(
            uniqueKeysWithValues: request.items.filter { $0.identity != 0 && $0.row >= 0 }.map {
                ($0.identity, $0.document)
            })
        let again = try BulkDecoder.decode(
            Array(body.utf8), index: "fallback", now: ShipperFormatTests.now, known: { stored[$0] })
        #expect(again.entries.batch.rowCount == 2 && again.items[1].fate == .updated && again.items[1].row == -1)
        for text in ["x\n", "{\"make\":{}}\n{}\n", "{\"index\":{}}\n", "[]\n{}\n", "{\"index\":{}}}\n{}\n", "{}\n{}\n"]
        {
            #expect(throws: WireError.self, "\(text)") {
                try BulkDecoder.decode(Array(text.utf8), index: "i", now: ShipperFormatTests.now)
            }
        }
    }

    @Test func `lines of JSON are counted one by one`() throws {
        var options = JSONLinesOptions()
        options.messageFields = ["body.text"]
        options.timeFields = ["when"]
        options.streamFields = ["host", "k8s.pod"]
        options.ignoredFields = ["secret*"]
        options.decolorizedFields = ["body.text"]
        options.extraFields = [Label("env", "prod")]
        let text = """
            {"when":"2023-11-14T22:00:00Z","body":{"text":"\\u001b[31mred\\u001b[0m"},"host":"h1",\
            "k8s":{"pod":"p"},"secret_a":"s","n":1.5}

            not json
            {"_msg":"fallback","when":0}
            [1]
            {"when":"2023-11-14T22:00:00Z","body":{"text":"\(String(repeating: "x", count: 3_000_000))"}}
            {"when":"2023-11-14T22:00:00Z","body":{"text":"caf\u{e9}"}}
            """
        let result = JSONLines.decode(Array(text.utf8), options: options, now: ShipperFormatTests.now)
        let rows = ForwardTests.Row.all(result.entries.batch)
        #expect(
            result.accepted == 3 && result.rejected == 3 && result.firstErrorLine == 3 && result.entries.rejected == 3)
        #expect(rows.map(\.line) == ["red", "fallback", "café"])
        #expect(rows[0].labels == LabelSet(["host": "h1", "k8s_pod": "p", "service_name": "unknown_service"]))
        #expect(rows[0].fields == ["n": "1.5", "env": "prod", "detected_level": "unknown"])
        #expect(rows[1].time == ShipperFormatTests.now && !result.entries.isTimed)
        #expect(result.entries.rejections.map(\.reason) == [.malformed, .lineTooLong])
        // Numbers as they came: what a double would spell otherwise stays text.
        let numbers = [
            "9223372036854775807", "-9223372036854775807", "12345678901234567890", "1.50", "0.25", "-0.5", "1e3", "-0",
            "0.00001",
            "3.141592653589793", "100", "0.1",
        ]
        let object = "{" + numbers.enumerated().map { "\"n\($0)\":\($1)" }.joined(separator: ",") + "}"
        let spelled = ForwardTests.Row.all(
            JSONLines.decode(Array(object.utf8), now: ShipperFormatTests.now).entries.batch)
        #expect(numbers.indices.map { spelled[0].fields["n\($0)"] } == numbers)
        // Names without end make no columns without end.
        let many = (0..<300).map { "{\"k\($0)\":1}" }.joined(separator: "\n")
        var limits = LogLimits()
        limits.columns = 200
        let bounded = JSONLines.decode(Array(many.utf8), now: ShipperFormatTests.now, limits: limits)
        #expect(bounded.accepted == 200 && bounded.rejected == 100)
    }

    @Test func `Firehose's records are subscriptions or lines`() throws {
        func record(_ data: [UInt8]) -> String {
            var text: [UInt8] = []
            Base64Text.append(data[...], to: &text)
            return "{\"data\":\"\(String(decoding: text, as: UTF8.self))\"}"
        }
        func subscription(_ type: String, _ message: String) -> [UInt8] {
            Array(
                (#"{"messageType":"\#(type)","owner":"123","logGroup":"/aws/lambda/pay","logStream":"2023/x","#
                    + #""subscriptionFilters":["f"],"#
                    + #""logEvents":[{"id":"36","timestamp":1699999000123,"message":"\#(message)","#
                    + #""extractedFields":{"a":"b"}}]}"#)
                    .utf8)
        }
        let records = [
            record(Gzip.compress(subscription("DATA_MESSAGE", "ERROR one"))),
            record(
                Gzip.compress(subscription("DATA_MESSAGE", "two"))
                    + Gzip.compress(subscription("DATA_MESSAGE", "three"))),
            record(Gzip.compress(subscription("CONTROL_MESSAGE", "no log"))), #"{"data":"%%%"}"#, #"{"x":1}"#, "7",
            record([0x1f, 0x8b, 8, 0, 0]), record(Array("plain\n{\"message\":\"json\",\"z\":1}\n{half\n".utf8)),
            record(Gzip.compress([UInt8](repeating: 0x20, count: 9 << 20))),
            record(
                Array(
                    #"{"messageType":"DATA_MESSAGE","logEvents":[{"message":"four"},7,{"id":"1"},{"message":"five","timestamp":"x"}]}"#
                        .utf8)),
        ]
        let body = #"{"records":[\#(records.joined(separator: ","))],"timestamp":1699999000000,"requestId":"r-1"}"#
        let result = try FirehoseRequest.decode(
            Array(body.utf8), attributes: [Label("env", "prod")], now: ShipperFormatTests.now, inflateLimit: 8 << 20)
        let rows = ForwardTests.Row.all(result.entries.batch)
        #expect(result.requestID == "r-1" && result.entries.rejected == 7)
        #expect(rows.map(\.line) == ["ERROR one", "two", "three", "plain", "json", "{half", "four", "five"], "\(rows)")
        #expect(
            rows[0].labels
                == LabelSet(["env": "prod", "log_group": "/aws/lambda/pay", "owner": "123", "service_name": "pay"]))
        #expect(rows[0].fields == ["log_stream": "2023/x", "event_id": "36", "a": "b", "detected_level": "error"])
        #expect(rows[0].time == 1_699_999_000_123_000_000 && rows[3].time == 1_699_999_000_000_000_000)
        for text in ["", "{}", "[]", #"{"requestId":"x","records":{}}"#, #"{"requestId":1}"#] {
            #expect(throws: WireError.self, "\(text)") {
                try FirehoseRequest.decode(
                    Array(text.utf8), attributes: [], now: ShipperFormatTests.now, inflateLimit: 1 << 20)
            }
        }
    }

    @Test func `the journal's export format is read from a stream without end`() throws {
        func binary(_ name: String, _ value: [UInt8]) -> [UInt8] {
            Array((name + "\n").utf8) + (0..<8).map { UInt8(truncatingIfNeeded: value.count >> (8 * $0)) } + value + [
                0x0a
            ]
        }
        let journalID = "0123456789abcdef0123456789abcdef"
        func entry(_ message: String, _ micros: Int64) -> [UInt8] {
            Array(
                "__CURSOR=s=\(journalID);i=1f;b=2\n__MONOTONIC_TIMESTAMP=5\n__REALTIME_TIMESTAMP=\(micros)\n_HOSTNAME=h\n_SYSTEMD_UNIT=ssh.service\nPRIORITY=3\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=\(message)\n"
                    .utf8)
        }
        var stream = entry("plain", 1_699_999_000_000_001) + [0x0a]
        stream +=
            Array("__REALTIME_TIMESTAMP=1699999000000002\n_HOSTNAME=h\n__SEQNUM=77\n__SEQNUM_ID=\(journalID)\n".utf8)
            + binary("MESSAGE", Array("two\nlines=".utf8) + [0xff]) + [0x0a, 0x0a]
        stream += entry("no time", 0) + [0x0a] + entry("future", 1_999_999_999_000_000) + [0x0a]
        stream +=
            Array("__REALTIME_TIMESTAMP=1699999000000003\n".utf8)
            + binary("MESSAGE", [UInt8](repeating: 0x78, count: 9 << 20)) + [0x0a]
        stream += Array("__REALTIME_TIMESTAMP=x\nMESSAGE=bad time\n\n".utf8)
        stream += entry("the last", 1_699_999_000_000_004)
        for piece in [1 << 30, 1013, 7] where piece > 100 || stream.count < 1 << 20 {
            var journal = JournalExport(now: ShipperFormatTests.now)
            var offset = 0
            while offset < stream.count {
                let end = min(stream.count, offset + min(piece, stream.count))
                try journal.receive(stream[offset..<end])
                offset = end
            }
            try journal.finish()
            let entries = journal.take(now: ShipperFormatTests.now)
            let rows = ForwardTests.Row.all(entries.batch)
            #expect(rows.map(\.line) == ["plain", "two\nlines=\u{fffd}", "no time", "the last"], "\(piece)")
            #expect(
                rows[0].labels == LabelSet(["_HOSTNAME": "h", "_SYSTEMD_UNIT": "ssh.service", "service_name": "sshd"]))
            #expect(
                rows[0].fields == [
                    "PRIORITY": "3", "level": "err", "SYSLOG_IDENTIFIER": "sshd", "detected_level": "error",
                    "__SEQNUM_ID": journalID, "__SEQNUM": "31",
                ])
            #expect(rows[1].fields["__SEQNUM"] == "77" && rows[1].fields["__SEQNUM_ID"] == journalID)
            #expect(rows[0].time == 1_699_999_000_000_001_000 && rows[2].time == ShipperFormatTests.now)
            #expect(entries.rejections.map(\.reason) == [.tooFarInFuture, .lineTooLong, .invalidTimestamp])
        }
        var journal = JournalExport(now: ShipperFormatTests.now)
        #expect(throws: WireError.self) { try journal.receive(Array("GET / HTTP/1.1\r\n".utf8)) }
    }
}
