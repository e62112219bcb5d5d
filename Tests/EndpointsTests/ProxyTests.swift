import AsyncHTTPClient
import NIOCore
import Testing

@testable import Endpoints

@Suite struct ProxyTests {
    @Test func exceptionsFollowGoRules() throws {
        let cases: [(rules: [String], host: String, port: Int, isExcepted: Bool)] = [
            ([], "example.com", 80, false),
            ([], "localhost", 80, true),
            ([], "127.8.9.1", 80, true),
            ([], "::1", 80, true),
            (["*"], "example.com", 80, true),
            (["example.com"], "example.com", 80, true),
            (["example.com"], "a.example.com", 80, true),
            (["example.com"], "badexample.com", 80, false),
            ([".example.com"], "example.com", 80, false),
            ([".example.com"], "a.example.com", 80, true),
            (["*.example.com"], "a.example.com", 80, true),
            (["example.com:8080"], "example.com", 8080, true),
            (["example.com:8080"], "example.com", 80, false),
            (["10.0.0.0/8"], "10.200.3.4", 80, true),
            (["10.0.0.0/8"], "11.0.0.1", 80, false),
            (["10.0.0.1"], "10.0.0.1", 80, true),
            (["10.0.0.1"], "10.0.0.11", 80, false),
            (["fd00::/8"], "fd12::1", 80, true),
            (["[fd12::1]:9100"], "fd12::1", 9100, true),
            (["[fd12::1]:9100"], "fd12::1", 9101, false),
            (["EXAMPLE.com"].map { $0.lowercased() }, "Example.COM", 80, true),
            (["1.2.3.4/99", "/", ":", "[", "]", ""], "1.2.3.4", 80, false),
        ]
        for (rules, host, port, expected) in cases {
            #expect(
                ProxyConfiguration.isExcepted(host: host, port: port, from: rules) == expected,
                "\(rules) \(host):\(port)")
        }
        var proxy = ProxyConfiguration()
        proxy.isFromEnvironment = true
        let environment = ["HTTP_PROXY": "p:1", "https_proxy": "http://q:2", "NO_PROXY": "direct.local"]
        func chosen(_ scheme: String, _ host: String) throws -> String? {
            try proxy.server(scheme: scheme, host: host, port: 80, environment: environment).map {
                "\($0.host):\($0.port)"
            }
        }
        #expect(try chosen("http", "a.com") == "p:1")
        #expect(try chosen("https", "a.com") == "q:2")
        #expect(try chosen("https", "direct.local") == nil)
        #expect(try chosen("http", "127.0.0.1") == nil)
    }

    @Test func plainRequestsAreForwardedAndSecureOnesTunnelled() async throws {
        try await ProxyTestServer.with { proxy in
            try await EndpointConnections.with { connections in
                var http = HTTPClientConfiguration()
                http.proxy.server = .init(kind: .http, host: "127.0.0.1", port: proxy.port, authorization: "Basic dTpw")
                http.proxy.connectHeaders = [.init(name: "X-Tunnel", value: "yes")]
                http.credentials = .header(type: "Bearer", credentials: .text("t"))
                let client = connections.client(http)
                let answer = try await client.collect(
                    HTTPClientRequest(url: "http://metrics.example:9100/metrics?a=b"), timeout: .seconds(5))
                #expect(answer.text == "GET http://metrics.example:9100/metrics?a=b HTTP/1.1")
                let head = try #require(proxy.requests.last).lowercased()
                #expect(head.contains("host: metrics.example:9100"))
                #expect(head.contains("proxy-authorization: basic dtpw"))
                #expect(head.contains("authorization: bearer t"))

                // What comes out of the tunnel is not TLS; that it came so far shows the tunnel.
                try await HTTPTestServer.with({ _ in .init(body: "plain") }) { server in
                    await #expect(throws: EndpointError.self) {
                        try await client.collect(
                            HTTPClientRequest(url: "https://127.0.0.1:\(server.port)/"), timeout: .seconds(5))
                    }
                    let head = try #require(proxy.requests.last)
                    #expect(head.hasPrefix("CONNECT 127.0.0.1:\(server.port) HTTP/1.1"))
                    #expect(head.lowercased().contains("x-tunnel: yes"))
                    #expect(!head.lowercased().contains("bearer"))
                    #expect(server.connectionCount == 1)
                }
                // An exception goes straight.
                http.proxy.exceptions = ["unrelated.example"]
                try await HTTPTestServer.with({ _ in .init(body: "straight") }) { server in
                    let answer = try await connections.client(http).collect(
                        HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/"), timeout: .seconds(5))
                    #expect(answer.text == "straight")
                }
            }
        }
    }
}
