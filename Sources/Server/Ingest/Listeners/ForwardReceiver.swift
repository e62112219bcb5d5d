import Crypto
import Logging
import NIOCore
import Storage
import Wire

/// Connections of Fluent Bit, Fluentd and Docker's fluentd driver.
struct ForwardReceiver: Sendable {
    let gateway: IngestGateway
    let budget: MemoryBudget
    let security: ForwardSecurity?
    let messageLimit: Int
    let logger: Logger

    static func digest(_ bytes: [UInt8]) -> [UInt8] { Array(SHA512.hash(data: bytes)) }

    func serve(_ inbound: StreamListener.Inbound, _ outbound: StreamListener.Outbound) async throws {
        var random = SystemRandomNumberGenerator()
        let nonce = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        var session = ForwardSession(
            now: TimeParameters.nowNanoseconds, security: security, nonce: nonce, messageLimit: messageLimit)
        let memory = BodyMemory(budget: budget)
        if !session.greeting.isEmpty { try await outbound.write(ByteBuffer(bytes: session.greeting)) }
        do {
            for try await buffer in inbound {
                session.receive(buffer.readableBytesView)
                try memory.hold(session.heldBytes)
                while let step = session.next(now: TimeParameters.nowNanoseconds) {
                    switch step {
                    case .send(let bytes): try await outbound.write(ByteBuffer(bytes: bytes))
                    case .store(let delivery): try await store(delivery, outbound)
                    case .close(let reason):
                        logger.warning(
                            "a connection of the Forward protocol is closed", metadata: ["reason": "\(reason)"])
                        return
                    }
                }
                if session.isClosed { return }
                if session.heldBytes == 0 { memory.release() }
            }
        } catch let error where error is IOError || error is ChannelError {
            // Reset by the sender: pieces of lines that wait for their end are all there will be of them.
        }
        if let last = session.finish(now: TimeParameters.nowNanoseconds) { try await store(last, outbound) }
    }

    /// The acknowledgement goes out when the entries are durable. Where they cannot be stored at all, the connection
    /// ends without one and the sender sends the chunk again.
    private func store(_ delivery: ForwardSession.Delivery, _ outbound: StreamListener.Outbound) async throws {
        try await gateway.ingestPatiently(
            delivery.entries, "forward", id: delivery.chunk.map { BatchIdentity.of("forward", delivery.tag, $0) })
        guard !delivery.acknowledgement.isEmpty else { return }
        // A sender that is gone hears nothing, and what it has sent after this is stored all the same.
        try? await outbound.write(ByteBuffer(bytes: delivery.acknowledgement))
    }
}
