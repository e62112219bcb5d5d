import Foundation
import Glibc
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Server

@Suite struct QueryTests {
    private func question(_ text: String, rule: Bool = false) -> RunningQuery.Question {
        .init(.promql, text, from: rule ? .rule : .client("127.0.0.1:1"))
    }

    /// Runs until it is ended.
    private func endless(_ query: RunningQuery) -> Task<Void, any Error> {
        Task {
            try await query.run { context in
                while true {
                    try context.check()
                    try await Task.sleep(for: .milliseconds(2))
                }
            }
        }
    }

    private func until(_ condition: @Sendable () -> Bool) async throws {
        for _ in 0..<5000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        Issue.record("it did not come to pass")
    }

    @Test func `queries take places in the order in which they came, and leave them however they end`() async throws {
        let list = QueryList(places: 2)
        let first = try await list.begin(question("first"), QueryContext())
        let second = try await list.begin(question("second"), QueryContext())
        let rule = try await list.begin(question("rule", rule: true), QueryContext())
        let third = Task { try await list.begin(question("third"), QueryContext()) }
        try await until { list.counts.waiting == 1 }
        let fourth = Task { try await list.begin(question("fourth"), QueryContext()) }
        try await until { list.counts.waiting == 2 }
        let hurried = QueryContext(limits: .init(deadline: .now + .milliseconds(30)))
        await #expect(throws: StorageError.self) { try await list.begin(question("hurried"), hurried) }
        let abandoned = Task { try await list.begin(question("abandoned"), QueryContext()) }
        try await until { list.counts.waiting == 3 }
        abandoned.cancel()
        await #expect(throws: (any Error).self) { try await abandoned.value }
        #expect(list.running.map(\.question.text) == ["first", "second", "rule", "third", "fourth"])
        #expect(list.running.map(\.isWaiting) == [false, false, false, true, true])

        // One that waits can be killed as well.
        let waiting = try #require(list.running.first { $0.question.text == "fourth" })
        #expect(list.kill(waiting.id) === waiting && list.kill("17000") == nil)
        await #expect(throws: StorageError.killed) { try await fourth.value }

        let work = endless(first)
        #expect(list.kill(first.id) === first)
        await #expect(throws: StorageError.killed) { try await work.value }
        first.finish()
        first.finish()
        let next = try await third.value
        #expect(!next.isWaiting && next.waited > .zero)
        second.finish()
        rule.finish()
        next.finish()
        #expect(list.counts.running == 0 && list.counts.waiting == 0 && list.counts.killed == 2)
        for _ in 0..<4 {
            // Forgotten without an end, it leaves its place all the same.
            _ = try await list.begin(question("forgotten"), QueryContext())
        }
        try await until { list.counts.running == 0 }
    }

    private func get(_ base: String, _ path: String, _ parameters: [(String, String)] = []) async throws
        -> LiveServer.Answer
    {
        try await LiveServer.send("GET", base + LiveServer.query(path, parameters))
    }

    @Test func `each endpoint of Prometheus' API answers and refuses as Prometheus does`() async throws {
        try await withTemporaryFolder { folder in
            try await LiveServer.run(in: folder.path) { base, _ in
                let cases: [(method: String, path: String, status: UInt, contains: String)] = [
                    ("GET", "/api/v1/query?query=1", 200, #""resultType":"scalar","result":["#),
                    ("GET", "/api/v1/query?query=vector(1e21)%2B0&time=5", 200, #"[{"metric":{},"value":[5,"1e+21"]}]"#),
                    ("GET", "/api/v1/query?query=vector(0.0000001)&time=5.5", 200, #"[5.5,"1e-07"]"#),
                    ("GET", "/api/v1/query?query=%22a%5C%22b%22&time=7", 200, #""resultType":"string","result":[7,"a\"b"]"#),
                    ("GET", "/api/v1/query?query=", 400, #"invalid parameter \"query\": unknown position: parse error: no expression found in input"#),
                    ("GET", "/api/v1/query?query=up%20%2B", 400, #""errorType":"bad_data""#),
                    ("GET", "/api/v1/query?query=1&time=x", 400, #"invalid parameter \"time\": Invalid time value for 'time': cannot parse \"x\" to a valid timestamp"#),
                    ("GET", "/api/v1/labels?start=x", 400, #"invalid parameter \"start\": Invalid time value for 'start': cannot"#),
                    ("GET", "/api/v1/query?query=1&time=2023-02-30T00:00:00Z", 400, "Invalid time value"),
                    ("GET", "/api/v1/labels?start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z", 200, "success"),
                    ("GET", "/api/v1/query?query=1&time=9999-12-31T23:59:59Z", 200, #"[253402300799,"1"]"#),
                    ("GET", "/api/v1/query_range?query=1&start=0&end=2&step=0.0001", 400, "exceeded maximum resolution"),
                    ("GET", "/api/v1/query_exemplars?query=up&start=5&end=1", 400, #""error":"end timestamp must not be before start timestamp""#),
                    ("GET", "/api/v1/series?match%5B%5D=%7B%7D", 400, #"invalid parameter \"match[]\": match[] must contain at least one non-empty matcher"#),
                    ("GET", "/api/v1/series?match%5B%5D=sum(up)", 400, #"1:4: parse error: unexpected \"(\""#),
                    ("GET", "/api/v1/series?match%5B%5D=up%5B5m%5D", 400, #"1:3: parse error: unexpected \"[\""#),
                    ("GET", "/api/v1/series?match%5B%5D=up%20offset%205m", 400, "1:4: parse error: unexpected <offset>"),
                    ("GET", "/api/v1/series?match%5B%5D=", 400, "unknown position: parse error: unexpected end of input"),
                    ("GET", "/api/v1/series?match%5B%5D=sum%7Ba=%22b%22%7D", 200, #""data":[]"#),
                    ("GET", "/api/v1/targets/relabel_steps", 400, "no scrapePool parameter provided"),
                    ("GET", "/api/v1/targets/relabel_steps?scrapePool=nope&labels=%7B%7D", 400, "not found"),
                    ("GET", "/version", 200, #""goVersion":"""#),
                    ("GET", "/-/quit", 405, "Only POST or PUT requests allowed"),
                    ("POST", "/-/quit", 403, "Lifecycle API is not enabled."),
                    ("GET", "/api/v1/query?query=1&timeout=x", 400, #"invalid parameter \"timeout\": cannot parse \"x\" to a valid duration"#),
                    ("GET", "/api/v1/query?query=1&limit=-1", 400, #"invalid parameter \"limit\": limit must be non-negative"#),
                    ("GET", "/api/v1/query?query=1&limit=x", 400, #"invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax"#),
                    ("GET", "/api/v1/query?query=1&lookback_delta=x", 400, "error parsing lookback delta duration"),
                    ("GET", "/api/v1/query?query=1&stats=all", 200, #""stats":{"timings":{"evalTotalTime""#),
                    ("GET", "/api/v1/query?query=1&stats=all", 200, #""totalQueryableSamples":0"#),
                    ("GET", "/api/v1/query?query=1&explain=1", 200, #""explain":{"seriesSelected":0,"parts":{"read":0"#),
                    ("GET", "/api/v1/query_range?query=1&start=0&end=2&step=1", 200, #"{"metric":{},"values":[[0,"1"],[1,"1"],[2,"1"]]}"#),
                    ("GET", "/api/v1/query_range?query=1&end=2&step=1", 400, #"invalid parameter \"start\": cannot parse \"\" to a valid timestamp"#),
                    ("GET", "/api/v1/query_range?query=1&start=0&end=2", 400, #"invalid parameter \"step\": cannot parse \"\" to a valid duration"#),
                    ("GET", "/api/v1/query_range?query=1&start=3&end=2&step=1", 400, #"invalid parameter \"end\": end timestamp must not be before start time"#),
                    ("GET", "/api/v1/query_range?query=1&start=0&end=2&step=0", 400, "zero or negative query resolution step widths are not accepted"),
                    ("GET", "/api/v1/query_range?query=1&start=0&end=11001&step=1", 400, "exceeded maximum resolution of 11,000 points per timeseries"),
                    ("GET", "/api/v1/query_range?query=%22s%22&start=0&end=1&step=1", 400, "invalid expression type"),
                    ("GET", "/api/v1/query_exemplars?query=1", 204, ""),
                    ("GET", "/api/v1/query_exemplars?query=up&start=0&end=1", 200, #""data":[]"#),
                    ("GET", "/api/v1/query_exemplars?query=up%7B", 400, #""errorType":"bad_data""#),
                    ("GET", "/api/v1/format_query?query=sum(up)by(job)", 200, #""data":"sum by (job) (up)""#),
                    ("GET", "/api/v1/parse_query?query=a%2Bon(x)b%5B5m%5D", 400, "parse error"),
                    ("GET", "/api/v1/parse_query?query=a%2Bon(x)b", 200, #""matching":{"card":"one-to-one","labels":["x"],"on":true,"include":[]},"bool":false"#),
                    ("GET", "/api/v1/parse_query?query=rate(a%7Bb!~%22c%22%7D%5B5m%5D%20offset%201m)", 200, #"{"type":"matrixSelector","range":300000,"name":"a","offset":60000,"matchers":["#),
                    ("GET", "/api/v1/parse_query?query=topk(3,a)", 200, #""param":{"type":"numberLiteral","val":"3"},"grouping":[],"without":false"#),
                    ("GET", "/api/v1/series", 400, "no match[] parameter provided"),
                    ("GET", "/api/v1/series?match%5B%5D=up%7B", 400, #"invalid parameter \"match[]\""#),
                    ("GET", "/api/v1/labels", 200, #"{"status":"success","data":["#),
                    ("GET", "/api/v1/label/U__a_2e_b/values", 200, #""data":[]"#),
                    ("GET", "/api/v1/metadata?limit=x", 400, "limit must be a number"),
                    ("GET", "/api/v1/metadata?limit=0", 200, #""data":{}"#),
                    ("GET", "/api/v1/targets?state=none", 200, #""activeTargets":[],"droppedTargets":[]"#),
                    ("GET", "/api/v1/scrape_pools", 200, #""scrapePools":["#),
                    ("GET", "/api/v1/features", 200, #""promql_functions":{"abs":true"#),
                    ("GET", "/api/v1/notifications", 200, #""data":[]"#),
                    ("GET", "/api/v1/status/flags", 200, #""query.max-concurrency":"20""#),
                    ("GET", "/api/v1/queries", 200, #"{"running":0,"waiting":0,"maxConcurrency":20,"queries":[]}"#),
                    ("DELETE", "/api/v1/queries/5", 404, #""errorType":"not_found""#),
                    ("POST", "/api/v1/queries/5/kill", 404, "no query with the id"),
                    ("OPTIONS", "/api/v1/query", 204, ""), ("PUT", "/api/v1/query", 405, "Method Not Allowed"),
                    ("POST", "/api/v1/rules", 405, "Method Not Allowed"), ("GET", "/api/v1/nothing", 404, "404 page not found"),
                    ("GET", "/nothing/at/all", 404, "404 page not found"), ("HEAD", "/api/v1/query?query=1", 200, ""),
                ]
                for (method, path, status, contains) in cases {
                    let answer = try await LiveServer.send(method, base + path, headers: [("Origin", "http://x")])
                    #expect(answer.status == status, "\(method) \(path): \(answer.status) \(answer.text)")
                    #expect(contains.isEmpty ? answer.text.isEmpty : answer.text.contains(contains), "\(path): \(answer.text)")
                    #expect(answer.headers["access-control-allow-origin"] == "*", "\(path)")
                    #expect(answer.headers["access-control-allow-headers"]?.contains("Content-Type") == true, "\(path)")
                    if method == "PUT" { #expect(answer.headers["allow"]?.contains("POST") == true) }
                }
                let posted = try await LiveServer.send(
                    "POST", base + "/api/v1/query", "query=1%2B1&time=1", type: "application/x-www-form-urlencoded")
                #expect(posted.text.contains(#"[1,"2"]"#), "\(posted)")
            }
        }
    }

    @Test func `a query ends when its client hangs up, when it is killed and when its time is over`() async throws {
        try await withTemporaryFolder { folder in
            try await LiveServer.run(in: folder.path, { $0.queryConcurrency = 1 }) { base, process in
                // With the only place taken, a client's query waits, which is as good as running.
                let holder = try await process.queries.begin(
                    .init(.promql, "holder", from: .client("")), process.queryContext())
                let port = try #require(URL(string: base)?.port)
                let socket = try Self.connect(port)
                Self.send("GET /api/v1/query?query=vector(42) HTTP/1.1\r\nHost: x\r\n\r\n", to: socket)
                try await until { process.queries.counts.waiting == 1 }
                close(socket)
                try await until { process.queries.counts.waiting == 0 }
                try await until { process.queries.running.map(\.question.text) == ["holder"] }

                async let killed = get(base, "/api/v1/query", [("query", "vector(43)")])
                try await until { process.queries.counts.waiting == 1 }
                let list = try await get(base, "/api/v1/queries")
                #expect(list.text.contains(#""query":"vector(43)","origin":"client","client":"127.0.0.1:"#), "\(list)")
                #expect(list.text.contains(#""state":"waiting""#), "\(list)")
                let id = try #require(process.queries.running.first { $0.question.text == "vector(43)" }?.id)
                #expect(try await LiveServer.send("POST", base + "/api/v1/queries/\(id)/kill").status == 200)
                let answer = try await killed
                #expect(answer.status == 499 && answer.text.contains("query was killed"), "\(answer)")

                let late = try await get(base, "/api/v1/query", [("query", "vector(44)"), ("timeout", "50ms")])
                #expect(late.status == 503 && late.text.contains("--query.max-concurrency"), "\(late)")
                let names = try await get(base, "/api/v1/labels")
                #expect(names.status == 200, "questions for names do not wait")
                holder.finish()
                let after = try await get(base, "/api/v1/query", [("query", "vector(45)")])
                #expect(after.status == 200 && process.queries.counts.running == 0, "\(after)")
            }
        }
    }

    /// A client that can hang up, which an HTTP library does not let one do so plainly.
    private static func connect(_ port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        return descriptor
    }

    private static func send(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, 0)
    }
}
