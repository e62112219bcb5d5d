import Glibc
import NIOCore
import Storage
import Wire

/// Syslog by stream and by datagram. Nothing acknowledges: what is read is stored before more is read.
struct SyslogReceiver: Sendable {
    let gateway: IngestGateway
    let budget: MemoryBudget
    private let limits = LogLimits()

    init(gateway: IngestGateway, budget: MemoryBudget) {
        self.gateway = gateway
        self.budget = budget
    }

    func serve(_ inbound: StreamListener.Inbound, transport: String) async throws {
        let now = TimeParameters.nowNanoseconds
        var framing = SyslogFraming(limit: limits.lineBytes + 64 << 10)
        var decoder = SyslogDecoder(now: now, zone: SyslogReceiver.zone(at: now), limits: limits)
        let memory = BodyMemory(budget: budget)
        do {
            for try await buffer in inbound {
                let now = TimeParameters.nowNanoseconds
                decoder.set(now: now, zone: SyslogReceiver.zone(at: now))
                framing.receive(buffer.readableBytesView)
                try memory.hold(framing.heldBytes)
                while let frame = framing.next() { add(frame, framing, &decoder) }
                framing.compact()
                try await store(&decoder, transport)
                if framing.heldBytes == 0 { memory.release() }
            }
        } catch let error where error is IOError || error is ChannelError {
            // Reset by the sender: what came whole is stored, the rest is handled as at an orderly end.
        }
        while let frame = framing.finish() { add(frame, framing, &decoder) }
        try await store(&decoder, transport)
    }

    func serve(_ inbound: NIOAsyncChannelInboundStream<DatagramListener.Group>, transport: String) async throws {
        let now = TimeParameters.nowNanoseconds
        var decoder = SyslogDecoder(now: now, zone: SyslogReceiver.zone(at: now), limits: limits)
        for try await group in inbound {
            let now = TimeParameters.nowNanoseconds
            decoder.set(now: now, zone: SyslogReceiver.zone(at: now))
            for datagram in group {
                let bytes = Array(datagram.readableBytesView)
                var end = bytes.count
                // Some end a datagram as they would a line.
                while end > 0, bytes[end - 1] == 0x0a || bytes[end - 1] == 0x0d || bytes[end - 1] == 0 { end -= 1 }
                decoder.add(bytes, 0..<end)
            }
            try await store(&decoder, transport)
        }
    }

    private func add(_ frame: SyslogFraming.Frame, _ framing: SyslogFraming, _ decoder: inout SyslogDecoder) {
        switch frame {
        case .message(let range): decoder.add(framing.buffer, range)
        case .tooLong(let size): decoder.rejectTooLong(size)
        }
    }

    private func store(_ decoder: inout SyslogDecoder, _ transport: String) async throws {
        let entries = decoder.take(now: TimeParameters.nowNanoseconds)
        guard !entries.isEmpty else { return }
        try await gateway.ingestPatiently(entries, "syslog_" + transport)
    }

    /// Seconds east of UTC of this machine's zone.
    static func zone(at nanoseconds: Int64) -> Int64 {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return Int64(parts.tm_gmtoff)
    }
}
