import AsyncHTTPClient
import Endpoints
import Foundation
import NIOCore
import NIOSSL
import Synchronization
import TestSupport
import Testing

@Suite struct EndpointClientTests {
    private func get(_ url: String) -> HTTPClientRequest { HTTPClientRequest(url: url) }

    private func failure(_ client: EndpointClient, _ request: HTTPClientRequest, timeout: Duration = .seconds(5)) async
        -> EndpointError?
    {
        do {
            let answer = try await client.collect(request, timeout: timeout, limit: 1 << 20)
            Issue.record("\(request.url) answered \(answer.status)")
            return nil
        } catch {
            return error as? EndpointError
        }
    }

    @Test func redirectsAreFollowedAndNeverCarryCredentialsToAnotherHost() async throws {
        try await HTTPTestServer.with({ _ in .init(body: "elsewhere") }) { other in
            let elsewhere = "http://localhost:\(other.port)/final"
            try await HTTPTestServer.with({ request in
                switch request.path {
                case "/away": .redirect(302, elsewhere)
                case "/near": .redirect(301, "/final?x=1")
                case "/loop": .redirect(302, "/loop")
                case "/see-other": .redirect(303, "/final")
                case "/temporary": .redirect(307, "final")
                case "/bad": .redirect(302, "gopher://x/")
                case "/nowhere": .init(status: 302)
                default: .init(body: "\(request.method) \(request.body)")
                }
            }) { server in
                try await EndpointConnections.with { connections in
                    var http = HTTPClientConfiguration()
                    http.credentials = .basic(username: .text("u"), password: .text("p"))
                    http.headerFields = [.init(name: "X-Secret", values: [.text("s"), .text("t")])]
                    let client = connections.client(http)
                    let base = "http://127.0.0.1:\(server.port)"
                    var own = get(base + "/away")
                    own.headers.add(name: "Cookie", value: "c")
                    own.headers.add(name: "X-Plain", value: "kept")
                    #expect(try await client.collect(own, timeout: .seconds(5)).text == "elsewhere")
                    let first = try #require(server.requests.last)
                    #expect(first.header("Authorization") == "Basic dTpw" && first.headers["X-Secret"] == ["s", "t"])
                    let seen = try #require(other.requests.last)
                    for name in ["Authorization", "X-Secret", "Cookie"] { #expect(seen.header(name) == nil, "\(name)") }
                    #expect(seen.header("X-Plain") == "kept" && seen.header("Host") == "localhost:\(other.port)")

                    _ = try await client.collect(get(base + "/near"), timeout: .seconds(5))
                    let near = try #require(server.requests.last)
                    #expect(near.uri == "/final?x=1" && near.header("Authorization") == "Basic dTpw")

                    var post = get(base + "/see-other")
                    post.method = .POST
                    post.body = .bytes(ByteBuffer(string: "body"))
                    #expect(try await client.collect(post, timeout: .seconds(5)).text == "GET ")
                    post.url = base + "/temporary"
                    #expect(try await client.collect(post, timeout: .seconds(5)).text == "POST body")

                    let before = server.requests.count
                    #expect(
                        await failure(client, get(base + "/loop"))?.description.contains("stopped after 10 redirects")
                            == true)
                    #expect(server.requests.count == before + 11)
                    #expect(
                        await failure(client, get(base + "/bad"))?.description.contains("neither http nor https")
                            == true)
                    #expect(try await client.collect(get(base + "/nowhere"), timeout: .seconds(5)).status == .found)
                    http.followRedirects = false
                    let still = try await connections.client(http).collect(get(base + "/away"), timeout: .seconds(5))
                    #expect(still.status == .found)
                }
            }
        }
    }

    @Test func tokensAreAskedForOnceKeptAndAskedForAgainWhenTheyExpireOrAreRefused() async throws {
        struct State {
            var count = 0
            var lifetime = "3600"
            var wantsForm = false
            var refused: Set<String> = []
        }
        let state = Mutex(State())
        try await HTTPTestServer.with({ request in
            guard request.path == "/token" else {
                let token = request.header("Authorization") ?? ""
                return state.withLock { $0.refused.contains(token) } ? .init(status: 401) : .init(body: token)
            }
            return state.withLock { state in
                let isForm = request.body.contains("client_secret=s%2Fs")
                let isHeader = request.header("Authorization") == "Basic " + Data("id:s%2Fs".utf8).base64EncodedString()
                guard request.body.contains("grant_type=client_credentials"), request.body.contains("scope=a%20b"),
                    request.body.contains("audience=x"), state.wantsForm ? isForm : isHeader
                else { return .init(status: 401, body: "no") }
                state.count += 1
                return .init(body: #"{"access_token":"t\#(state.count)","expires_in":\#(state.lifetime)}"#, delay: 50)
            }
        }) { server in
            let base = "http://127.0.0.1:\(server.port)"
            var oauth2 = OAuth2Configuration(clientID: "id", tokenURL: base + "/token")
            oauth2.clientSecret = .text("s/s")
            oauth2.scopes = ["a", "b"]
            oauth2.endpointParameters = [.init(name: "audience", value: "x")]
            var http = HTTPClientConfiguration()
            http.credentials = .oauth2(oauth2)
            try await EndpointConnections.with { connections in
                let client = connections.client(http)
                let settings = http
                try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            try await connections.client(settings).collect(
                                HTTPClientRequest(url: base + "/metrics"), timeout: .seconds(5)
                            ).text
                        }
                    }
                    for try await text in group { #expect(text == "Bearer t1") }
                }
                #expect(state.withLock { $0.count } == 1)
                state.withLock { $0.refused = ["Bearer t1"] }
                #expect(try await client.collect(get(base + "/metrics"), timeout: .seconds(5)).text == "Bearer t2")
                // Refused for good: one new token is tried, and the answer is the server's own.
                state.withLock { $0.refused = ["Bearer t2", "Bearer t3"] }
                #expect(try await client.collect(get(base + "/metrics"), timeout: .seconds(5)).status == .unauthorized)
                #expect(state.withLock { $0.count } == 3)
            }
            // A life of eleven seconds less ten of margin; the number in quotes; credentials in the form.
            state.withLock { $0 = State(lifetime: "\"11\"", wantsForm: true) }
            try await EndpointConnections.with { connections in
                let client = connections.client(http)
                #expect(try await client.collect(get(base + "/a"), timeout: .seconds(5)).text == "Bearer t1")
                #expect(try await client.collect(get(base + "/a"), timeout: .seconds(5)).text == "Bearer t1")
                try await Task.sleep(for: .milliseconds(1_100))
                #expect(try await client.collect(get(base + "/a"), timeout: .seconds(5)).text == "Bearer t2")
                oauth2.clientSecret = .text("wrong")
                http.credentials = .oauth2(oauth2)
                let error = await failure(connections.client(http), get(base + "/a"))
                #expect(error?.description.contains("oauth2: cannot fetch token: 401") == true, "\(error as Any)")
            }
        }
    }

    @Test func certificatesAreCheckedPresentedAndReadAgain() async throws {
        try await withTemporaryFolder { folder in
            guard let made = try TestCertificates(in: folder) else { return }
            var tls = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(made.path("server.pem")).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: made.path("server.key"), format: .pem)))
            try await HTTPTestServer.with(tls: tls, { .init(body: $0.header("Host") ?? "") }) { server in
                let named = get("https://localhost:\(server.port)/")
                let numbered = get("https://127.0.0.1:\(server.port)/")
                try await EndpointConnections.with { connections in
                    var http = HTTPClientConfiguration()
                    let unknown = await failure(connections.client(http), named)
                    #expect(unknown?.description.contains("failed to verify certificate") == true, "\(unknown as Any)")
                    http.tls.insecureSkipVerify = true
                    #expect(try await connections.client(http).collect(numbered, timeout: .seconds(5)).status == .ok)
                    http.tls = .init()
                    let rotated = made.path("rotated.pem")
                    try made.text("ca.pem").write(toFile: rotated, atomically: true, encoding: .utf8)
                    http.tls.authorities = .file(rotated)
                    let client = connections.client(http)
                    #expect(try await client.collect(named, timeout: .seconds(5)).status == .ok)
                    let wrongName = await failure(client, numbered)
                    #expect(
                        wrongName?.description.contains("failed to verify certificate") == true, "\(wrongName as Any)")
                    // Another authority in the same file counts at once, and so does the way back.
                    try made.text("other.pem").write(toFile: rotated, atomically: true, encoding: .utf8)
                    #expect(await failure(client, named) != nil)
                    try made.text("ca.pem").write(toFile: rotated, atomically: true, encoding: .utf8)
                    #expect(try await client.collect(named, timeout: .seconds(5)).status == .ok)
                    http.tls.authorities = .text(try made.text("ca.pem"))
                    http.tls.serverName = "localhost"
                    let answer = try await connections.client(http).collect(numbered, timeout: .seconds(5))
                    #expect(answer.text == "127.0.0.1:\(server.port)")
                    http.tls.serverName = "db.local"
                    #expect(await failure(connections.client(http), numbered) != nil)
                    http.tls = .init()
                    http.tls.authorities = .text("not a certificate")
                    let broken = await failure(connections.client(http), named)
                    #expect(broken?.description.contains("unable to use specified CA cert inline") == true)
                }
            }
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .file(made.path("ca.pem"))
            tls.minimumTLSVersion = .tlsv13
            try await HTTPTestServer.with(tls: tls, { _ in .init(body: "known") }) { server in
                let request = get("https://localhost:\(server.port)/")
                try await EndpointConnections.with { connections in
                    var http = HTTPClientConfiguration()
                    http.tls.authorities = .file(made.path("ca.pem"))
                    #expect(await failure(connections.client(http), request) != nil)
                    http.tls.certificate = .file(made.path("client.pem"))
                    http.tls.key = .file(made.path("client.key"))
                    #expect(try await connections.client(http).collect(request, timeout: .seconds(5)).text == "known")
                    http.tls.key = .text(try made.text("client.key"))
                    http.tls.certificate = .text(try made.text("client.pem"))
                    #expect(try await connections.client(http).collect(request, timeout: .seconds(5)).text == "known")
                    http.tls.maximumVersion = .tls12
                    #expect(await failure(connections.client(http), request) != nil)
                }
            }
        }
    }

    @Test func failuresAreSentencesAndTimeoutsCoverTheBody() async throws {
        try await HTTPTestServer.with({ request in
            switch request.path {
            case "/slow-head": .init(delay: 1_000)
            case "/slow-body": .init(body: "x", bodyDelay: 1_000)
            case "/big": .init(body: String(repeating: "x", count: 2 << 20))
            case "/close": .init(body: "once", closes: true)
            default: .init(body: "ok")
            }
        }) { server in
            try await EndpointConnections.with { connections in
                let client = connections.client()
                let base = "http://127.0.0.1:\(server.port)"
                let cases: [(url: String, sentence: String)] = [
                    (
                        base + "/slow-head",
                        "Get \"\(base)/slow-head\": context deadline exceeded (no answer within 200ms)"
                    ),
                    (
                        base + "/slow-body",
                        "Get \"\(base)/slow-body\": context deadline exceeded (no answer within 200ms)"
                    ),
                    ("http://u:secret@127.0.0.1:1/", "Get \"http://u:xxxxx@127.0.0.1:1/\": dial tcp 127.0.0.1:1"),
                    (base + "/big", "the answer is larger than 1048576 bytes"),
                    (
                        "http://127.0.0.1:1/",
                        "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused"
                    ),
                    ("http://no-such-host.invalid/", "no such host"),
                    ("https://127.0.0.1:\(server.port)/", "tls: first record does not look like a TLS handshake"),
                    ("http://127.0.0.1:99999/", "invalid port 99999"),
                    ("ftp://a/", "unsupported protocol scheme \"ftp\""),
                    ("http:///x", "no Host in request URL"),
                    ("ht tp://", "is not a URL"),
                    ("", "is not a URL"),
                    (EndpointClient.url(unixSocket: "/no/such.sock", uri: "/"), "no such file or directory"),
                ]
                for (url, sentence) in cases {
                    let timeout = url.contains("slow") ? Duration.milliseconds(200) : .seconds(5)
                    let error = await failure(client, get(url), timeout: timeout)
                    #expect(error?.description.contains(sentence) == true, "\(url): \(error as Any)")
                    #expect(error?.isTimeout == url.contains("slow"), "\(url)")
                }
                for _ in 0..<3 {
                    let answer = try await client.collect(get(base + "/close"), timeout: .seconds(5))
                    #expect(answer.text == "once")
                }
                let cancelled = Task {
                    try await client.collect(HTTPClientRequest(url: base + "/slow-head"), timeout: .seconds(5))
                }
                cancelled.cancel()
                await #expect(throws: CancellationError.self) { try await cancelled.value }
            }
        }
        let orphan = EndpointConnections()
        let client = orphan.client()
        await orphan.shutdown()
        #expect(await failure(client, get("http://127.0.0.1:1/"))?.description.contains("shut down") == true)
    }

    @Test func connectionsAreKeptAndUnixSocketsAreSpokenTo() async throws {
        try await HTTPTestServer.with({ _ in .init(body: "tcp") }) { server in
            try await EndpointConnections.with { connections in
                for _ in 0..<5 {
                    // Clients of the same settings share their connections.
                    _ = try await connections.client().collect(
                        get("http://127.0.0.1:\(server.port)/"), timeout: .seconds(5))
                }
                // One comes back to the pool just after its answer: the next request may have been faster, once.
                #expect(server.requests.count == 5 && server.connectionCount <= 2)
                // A name and password in the URL come before configured ones, as in Go.
                var http = HTTPClientConfiguration()
                http.credentials = .header(type: "Bearer", credentials: .text("t"))
                _ = try await connections.client(http).collect(
                    get("http://Aladdin:open%20sesame@127.0.0.1:\(server.port)/x"), timeout: .seconds(5))
                let last = try #require(server.requests.last)
                #expect(last.headers["Authorization"] == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] && last.uri == "/x")
                #expect(last.header("Host") == "127.0.0.1:\(server.port)")
            }
        }
        try await withTemporaryFolder { folder in
            let path = folder.appendingPathComponent("a b.sock").path
            try await HTTPTestServer.with(unixSocket: path, { .init(body: "unix \($0.uri)") }) { _ in
                try await EndpointConnections.with { connections in
                    let answer = try await connections.client().collect(
                        get(EndpointClient.url(unixSocket: path, uri: "/metrics?a=b%20c")), timeout: .seconds(5))
                    #expect(answer.text == "unix /metrics?a=b%20c")
                }
            }
        }
    }
}
