import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Server

/// Shippers' protocols over real sockets.
@Suite struct LogIntakeTests {
    private struct Ports: Sendable {
        var elasticsearch: ListenAddress
        var forward: ListenAddress
        var tcp: ListenAddress
        var udp: ListenAddress
        var socket: String
    }

    private func with(
        _ body: @Sendable @escaping (_ base: String, _ ports: Ports) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            func free() throws -> ListenAddress { try #require(ListenAddress.free(host: "127.0.0.1")) }
            let key = folder.path + "/key"
            try "firehose-key\n".write(toFile: key, atomically: true, encoding: .utf8)
            let ports = Ports(
                elasticsearch: try free(), forward: try free(), tcp: try free(), udp: try free(),
                socket: folder.path + "/log")
            try await LiveServer.run(
                in: folder.path,
                { options in
                    options.logs.elasticsearch = ports.elasticsearch
                    options.logs.forward = ports.forward
                    options.logs.syslogTCP = ports.tcp
                    options.logs.syslogUDP = ports.udp
                    options.logs.syslogSocket = ports.socket
                    options.logs.firehoseAccessKeyFile = key
                }
            ) { base, _ in try await body(base, ports) }
        }
    }

    private static func lines(_ base: String, _ selector: String) async throws -> String {
        try await LiveServer.send("GET", base + LiveServer.query("/loki/api/v1/query_range", [("query", selector)]))
            .text
    }

    /// Listeners store what they read; nothing says when.
    private static func eventually(_ base: String, _ selector: String, _ wanted: String) async throws -> Bool {
        for _ in 0..<100 {
            if try await lines(base, selector).contains(wanted) { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// Sends bytes on a connection and answers what comes back, as many bytes as wanted.
    private static func talk(_ address: ListenAddress, _ bytes: [UInt8], wanting count: Int) async throws -> [UInt8] {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: bytes))
            var found: [UInt8] = []
            guard count > 0 else { return found }
            for try await buffer in inbound {
                found += Array(buffer.readableBytesView)
                if found.count >= count { break }
            }
            return found
        }
    }

    @Test func `every way in over HTTP stores what is good and says what is not`() async throws {
        try await with { base, ports in
            let es = "http://\(ports.elasticsearch)"
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            let root = try await LiveServer.send(
                "GET", es + "/", headers: [("User-Agent", "Elastic-filebeat/8.9.1 (linux)")])
            #expect(
                root.status == 200 && root.headers["x-elastic-product"] == "Elasticsearch"
                    && root.text.contains(#""number":"8.9.1""#))
            let bulk = """
                {"create":{"_index":"web","_id":"1"}}
                {"message":"by bulk","@timestamp":\(now / 1_000_000)}
                {"create":{"_index":"web"}}
                {"message":

                """
            let type = "application/vnd.elasticsearch+x-ndjson;compatible-with=8"
            let first = try await LiveServer.send("POST", es + "/_bulk", bulk, type: type)
            #expect(
                first.status == 200
                    && first.text.contains(#""errors":true,"items":[{"create":{"_index":"web","_id":"1""#))
            #expect(first.headers["content-type"] == "application/vnd.elasticsearch+json;compatible-with=8")
            let again = try await LiveServer.send("POST", base + "/elasticsearch/_bulk", bulk, type: type)
            #expect(again.text.contains(#""status":409"#), "\(again)")
            #expect(try await LiveServer.send("GET", es + "/web/_count").text.hasPrefix(#"{"count":1,"#))
            let checks: [(method: String, path: String, status: UInt)] = [
                ("HEAD", "/", 200), ("GET", "/_license", 200), ("GET", "/_cluster/health", 200),
                ("GET", "/_nodes/http", 200),
                ("GET", "/_ilm/policy/x", 404), ("PUT", "/_ilm/policy/x", 200), ("GET", "/_ilm/policy/x", 200),
                ("HEAD", "/_index_template/t", 404), ("PUT", "/_index_template/t", 200),
                ("HEAD", "/_index_template/t", 200),
                ("HEAD", "/web", 200), ("HEAD", "/none", 404), ("POST", "/web/_search", 400), ("DELETE", "/web", 405),
                ("PUT", "/web/_create/9", 201), ("PUT", "/web/_create/9", 409), ("POST", "/_bulk", 400),
            ]
            for (method, path, status) in checks {
                let body =
                    path == "/_bulk" ? "" : method == "PUT" ? #"{"message":"one"}"# : method == "POST" ? "{}" : ""
                let answer = try await LiveServer.send(method, es + path, body, type: "application/json")
                #expect(
                    answer.status == status && answer.headers["x-elastic-product"] == "Elasticsearch",
                    "\(method) \(path) \(answer)")
            }
            let jsonLines = try await LiveServer.send(
                "POST", base + "/insert/jsonline?_stream_fields=host", "{\"_msg\":\"by lines\",\"host\":\"h\"}\nx\n")
            #expect(
                jsonLines.status == 200
                    && jsonLines.text.contains(#""accepted":1,"rejected":1,"first_error":{"line":2"#))
            let delivery =
                #"{"requestId":"r1","timestamp":1,"records":[{"data":"\#(Data("by firehose".utf8).base64EncodedString())"#
                + #""}]}"#
            let refused = try await LiveServer.send("POST", base + "/firehose", delivery, type: "application/json")
            #expect(refused.status == 401 && refused.text.contains(#""requestId":"r1""#))
            for _ in 0..<2 {
                let taken = try await LiveServer.send(
                    "POST", base + "/firehose", delivery, type: "application/json",
                    headers: [
                        ("X-Amz-Firehose-Access-Key", "firehose-key"),
                        ("X-Amz-Firehose-Common-Attributes", #"{"commonAttributes":{"via":"fh"}}"#),
                    ])
                #expect(taken.status == 200 && taken.text.hasPrefix(#"{"requestId":"r1","timestamp":"#), "\(taken)")
            }
            let journal = "__REALTIME_TIMESTAMP=\(now / 1000)\n_HOSTNAME=jh\nMESSAGE=by journal\n\n"
            let uploaded = try await LiveServer.send(
                "POST", base + "/upload", journal, type: "application/vnd.fdo.journal")
            #expect(uploaded.status == 202 && uploaded.text.contains("1 entries stored"), "\(uploaded)")
            #expect(try await LiveServer.send("POST", base + "/upload", "nothing of it\n").status == 400)
            // The same push twice is one.
            let push = #"{"streams":[{"stream":{"app":"twice"},"values":[["\#(now)","a"],["\#(now + 1)","b"]]}]}"#
            for _ in 0..<2 {
                #expect(
                    try await LiveServer.send("POST", base + "/loki/api/v1/push", push, type: "application/json").status
                        == 204)
            }
            let counts: [(String, String)] = [
                (#"{app="twice"}"#, "2"), (#"{index="web"}"#, "2"), (#"{host="h"}"#, "1"), (#"{_HOSTNAME="jh"}"#, "1"),
            ]
            for (selector, count) in counts {
                let answer = try await LiveServer.send(
                    "GET",
                    base + LiveServer.query("/loki/api/v1/query", [("query", "sum(count_over_time(\(selector)[5m]))")]))
                #expect(answer.text.contains("\"\(count)\"]"), "\(selector): \(answer)")
            }
        }
    }

    @Test func `connections and datagrams are stored, acknowledged and kept apart`() async throws {
        try await with { base, ports in
            func text(_ text: String) -> [UInt8] { [0xd9, UInt8(text.utf8.count)] + Array(text.utf8) }
            let parts: [[UInt8]] = [
                [0x94], text("app"), [0xce, 0, 0, 0, 0, 0x81], text("log"), text("by forward"), [0x81], text("chunk"),
                text("c1"),
            ]
            let message = Array(parts.joined())
            let wanted: [UInt8] = [0x81, 0xa3] + Array("ack".utf8) + text("c1")
            // Twice the same chunk, as after a lost acknowledgement.
            for _ in 0..<2 {
                #expect(try await LogIntakeTests.talk(ports.forward, message, wanting: wanted.count) == wanted)
            }
            let stored = try await LogIntakeTests.lines(base, #"{tag="app"}"#)
            #expect(stored.components(separatedBy: "by forward").count == 2, "\(stored)")
            _ = try await LogIntakeTests.talk(ports.forward, [0xc1, 0xc1], wanting: 1)
            let syslog = "<13>1 - sh app 1 - - by tcp\n28 <13>1 - sh app - - - counted\n<13>1 - sh app - - - unfinished"
            _ = try await LogIntakeTests.talk(ports.tcp, Array(syslog.utf8), wanting: 0)
            for line in ["by tcp", "counted", "unfinished"] {
                #expect(try await LogIntakeTests.eventually(base, #"{hostname="sh"}"#, line), "\(line)")
            }
            let udp = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(
                host: "127.0.0.1", port: 0
            ).get()
            for number in 0..<20 {
                let to = try SocketAddress(ipAddress: "127.0.0.1", port: ports.udp.port)
                try await udp.writeAndFlush(
                    AddressedEnvelope(
                        remoteAddress: to, data: ByteBuffer(string: "<13>1 - uh app - - - datagram \(number)\n")))
            }
            try await udp.close()
            #expect(try await LogIntakeTests.eventually(base, #"{hostname="uh"}"#, "datagram 19"))
            let unix = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(unixDomainSocketPath: ports.socket + ".client").get()
            let to = try SocketAddress(unixDomainSocketPath: ports.socket)
            try await unix.writeAndFlush(
                AddressedEnvelope(remoteAddress: to, data: ByteBuffer(string: "<13>1 - xh app - - - by path")))
            try await unix.close()
            #expect(try await LogIntakeTests.eventually(base, #"{hostname="xh"}"#, "by path"))
        }
    }

    @Test func `options that cannot work are refused with the flag's name`() throws {
        var options = LogListenOptions()
        options.syslogTLS = ListenAddress(host: "127.0.0.1", port: 0)
        #expect(throws: ServerError.self) { try options.check() }
        options = LogListenOptions()
        options.forwardUsersFile = "/nowhere"
        do {
            try options.check()
            Issue.record("accepted")
        } catch { #expect("\(error)".contains("--forward-shared-key-file")) }
        #expect(ElasticsearchIdentity.mirrored("Elastic-filebeat/8.11.3 (linux; amd64)") == "8.11.3")
        #expect(ElasticsearchIdentity.mirrored("elasticsearch-py/8.15.1 (Python/3.11)") == "8.15.1")
        #expect(ElasticsearchIdentity.mirrored("curl/8.1.0") == nil)
        #expect(ElasticsearchIdentity.mirrored("logstash/8.x") == nil)
    }
}
