import Testing

@testable import Server

@Suite struct RouteTableTests {
    @Test func `paths find their pattern and parameters`() {
        var table = RouteTable<String>()
        for pattern in [
            "/", "/api/v1/query", "/api/v1/label/{name}/values", "/api/v1/label/__name__/values", "/api/v1/queries/{id}",
            "/api/v1/queries/{id}/kill", "/elastic/**", "/{tenant}/push",
        ] {
            table.add("GET", pattern, pattern)
        }
        table.add("POST", "/api/v1/query", "posted")
        let cases: [(path: String, pattern: String?, parameters: [String])] = [
            ("/", "/", []), ("", "/", []), ("/api/v1/query", "/api/v1/query", []),
            ("/api//v1/query/", "/api/v1/query", []), ("/api/v1", nil, []), ("/api/v1/query/more", nil, []),
            ("/api/v1/label/job/values", "/api/v1/label/{name}/values", ["name=job"]),
            ("/api/v1/label/a%2Fb/values", "/api/v1/label/{name}/values", ["name=a%2Fb"]),
            ("/api/v1/label/__name__/values", "/api/v1/label/__name__/values", []),
            ("/api/v1/label/__name__/series", nil, []), ("/api/v1/label/values", nil, []),
            ("/api/v1/queries/7", "/api/v1/queries/{id}", ["id=7"]),
            ("/api/v1/queries/7/kill", "/api/v1/queries/{id}/kill", ["id=7"]),
            ("/elastic", "/elastic/**", []), ("/elastic/a/b/_bulk", "/elastic/**", []),
            // A name that leads nowhere does not hide a parameter.
            ("/api/push", "/{tenant}/push", ["tenant=api"]), ("/x/push", "/{tenant}/push", ["tenant=x"]),
        ]
        for one in cases {
            let match = table.match(one.path)
            #expect(match?.handlers["GET"] == one.pattern, "\(one.path)")
            #expect((match?.parameters ?? []).map { "\($0.name)=\($0.value)" } == one.parameters, "\(one.path)")
        }
        #expect(table.match("/api/v1/query")?.handlers["POST"] == "posted")
        #expect(table.match("/api/v1/query")?.handlers["PUT"] == nil)
    }

    @Test func `a gate lets through who waits once it is open, and who is cancelled`() async {
        let gate = StartGate()
        await withTaskGroup { group in
            for _ in 0..<3 { group.addTask { await gate.wait() } }
            group.addTask { gate.open() }
        }
        await gate.wait()
        let closed = StartGate()
        let waiting = Task { await closed.wait() }
        waiting.cancel()
        await waiting.value
    }
}
