import Foundation
import GRPCCore
import Storage
import Telemetry
import TestSupport
import Testing

@testable import Server

private let json = "application/json"
private let protobuf = "application/x-protobuf"

/// What each way in is sent; none of them is decoded while there is no room.
private let writes: [(path: String, body: String, type: String)] = [
    ("/v1/traces", "{\"resourceSpans\":[]}", json), ("/v1/logs", "{}", json), ("/v1/metrics", "{}", json),
    ("/v1/traces", "", protobuf), ("/api/v1/otlp/v1/metrics", "", protobuf), ("/api/v1/write", "\u{0}", protobuf),
    (
        "/loki/api/v1/push", "{\"streams\":[{\"stream\":{\"a\":\"b\"},\"values\":[[\"1700000000000000000\",\"x\"]]}]}",
        json
    ),
]

@Suite struct ResourceTests {
    @Test func `short of memory every way in says to come back later and questions are answered`() async throws {
        try await withTemporaryFolder { folder in
            // This process holds far more than that.
            try await LiveServer.run(in: folder.path, { $0.memoryLimit = 1 << 20 }) { base, process in
                while process.budget.pressure.level != .critical { try await Task.sleep(for: .milliseconds(20)) }
                for (path, body, type) in writes {
                    let answer = try await LiveServer.send("POST", base + path, body, type: type)
                    #expect(answer.status == 429 && answer.headers["retry-after"] == "5", "\(path): \(answer)")
                    #expect(answer.text.contains("near its memory limit"), "\(path): \(answer)")
                }
                for signal in IngestSignal.allCases {
                    let error = await #expect(throws: RPCError.self) { try await process.gateway.export(signal, []) }
                    #expect(error?.code == .resourceExhausted)
                    // With RetryInfo, without which a client would give up.
                    let details = error?.metadata[binaryValues: "grpc-status-details-bin"].first { _ in true } ?? []
                    #expect(String(decoding: details, as: UTF8.self).contains("google.rpc.RetryInfo"), "\(signal)")
                }
                // A large body is refused before it is read.
                let large = String(repeating: "x", count: 200_000)
                #expect(try await LiveServer.send("POST", base + "/v1/logs", large, type: json).status == 429)
                let query = LiveServer.query("/api/v1/query", [("query", "vector(1)")])
                #expect(try await LiveServer.send("GET", base + query).status == 200)
                let page = try await LiveServer.send("GET", base + "/metrics").text
                #expect(page.contains("\nneedletail_memory_pressure 2\n"), "\(page)")
                #expect(page.contains("reason=\"exhausted\""))
                // A query that wants some of it is told that there is none.
                let context = process.queryContext()
                #expect(throws: StorageError.self) { try context.charge(memory: 2 << 20) }
            }
        }
    }

    @Test func `a full disk refuses writes for now and says so`() async throws {
        try await withTemporaryFolder { folder in
            try await LiveServer.run(in: folder.path) { base, process in
                let gateway = IngestGateway(
                    series: process.series, events: process.events, metrics: process.metrics,
                    pressure: process.budget.pressure, disk: fullDisk())
                for signal in IngestSignal.allCases {
                    let error = await #expect(throws: RPCError.self) { try await gateway.export(signal, []) }
                    #expect(error?.code == .unavailable)
                    #expect(error?.message.contains("no space left on the disk of /data") == true)
                }
                let answer = plainIngestError(StorageError.diskFull(path: "/data"))
                #expect(answer.status == 503 && answer.headers.contains { $0 == ("Retry-After", "5") })
            }
        }
    }

    private func fullDisk() -> DiskSpace {
        let disk = DiskSpace(path: "/data") { (free: 1 << 20, total: 100 << 30) }
        disk.look()
        return disk
    }

    @Test func `status and admin endpoints have Prometheus' shapes`() async throws {
        try await withTemporaryFolder { folder in
            try await LiveServer.run(in: folder.path) { base, _ in
                for path in ["delete_series?match[]=up", "clean_tombstones", "snapshot", "flush"] {
                    let answer = try await LiveServer.send("POST", base + "/api/v1/admin/tsdb/\(path)")
                    #expect(answer.status == 500 && answer.text.contains("\"errorType\":\"unavailable\""), "\(answer)")
                }
            }
            try await LiveServer.run(
                in: folder.path,
                {
                    $0.enablesAdminAPI = true
                    $0.memoryLimit = 3 << 30
                    $0.seriesLimitPerTarget = 77
                }
            ) { base, process in
                let cases: [(path: String, status: UInt, texts: [String])] = [
                    (
                        "GET /api/v1/status/runtimeinfo", 200,
                        ["\"GOMEMLIMIT\":3221225472", "\"serverTime\"", "\"CWD\""]
                    ),
                    ("GET /api/v1/status/buildinfo", 200, ["\"version\":\"3."]),
                    ("GET /api/v1/status/flags", 200, ["\"metrics.series-limit-per-target\":\"77\""]),
                    ("GET /api/v1/status/config", 200, ["\"yaml\""]),
                    ("GET /api/v1/status/walreplay", 200, ["\"min\":0", "\"state\":\"done\""]),
                    (
                        "GET /api/v1/status/tsdb", 200,
                        [
                            "\"headStats\":{\"numSeries\":0,", "\"chunkCount\"", "\"seriesCountByMetricName\":[",
                            "\"limited\":[]",
                        ]
                    ),
                    ("GET /api/v1/status/tsdb?limit=0", 400, ["limit"]),
                    ("GET /api/v1/status/tsdb?limit=10001", 400, ["limit"]),
                    ("POST /api/v1/admin/tsdb/delete_series", 400, ["no match[] parameter provided"]),
                    ("POST /api/v1/admin/tsdb/delete_series?match[]=up%7B", 400, ["match[]"]),
                    ("POST /api/v1/admin/tsdb/delete_series?match[]=up&start=x", 400, ["start"]),
                    ("POST /api/v1/admin/tsdb/delete_series?match[]=up&start=9&end=1", 400, ["end"]),
                    ("PUT /api/v1/admin/tsdb/clean_tombstones", 204, []),
                    ("POST /api/v1/admin/tsdb/flush", 204, []),
                    ("POST /api/v1/admin/tsdb/snapshot?skip_head=maybe", 400, ["skip_head"]),
                ]
                for (request, status, texts) in cases {
                    let words = request.split(separator: " ").map(String.init)
                    let answer = try await LiveServer.send(words[0], base + words[1])
                    #expect(answer.status == status, "\(request): \(answer)")
                    for text in texts { #expect(answer.text.contains(text), "\(request): \(answer.text)") }
                }
                // Over its limit: the target is named with its label.
                for i in 0..<100 {
                    _ = process.cardinality.admit(
                        LabelSet(["__name__": "m", "job": "j", "instance": "i", "id": "\(i)"]))
                }
                let tsdb = try await LiveServer.send("GET", base + "/api/v1/status/tsdb").text
                #expect(
                    tsdb.contains(#""kind":"target","subject":"job=\"j\", instance=\"i\"","label":"id""#), "\(tsdb)")
                while process.metrics.seriesRefused.value([
                    "kind": "target", "subject": "job=\"j\", instance=\"i\"", "label": "id",
                ]) != 23 { try await Task.sleep(for: .milliseconds(50)) }

                let made = try await LiveServer.send("PUT", base + "/api/v1/admin/tsdb/snapshot").text
                let found = try #require(made.firstMatch(of: /"name":"(\d{8}T\d{6}Z-[0-9a-f]+)"/), "\(made)")
                let copy = folder.path + "/data/snapshots/" + String(found.1)
                #expect(FileManager.default.fileExists(atPath: copy + "/FORMAT"))
                try DataFolder(opening: copy).close()
            }
        }
    }
}
