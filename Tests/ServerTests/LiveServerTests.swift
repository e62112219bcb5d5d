import Foundation
import TestSupport
import Testing

@testable import Server

/// One collector on free ports, asked over real sockets.
@Suite struct LiveServerTests {
    private func with(_ body: @Sendable @escaping (_ base: String, _ folder: String) async throws -> Void) async throws
    {
        try await withTemporaryFolder { folder in
            try await LiveServer.run(in: folder.path) { base, _ in try await body(base, folder.path) }
        }
    }

    @Test func `what goes in by OTLP and Loki comes out of every API`() async throws {
        try await with { base, _ in
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            let resource = #"{"attributes":[{"key":"service.name","value":{"stringValue":"pay"}}]}"#
            let spans = """
                {"resourceSpans":[{"resource":\(resource),"scopeSpans":[{"scope":{"name":"t"},"spans":[
                {"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","name":"POST /pay","kind":2,
                "startTimeUnixNano":"\(now)","endTimeUnixNano":"\(now + 5_000_000)","status":{"code":2,"message":"declined"}},
                {"traceId":"00","spanId":"EEE19B7EC3C1B174","name":"bad"}]}]}]}
                """
            let traced = try await LiveServer.send("POST", base + "/v1/traces", spans, type: "application/json")
            #expect(traced.status == 200 && traced.text.contains(#""rejectedSpans":"1""#), "\(traced)")
            let logs = """
                {"resourceLogs":[{"resource":\(resource),"scopeLogs":[{"logRecords":[{"timeUnixNano":"\(now)","severityNumber":17,
                "body":{"stringValue":"payment declined"},"traceId":"5b8efff798038103d269b633813fc60c"}]}]}]}
                """
            #expect(try await LiveServer.send("POST", base + "/v1/logs", logs, type: "application/json").status == 200)
            let metrics = """
                {"resourceMetrics":[{"resource":\(resource),"scopeMetrics":[{"metrics":[{"name":"orders","sum":{"aggregationTemporality":2,
                "isMonotonic":true,"dataPoints":[{"asInt":"7","timeUnixNano":"\(now)"}]}}]}]}]}
                """
            #expect(
                try await LiveServer.send("POST", base + "/v1/metrics", metrics, type: "application/json").status == 200
            )
            let push = #"{"streams":[{"stream":{"app":"cart"},"values":[["\#(now)","hello"]]}]}"#
            #expect(
                try await LiveServer.send("POST", base + "/loki/api/v1/push", push, type: "application/json").status
                    == 204)
            let checks: [(path: String, expected: String)] = [
                (LiveServer.query("/api/v1/query", [("query", "orders_total")]), #""job":"pay""#),
                (LiveServer.query("/prometheus/api/v1/series", [("match[]", "{job=\"pay\"}")]), "orders_total"),
                ("/api/v1/labels", "\"job\""), ("/api/v1/label/job/values", "[\"pay\"]"),
                (
                    LiveServer.query("/loki/api/v1/query_range", [("query", "{service_name=\"pay\"} |= \"declined\"")]),
                    "payment declined"
                ),
                (
                    LiveServer.query(
                        "/loki/api/v1/query",
                        [
                            ("query", "sum(count_over_time({service_name=~\".+\"}[5m]))"),
                            ("time", "\(now + 1_000_000_000)"),
                        ]), "\"2\"]"
                ),
                (
                    LiveServer.query("/loki/api/v1/query", [("query", "vector(1)+vector(1)"), ("time", "4000000000")]),
                    "\"2\"]"
                ),
                ("/loki/api/v1/label/service_name/values", "[\"cart\",\"pay\"]"),
                ("/tempo/api/traces/5b8efff798038103d269b633813fc60c", "STATUS_CODE_ERROR"),
                ("/api/v2/traces/5b8efff798038103d269b633813fc60c", "\"trace\""),
                (
                    LiveServer.query("/api/search", [("q", "{ status = error && resource.service.name = \"pay\" }")]),
                    "POST /pay"
                ),
                ("/jaeger/api/services", "[\"pay\"]"),
                ("/jaeger/api/traces?service=pay", "\"operationName\":\"POST /pay\""),
                ("/jaeger/api/v3/traces/5b8efff798038103d269b633813fc60c", "5b8efff798038103d269b633813fc60c"),
                ("/api/v2/status", "versionInfo"), ("/alertmanager/api/v2/alerts", "[]"),
                ("/api/v1/rules", "\"groups\":[]"),
                ("/-/ready", "Ready"), ("/metrics", "needletail_ingested_total"),
                ("/api/v1/status/buildinfo", "version"),
            ]
            for (path, expected) in checks {
                let answer = try await LiveServer.send("GET", base + path)
                #expect(answer.status == 200 && answer.text.contains(expected), "\(path): \(answer)")
            }
        }
    }

    @Test func `bad input gets its protocol's error and the process goes on`() async throws {
        try await with { base, _ in
            let json = "application/json"
            let protobuf = "application/x-protobuf"
            let deep = String(repeating: "[", count: 100_000)
            let cases: [(method: String, path: String, body: String, type: String?, status: UInt, text: String)] = [
                ("POST", "/v1/traces", "\u{1}garbage", protobuf, 400, "byte"),
                ("POST", "/v1/traces", "{", json, 400, "line 1"),
                ("POST", "/v1/traces", deep, json, 400, ""),
                ("POST", "/v1/logs", "x", "text/html", 415, "Content-Type"),
                ("POST", "/v1/metrics", "{\"resourceMetrics\":5}", json, 400, "column"),
                ("POST", "/loki/api/v1/push", "{}", json, 422, ""),
                (
                    "POST", "/loki/api/v1/push", "{\"streams\":[{\"stream\":{},\"values\":[[\"1\",\"x\"]]}]}", json,
                    400, ""
                ),
                ("POST", "/loki/api/v1/push", "zz", protobuf, 400, "snappy"),
                ("POST", "/api/v1/write", "zz", protobuf, 400, "snappy"),
                ("POST", "/api/v1/write", "zz", json, 415, "Content-Type"),
                ("GET", LiveServer.query("/api/v1/query", [("query", "up{")]), "", nil, 400, "1:4: parse error"),
                (
                    "GET", LiveServer.query("/api/v1/query", [("query", String(repeating: "(", count: 100_000))]), "",
                    nil, 400, ""
                ),
                ("GET", "/api/v1/query", "", nil, 400, "no expression"),
                (
                    "GET", LiveServer.query("/api/v1/query", [("query", "up"), ("time", "x")]), "", nil, 400,
                    "invalid parameter"
                ),
                (
                    "GET",
                    LiveServer.query(
                        "/api/v1/query_range", [("query", "up"), ("start", "0"), ("end", "999999"), ("step", "1")]),
                    "", nil, 400, "11,000"
                ),
                (
                    "GET",
                    LiveServer.query(
                        "/api/v1/query_range", [("query", "up"), ("start", "0"), ("end", "9"), ("step", "0")]), "",
                    nil, 400, "step"
                ),
                ("GET", "/api/v1/series", "", nil, 400, "match[]"),
                ("GET", LiveServer.query("/loki/api/v1/query_range", [("query", "{}")]), "", nil, 400, "parse error"),
                (
                    "GET", LiveServer.query("/loki/api/v1/query_range", [("query", "{a=\"b\"} |~ \"(\"")]), "", nil,
                    400, ""
                ),
                (
                    "GET",
                    LiveServer.query("/loki/api/v1/query_range", [("query", "{a=\"b\"}"), ("limit", "99999999")]), "",
                    nil,
                    400, "limit"
                ),
                ("GET", LiveServer.query("/api/search", [("q", "{ status = ")]), "", nil, 400, "parse error at line 1"),
                ("GET", "/api/traces/xyz", "", nil, 400, "hexadecimal"),
                ("GET", "/api/traces/1", "", nil, 404, "not found"),
                ("GET", "/jaeger/api/traces", "", nil, 400, "service"),
                ("POST", "/api/v2/alerts", "[{\"labels\":5}]", json, 400, "labels"),
                ("POST", "/api/v2/silences", "{}", json, 400, "required"),
                ("GET", "/api/v2/silence/nope", "", nil, 404, "not found"),
                ("GET", "/nope", "", nil, 404, ""),
            ]
            for one in cases {
                let answer = try await LiveServer.send(one.method, base + one.path, one.body, type: one.type)
                #expect(
                    answer.status == one.status && (one.text.isEmpty || answer.text.contains(one.text)),
                    "\(one.method) \(one.path.prefix(80)): \(answer.status) \(answer.text.prefix(300))")
            }
            #expect(try await LiveServer.send("GET", base + "/-/healthy").status == 200)
        }
    }

    @Test func `a restart answers the same`() async throws {
        try await withTemporaryFolder { folder in
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            let lines = (0..<50).map { "[\"\(now - Int64($0) * 1_000_000)\",\"line \($0)\"]" }.joined(separator: ",")
            let url = LiveServer.query(
                "/loki/api/v1/query_range",
                [
                    ("query", "{app=\"a\"}"), ("start", "\(now - 60_000_000_000)"), ("end", "\(now + 1)"),
                    ("limit", "1000"),
                ])
            let first = Box()
            try await LiveServer.run(in: folder.path) { base, _ in
                let body = "{\"streams\":[{\"stream\":{\"app\":\"a\"},\"values\":[\(lines)]}]}"
                #expect(
                    try await LiveServer.send("POST", base + "/loki/api/v1/push", body, type: "application/json").status
                        == 204)
                await first.set(try await LiveServer.send("GET", base + url).text)
            }
            try await LiveServer.run(in: folder.path) { base, _ in
                func data(_ text: String) -> Substring {
                    text.prefix(upTo: text.range(of: "\"stats\"")?.lowerBound ?? text.endIndex)
                }
                let second = try await LiveServer.send("GET", base + url).text
                let before = await first.text
                #expect(data(second) == data(before) && second.contains("line 49"))
            }
        }
    }
}

private actor Box {
    private(set) var text = ""
    func set(_ text: String) { self.text = text }
}
