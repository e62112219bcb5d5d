import Endpoints
import Logging
import Scraping
import Telemetry
import Testing

@Suite struct DiscoveryHTTPTests {
    @Test func groupsAreReadAndEveryFailureIsASentence() async throws {
        try await DiscoveryTestServer.with { server, port in
            let url = "http://127.0.0.1:\(port)/targets"
            var discovery = HTTPDiscovery(url: url)
            discovery.http.credentials = .header(type: "Bearer", credentials: .text("t"))
            discovery.refreshInterval = 2_500
            try await EndpointConnections.with { connections in
                let context = DiscoveryContext(connections: connections, logger: Logger(label: "test"))
                server.set(
                    "/targets",
                    .init(
                        contentType: "Application/JSON; charset=\"utf-8\"",
                        body: #"[{"targets":["a:1","b:2"],"labels":{"env":"prod"}},{"targets":["c:3"]},{}]"#))
                let groups = try await discovery.targetGroups(context)
                #expect(groups.map(\.targets) == [["a:1", "b:2"], ["c:3"], []])
                #expect(groups[0].labels.dictionary == ["env": "prod", "__meta_url": url])
                #expect(groups.map(\.source) == ["\(url):0", "\(url):1", "\(url):2"])
                let asked = try #require(server.asked.last)
                #expect(asked.headers[.authorization] == "Bearer t" && asked.headers[.accept] == "application/json")
                let interval = asked.headers.first { $0.name.canonicalName == "x-prometheus-refresh-interval-seconds" }
                #expect(interval?.value == "2.5")

                let failures: [(answer: DiscoveryTestServer.Answer, sentence: String)] = [
                    (.init(status: 500, body: "[]"), "server returned HTTP status 500"),
                    (.init(status: 204), "server returned HTTP status 204"),
                    (.init(contentType: "text/plain", body: "[]"), "unsupported content type \"text/plain\""),
                    (.init(contentType: "application/json; charset=latin1", body: "[]"), "unsupported content type"),
                    (.init(body: "{}"), "not a JSON array"),
                    (.init(body: "[null]"), "nil target group item found"),
                    (.init(body: "[{\"targets\":[1]}]"), "a target is not a text"),
                    (.init(body: "[{\"labels\":{\"a\":1}}]"), "the value of label \"a\" is not a text"),
                    (.init(body: "[{\"target\":[]}]"), "unknown field \"target\""),
                    (.init(body: "["), url),
                    (.init(body: "[]", delay: 5_000), "context deadline exceeded"),
                ]
                for (answer, sentence) in failures {
                    server.set("/targets", answer)
                    do {
                        let groups = try await discovery.targetGroups(context)
                        Issue.record("\(answer) gave \(groups)")
                    } catch {
                        #expect("\(error)".contains(sentence), "\(answer): \(error)")
                    }
                }
            }
        }
    }
}
