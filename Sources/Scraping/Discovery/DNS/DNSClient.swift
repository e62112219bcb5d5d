import NIOCore
import NIOPosix

/// Asks name servers over UDP, and over TCP where an answer does not fit.
struct DNSClient: Sendable {
    private let configuration: ResolverConfiguration

    init(_ configuration: ResolverConfiguration) { self.configuration = configuration }

    /// The records of a name, tried along the search domains. The first name that exists wins, even with no such
    /// records; when all are known not to exist, there are none. Anything else is an error: nothing is known then.
    func lookUp(_ name: String, _ type: DNSMessage.RecordType) async throws -> [DNSMessage.Record] {
        var firstFailure: (any Error)?
        for candidate in configuration.candidates(name) {
            do {
                let answer = try await ask(candidate, type)
                if answer.code == DNSMessage.ResponseCode.success { return answer.answers }
            } catch {
                try Task.checkCancellation()
                if firstFailure == nil { firstFailure = error }
            }
        }
        guard let firstFailure else { return [] }
        throw DiscoveryFailure(
            "could not resolve \"\(name)\": all servers responded with errors to at least one search domain (\(firstFailure))"
        )
    }

    /// The first server's answer that the name exists, or that it does not.
    private func ask(_ name: String, _ type: DNSMessage.RecordType) async throws -> DNSMessage {
        var last: (any Error)?
        for _ in 0..<configuration.attempts {
            for server in configuration.servers {
                do {
                    let answer = try await exchange(name, type, server)
                    switch answer.code {
                    case DNSMessage.ResponseCode.success, DNSMessage.ResponseCode.nameError: return answer
                    case let code: last = DiscoveryFailure("\(server) answered with code \(code)")
                    }
                } catch {
                    try Task.checkCancellation()
                    last = error
                }
            }
        }
        throw last ?? DiscoveryFailure("no servers")
    }

    private func exchange(_ name: String, _ type: DNSMessage.RecordType, _ server: ResolverConfiguration.Server)
        async throws -> DNSMessage
    {
        let id = UInt16.random(in: .min ... .max)
        let address: SocketAddress
        do {
            address = try SocketAddress(ipAddress: server.host, port: server.port)
        } catch {
            throw DiscoveryFailure("the name server \"\(server.host)\" is not an IP address")
        }
        let question = try DNSMessage.question(name, type, id: id, allowsLongAnswer: true)
        let answer = try await within(configuration.timeout, server) {
            try await Self.overUDP(question, address) { Self.isAnswer($0, id, name, type) }
        }
        guard answer.isTruncated else { return answer }
        let again = try DNSMessage.question(name, type, id: id, allowsLongAnswer: false)
        return try await within(configuration.timeout, server) {
            let answer = try await Self.overTCP(again, address)
            guard Self.isAnswer(answer, id, name, type) else {
                throw DiscoveryFailure("\(server) answered another question")
            }
            guard !answer.isTruncated else { throw DiscoveryFailure("got truncated message on TCP") }
            return answer
        }
    }

    /// Only an answer to our question counts: anybody can send packets to a port.
    private static func isAnswer(_ message: DNSMessage, _ id: UInt16, _ name: String, _ type: DNSMessage.RecordType)
        -> Bool
    {
        guard message.isResponse, message.id == id else { return false }
        // Servers that refuse may leave the question out.
        if message.questionType == 0 { return message.code != DNSMessage.ResponseCode.success }
        return message.questionType == type.rawValue && message.questionName.lowercased() == name.lowercased()
    }

    private func within<T: Sendable>(
        _ timeout: Duration, _ server: ResolverConfiguration.Server, _ body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else {
                throw DiscoveryFailure("no answer from \(server) within \(timeout)")
            }
            return value
        }
    }

    private typealias Datagram = AddressedEnvelope<ByteBuffer>

    private static func overUDP(
        _ question: [UInt8], _ address: SocketAddress, _ isAnswer: @escaping @Sendable (DNSMessage) -> Bool
    ) async throws -> DNSMessage {
        let channel = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup).connect(to: address) {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<Datagram, Datagram>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(Datagram(remoteAddress: address, data: ByteBuffer(bytes: question)))
            for try await datagram in inbound {
                // A broken packet may be somebody else's: keep waiting for the true one.
                if let message = try? DNSMessage(reading: Array(datagram.data.readableBytesView)), isAnswer(message) {
                    return message
                }
            }
            throw DiscoveryFailure("the connection to the name server ended")
        }
    }

    private static func overTCP(_ question: [UInt8], _ address: SocketAddress) async throws -> DNSMessage {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup).connect(to: address) {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            // Over TCP a message follows its length.
            let length = [UInt8(question.count >> 8), UInt8(question.count & 255)]
            try await outbound.write(ByteBuffer(bytes: length + question))
            var received: [UInt8] = []
            for try await chunk in inbound {
                received += chunk.readableBytesView
                guard received.count >= 2 else { continue }
                let count = Int(received[0]) << 8 | Int(received[1])
                if received.count >= count + 2 { return try DNSMessage(reading: Array(received[2..<count + 2])) }
            }
            throw DiscoveryFailure("the name server closed the connection before its answer ended")
        }
    }
}
