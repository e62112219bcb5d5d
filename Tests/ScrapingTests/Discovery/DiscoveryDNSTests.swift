import Endpoints
import Logging
import NIOCore
import NIOPosix
import Telemetry
import TestSupport
import Testing

@testable import Scraping

/// A name server for one test, over UDP and TCP on one port. What it answers is a closure from name and type to
/// records.
private final class NameServer: Sendable {
    struct Answer: Sendable {
        var code: UInt8 = 0
        /// Type and data of each record, the owner a pointer to the question.
        var records: [Data] = []
        var isTruncated = false
        var silent = false
        /// Sent before the true answer.
        var forgeries: [[UInt8]] = []
    }

    struct Data: Sendable {
        var type: UInt16
        var bytes: [UInt8]
        init(_ type: UInt16, _ bytes: [UInt8]) {
            self.type = type
            self.bytes = bytes
        }
    }

    typealias Handler = @Sendable (_ name: String, _ type: UInt16, _ overTCP: Bool) -> Answer

    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    static func srv(_ port: Int, _ target: String) -> Data {
        Data(33, [0, 1, 0, 2, UInt8(port >> 8), UInt8(port & 255)] + name(target))
    }

    fileprivate static func reply(_ question: [UInt8], _ handler: Handler, overTCP: Bool) -> [[UInt8]] {
        guard let message = try? DNSMessage(reading: question) else { return [] }
        let answer = handler(message.questionName, message.questionType, overTCP)
        if answer.silent { return [] }
        var end = 12
        while question[end] != 0 { end += Int(question[end]) + 1 }
        let count = UInt8(answer.records.count)
        var out = [
            question[0], question[1], answer.isTruncated ? 0x83 : 0x81, 0x80 | answer.code, 0, 1, 0, count, 0, 0, 0, 0,
        ]
        out += question[12..<end + 5]
        for record in answer.records {
            let (type, count) = (record.type, record.bytes.count)
            out += [
                0xc0, 12, UInt8(type >> 8), UInt8(type & 255), 0, 1, 0, 0, 0, 60, UInt8(count >> 8), UInt8(count & 255),
            ]
            out += record.bytes
        }
        return answer.forgeries + [out]
    }

    static func with(_ handler: @escaping Handler, _ body: (ResolverConfiguration) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let udp = try await DatagramBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(UDPHandler(handler))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = udp.localAddress?.port ?? 0
        let tcp = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(TCPHandler(handler))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        var configuration = ResolverConfiguration()
        configuration.servers = [.init(host: "127.0.0.1", port: port)]
        configuration.timeout = .milliseconds(500)
        configuration.attempts = 1
        do { try await body(configuration) } catch { Issue.record(error) }
        try await udp.close()
        try await tcp.close()
    }
}

private final class UDPHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>
    private let handler: NameServer.Handler
    init(_ handler: @escaping NameServer.Handler) { self.handler = handler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let packet = unwrapInboundIn(data)
        for reply in NameServer.reply(Array(packet.data.readableBytesView), handler, overTCP: false) {
            context.writeAndFlush(
                wrapOutboundOut(.init(remoteAddress: packet.remoteAddress, data: ByteBuffer(bytes: reply))),
                promise: nil)
        }
    }
}

private final class TCPHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let handler: NameServer.Handler
    init(_ handler: @escaping NameServer.Handler) { self.handler = handler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let question = Array(unwrapInboundIn(data).readableBytesView.dropFirst(2))
        for reply in NameServer.reply(question, handler, overTCP: true) {
            let length = [UInt8(reply.count >> 8), UInt8(reply.count & 255)]
            // In two pieces, as networks do.
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: length + reply.prefix(7))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: Array(reply.dropFirst(7)))), promise: nil)
        }
    }
}

@Suite struct DiscoveryDNSTests {
    private func groups(
        _ names: [String], _ type: DNSMessage.RecordType, port: Int = 0, _ resolver: ResolverConfiguration
    ) async throws -> [TargetGroup] {
        var discovery = DNSDiscovery(names: names, type: type, port: port)
        discovery.resolver = { resolver }
        return try await discovery.targetGroups(
            DiscoveryContext(connections: EndpointConnections(), logger: Logger(label: "test")))
    }

    @Test func recordsOfEachTypeBecomeTargets() async throws {
        let log = Shared<[String]>([])
        try await NameServer.with({ name, type, overTCP in
            log.withLock { $0.append("\(name) \(type) \(overTCP ? "tcp" : "udp")") }
            switch (name, type) {
            case ("_web._tcp.example.com.", 33):
                return .init(records: [NameServer.srv(9100, "b.example.com"), NameServer.srv(80, "a.example.com")])
            case ("db.example.com.", 1):
                let alias = NameServer.Data(5, NameServer.name("alias.example.com"))
                return .init(records: [alias, .init(1, [10, 0, 0, 2]), .init(1, [10, 0, 0, 1])])
            case ("db.example.com.", 28):
                return .init(records: [.init(28, [0xfd] + [UInt8](repeating: 0, count: 14) + [5])])
            // The name within the record is a pointer to the question's.
            case ("example.com.", 15):
                return .init(records: [.init(15, [0, 10, 4] + Array("mail".utf8) + [0xc0, 12])])
            case ("example.com.", 2): return .init(records: [.init(2, NameServer.name("ns1.example.com"))])
            case ("big.example.com.", 1):
                let all = (0..<200).map { NameServer.Data(1, [10, 1, 0, UInt8($0)]) }
                return overTCP ? .init(records: all) : .init(records: Array(all.prefix(3)), isTruncated: true)
            case ("short.svc.local.", 1): return .init(records: [.init(1, [10, 9, 9, 9])])
            case ("empty.example.com.", 1): return .init()
            case ("forged.example.com.", 1):
                return .init(
                    records: [.init(1, [10, 0, 0, 7])],
                    forgeries: [[], [1, 2, 3], [UInt8](repeating: 0xff, count: 64)])
            case ("ill.example.com.", _): return .init(code: 2)
            case ("silent.example.com.", _): return .init(silent: true)
            default: return .init(code: 3)
            }
        }) { resolver in
            var resolver = resolver
            let srv = try await groups(["_web._tcp.example.com"], .srv, resolver)
            #expect(srv.map(\.targets) == [["a.example.com:80"], ["b.example.com:9100"]])
            #expect(
                srv[0].labels.dictionary == [
                    "__meta_dns_name": "_web._tcp.example.com", "__meta_dns_srv_record_target": "a.example.com.",
                    "__meta_dns_srv_record_port": "80",
                ])
            #expect(srv[0].source == "_web._tcp.example.com")
            let cases: [(name: String, type: DNSMessage.RecordType, targets: [String])] = [
                ("db.example.com", .a, ["10.0.0.1:9", "10.0.0.2:9"]),
                ("db.example.com", .aaaa, ["[fd00::5]:9"]),
                ("example.com", .mx, ["mail.example.com:9"]),
                ("example.com", .ns, ["ns1.example.com:9"]),
                ("empty.example.com", .a, []),
                ("unknown.example.com", .a, []),
                ("forged.example.com", .a, ["10.0.0.7:9"]),
            ]
            for (name, type, targets) in cases {
                let found = try await groups([name], type, port: 9, resolver)
                #expect(found.flatMap(\.targets) == targets, "\(name) \(type)")
                #expect(found.allSatisfy { $0.labels["__meta_dns_name"] == name })
            }
            #expect(
                try await groups(["example.com"], .mx, port: 9, resolver)[0].labels["__meta_dns_mx_record_target"]
                    == "mail.example.com.")
            #expect(
                try await groups(["example.com"], .ns, port: 9, resolver)[0].labels["__meta_dns_ns_record_target"]
                    == "ns1.example.com.")
            #expect(try await groups(["big.example.com"], .a, port: 9, resolver).count == 200)
            #expect(log.withLock { $0.contains("big.example.com. 1 tcp") })

            resolver.searchDomains = ["other.local", "svc.local"]
            log.withLock { $0 = [] }
            #expect(try await groups(["short"], .a, port: 9, resolver).flatMap(\.targets) == ["10.9.9.9:9"])
            #expect(log.withLock { $0 } == ["short.other.local. 1 udp", "short.svc.local. 1 udp"])
            resolver.searchDomains = []
            for (name, sentence) in [
                ("ill.example.com", "answered with code 2"), ("silent.example.com", "no answer from"),
            ] {
                do {
                    _ = try await groups([name], .a, port: 9, resolver)
                    Issue.record("\(name) was found")
                } catch {
                    #expect(
                        "\(error)".contains("could not resolve \"\(name)\"") && "\(error)".contains(sentence),
                        "\(error)")
                }
            }
            // The second server answers where the first does not.
            resolver.servers.insert(.init(host: "127.0.0.1", port: 1), at: 0)
            #expect(try await groups(["db.example.com"], .a, port: 9, resolver).count == 2)
        }
    }

    @Test func aNameThatFailsKeepsItsTargetsWhileOthersMove() async throws {
        let step = Shared(0)
        let failures = Shared<[String]>([])
        let seen = Shared<[[String]]>([])
        try await NameServer.with({ name, _, _ in
            let step = step.withLock { $0 }
            if name == "a.example." { return step == 0 ? .init(records: [.init(1, [10, 0, 0, 1])]) : .init(code: 2) }
            return .init(records: [.init(1, [10, 0, 1, UInt8(step)])])
        }) { resolver in
            var discovery = DNSDiscovery(names: ["a.example", "b.example"], type: .a, port: 9)
            discovery.resolver = { resolver }
            discovery.refreshInterval = 1_000
            let context = DiscoveryContext(connections: EndpointConnections(), logger: Logger(label: "test")) { error in
                failures.withLock { $0.append("\(error)") }
            }
            let running = discovery
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await running.run(context) { groups in
                        seen.withLock { $0.append(groups.flatMap(\.targets)) }
                        step.withLock { $0 += 1 }
                    }
                }
                let isDone = try await eventually { seen.withLock { $0.count } >= 2 }
                #expect(isDone)
                group.cancelAll()
            }
        }
        #expect(
            seen.withLock { Array($0.prefix(2)) } == [["10.0.0.1:9", "10.0.1.0:9"], ["10.0.0.1:9", "10.0.1.1:9"]])
        #expect(failures.withLock { $0.contains { $0.contains("a.example") } })
    }

    @Test func resolvConfIsReadAndNamesAreTriedInItsOrder() {
        let read = ResolverConfiguration(
            parsing: """
                # made by hand
                domain ignored.example
                nameserver 10.0.0.53 ; first
                nameserver fd00::53
                search a.example b.example.
                options ndots:2 timeout:3 attempts:1 rotate ndots:x
                nameserver
                """)
        #expect(read.servers.map(\.description) == ["10.0.0.53:53", "[fd00::53]:53"])
        #expect(read.searchDomains == ["a.example", "b.example."])
        #expect(read.dots == 2 && read.timeout == .seconds(3) && read.attempts == 1)
        #expect(read.candidates("x") == ["x.a.example.", "x.b.example.", "x."])
        #expect(read.candidates("x.y.z") == ["x.y.z.", "x.y.z.a.example.", "x.y.z.b.example."])
        #expect(read.candidates("x.") == ["x."])
        #expect(ResolverConfiguration(parsing: "").servers.map(\.host) == ["127.0.0.1"])
        #expect(ResolverConfiguration(parsing: "options ndots:99 timeout:-1").dots == 15)
        #expect((try? ResolverConfiguration.system(path: "/no/such/file")) == nil)
        for name in ["", "a..b", String(repeating: "a", count: 64), String(repeating: "abc.", count: 70)] {
            #expect((try? DNSMessage.question(name, .a, id: 1, allowsLongAnswer: true)) == nil, "\(name)")
        }
    }

    @Test func brokenMessagesAreErrorsAndNeverTraps() throws {
        let header: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        let question = NameServer.name("a.b") + [0, 1, 0, 1]
        let good = header + question + [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]
        #expect(try DNSMessage(reading: good).answers == [.address("1.2.3.4")])
        #expect(try DNSMessage(reading: good).questionName == "a.b.")
        let escaped = header + [4, UInt8(ascii: "a"), UInt8(ascii: "."), 7, 200, 0, 0, 1, 0, 1] + good.suffix(16)
        #expect(try DNSMessage(reading: escaped).questionName == "a\\.\\007\\200.")
        let broken: [(bytes: [UInt8], sentence: String)] = [
            (Array(good.prefix(20)), "ends too early"),
            (header + [0xc0, 12, 0, 1, 0, 1], "points forward"),
            (header + [0xc0, 40, 0, 1, 0, 1], "points forward"),
            (header + [0x80, 1, 0, 1, 0, 1], "unknown kind"),
            (header + question + [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 1], "ends too early"),
            (
                header + question + [0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 9, 0, 2, 0, 1, 0, 2, 0, 3, 0],
                "longer than it says"
            ),
            (header + [UInt8](repeating: 63, count: 64 * 6), "longer than 255"),
        ]
        for (bytes, sentence) in broken {
            #expect { try DNSMessage(reading: bytes) } throws: { "\($0)".contains(sentence) }
        }
        var random = SeededGenerator(seed: 20_261_121)
        var read = 0
        for round in 0..<20_000 {
            var bytes =
                round % 3 == 0
                ? (0..<Int.random(in: 0..<80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
                : good
            for _ in 0..<Int.random(in: 0..<4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if round % 5 == 0 { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))) }
            if (try? DNSMessage(reading: bytes)) != nil { read += 1 }
        }
        #expect(read > 1_000 && read < 20_000, "seed \(random.seed)")
    }
}
