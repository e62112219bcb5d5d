import Telemetry

/// Who may send, where the protocol's handshake is asked for.
package struct ForwardSecurity: Sendable {
    package var sharedKey: String
    /// Passwords by user; empty where the key alone is enough.
    package var users: [String: String]
    /// Our name, which must not be the sender's.
    package var hostname: String
    /// SHA-512; it lives above this room.
    package var digest: @Sendable ([UInt8]) -> [UInt8]

    package init(
        sharedKey: String, users: [String: String] = [:], hostname: String,
        digest: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) {
        self.sharedKey = sharedKey
        self.users = users
        self.hostname = hostname
        self.digest = digest
    }

    func hexadecimal(_ parts: [ArraySlice<UInt8>]) -> [UInt8] {
        var out: [UInt8] = []
        HexText.append(digest(parts.flatMap { Array($0) })[...], to: &out)
        return out
    }
}

/// One connection of the Forward protocol, without its socket: bytes go in, work comes out.
package struct ForwardSession: Sendable {
    package struct Delivery: Sendable {
        package var entries: LogEntries
        /// What the sender names the chunk by; it is how a repeated one is recognised.
        package var chunk: [UInt8]?
        package var tag: [UInt8] = []
        /// To be sent when the entries are durable; empty where the sender wants none.
        package var acknowledgement: [UInt8] = []
    }

    package enum Step: Sendable {
        case send([UInt8])
        case store(Delivery)
        /// Nothing more can be made of the connection.
        case close(String)
    }

    private enum State { case handshake, open, closed }

    private let limit: Int
    private let security: ForwardSecurity?
    private let nonce: [UInt8]
    private var state: State
    /// Why the connection is over, until that was said.
    private var closing: String?
    private var buffer: [UInt8] = []
    private var start = 0
    private var scanner: MessagePackScanner
    private var jsonScanner = JSONScanner()
    private var decoder: ForwardDecoder

    /// `messageLimit` holds for a message before and after it is decompressed. `nonce` is 16 random bytes.
    package init(
        now: Int64, security: ForwardSecurity? = nil, nonce: [UInt8] = [], limits: LogLimits = LogLimits(),
        messageLimit: Int = 64 << 20
    ) {
        limit = messageLimit
        self.security = security
        self.nonce = nonce
        state = security == nil ? .open : .handshake
        scanner = MessagePackScanner(limit: messageLimit)
        decoder = ForwardDecoder(now: now, limits: limits, inflateLimit: messageLimit)
    }

    /// What a server with a handshake says first.
    package var greeting: [UInt8] {
        guard let security else { return [] }
        var writer = MessagePackWriter()
        writer.array(2)
        writer.string("HELO")
        writer.map(3)
        writer.string("nonce")
        writer.binary(nonce[...])
        writer.string("auth")
        writer.binary(security.users.isEmpty ? [] : nonce.reversed()[...])
        writer.string("keepalive")
        writer.bool(true)
        return writer.bytes
    }

    /// Bytes that wait for the rest of their message.
    package var heldBytes: Int { buffer.count - start }

    package mutating func receive(_ bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    /// What is to be done next; nil where more bytes are needed.
    package mutating func next(now: Int64) -> Step? {
        while state != .closed {
            do throws(WireError) {
                guard start < buffer.count, let end = try messageEnd() else { return drained(now) }
                if state == .handshake { return try handshake(start..<end) }
                let first = buffer[start]
                if first == UInt8(ascii: "[") || first == UInt8(ascii: "{") {
                    let range = start..<end
                    start = end
                    do throws(WireError) { try decoder.add(json: buffer, range) } catch {
                        decoder.builder.reject(LogDefect(.malformed, error.description), bytes: range.count)
                    }
                    continue
                }
                if let step = try message(end, now) { return step }
            } catch {
                state = .closed
                closing = error.description
                decoder.builder.reject(LogDefect(.malformed, error.description), bytes: buffer.count - start)
                if let stored = drained(now) { return stored }
            }
        }
        defer { closing = nil }
        return closing.map { .close($0) }
    }

    /// The sender has closed its side.
    package mutating func finish(now: Int64) -> Delivery? {
        decoder.flushPartials()
        let entries = decoder.take(now: now)
        return entries.isEmpty ? nil : Delivery(entries: entries)
    }

    /// Entries without acknowledgement are stored together, as many as have arrived.
    private mutating func drained(_ now: Int64) -> Step? {
        compact()
        let entries = decoder.take(now: now)
        return entries.isEmpty ? nil : .store(Delivery(entries: entries))
    }

    private mutating func compact() {
        guard start == buffer.count || start > 1 << 20 else { return }
        scanner.didRemove(start)
        jsonScanner.didRemove(start)
        buffer.removeFirst(start)
        if buffer.isEmpty, buffer.capacity > 1 << 20 { buffer = [] }
        start = 0
    }

    private mutating func messageEnd() throws(WireError) -> Int? {
        // Between JSON messages there are line ends.
        while state == .open, start < buffer.count, buffer[start] == 0x0a || buffer[start] == 0x0d { start += 1 }
        guard start < buffer.count else { return nil }
        if state == .open, buffer[start] == UInt8(ascii: "[") || buffer[start] == UInt8(ascii: "{") {
            return try jsonScanner.scan(buffer, from: start, limit: limit)
        }
        if case .end(let end) = try scanner.scan(buffer, from: start) { return end }
        return nil
    }

    private mutating func message(_ end: Int, _ now: Int64) throws(WireError) -> Step? {
        let envelope: ForwardEnvelope
        do throws(WireError) { envelope = try ForwardEnvelope(buffer, start..<end) } catch {
            // The framing is whole: only this message is lost.
            decoder.builder.reject(LogDefect(.malformed, error.description), bytes: end - start)
            start = end
            return nil
        }
        guard let chunk = envelope.chunk else {
            decoder.add(buffer, envelope, end: end)
            start = end
            return decoder.builder.entries.batch.rowCount > 20_000 ? drained(now) : nil
        }
        // What came before it goes first: the order of a connection is kept.
        if !decoder.builder.entries.isEmpty {
            return drained(now)
        }
        decoder.add(buffer, envelope, end: end)
        var acknowledgement = MessagePackWriter()
        acknowledgement.map(1)
        acknowledgement.string("ack")
        let delivery = Delivery(
            entries: decoder.take(now: now), chunk: Array(buffer[chunk]), tag: Array(buffer[envelope.tag]),
            acknowledgement: acknowledgement.bytes + buffer[chunk])
        start = end
        compact()
        return .store(delivery)
    }

    // MARK: Handshake

    /// `["PING", host, salt, digest, user, password digest]`.
    private mutating func handshake(_ range: Range<Int>) throws(WireError) -> Step? {
        guard let security else { return nil }
        var reader = MessagePackReader(buffer, range)
        guard case .array(let count) = try reader.next(), count >= 6 else {
            throw reader.failure("a PING with six parts is expected: this server asks for a shared key")
        }
        var parts: [ArraySlice<UInt8>] = []
        for _ in 0..<6 {
            switch try reader.next() {
            case .string(let range), .binary(let range): parts.append(buffer[range])
            default: throw reader.failure("the parts of a PING are strings")
            }
        }
        guard parts[0].elementsEqual("PING".utf8) else { throw reader.failure("a PING is expected") }
        start = range.upperBound
        let reason = refusal(parts, security)
        let salt = parts[2]
        var writer = MessagePackWriter()
        writer.array(5)
        writer.string("PONG")
        writer.bool(reason == nil)
        writer.string(reason ?? "")
        writer.string(reason == nil ? security.hostname : "")
        writer.string(
            reason == nil
                ? security.hexadecimal([
                    salt, Array(security.hostname.utf8)[...], nonce[...], Array(security.sharedKey.utf8)[...],
                ])[...] : [])
        state = reason == nil ? .open : .closed
        return .send(writer.bytes)
    }

    private func refusal(_ parts: [ArraySlice<UInt8>], _ security: ForwardSecurity) -> String? {
        let expected = security.hexadecimal([parts[2], parts[1], nonce[...], Array(security.sharedKey.utf8)[...]])
        guard isSame(expected, parts[3]) else { return "shared_key mismatch" }
        guard !parts[1].elementsEqual(security.hostname.utf8) else { return "same hostname between input and output" }
        guard !security.users.isEmpty else { return nil }
        let salt = Array(nonce.reversed())[...]
        let password = security.users[String(decoding: parts[4], as: UTF8.self)]
        let wanted = security.hexadecimal([salt, parts[4], Array((password ?? "").utf8)[...]])
        return isSame(wanted, parts[5]) && password != nil ? nil : "username/password mismatch"
    }

    /// In a time that does not tell where they differ.
    private func isSame(_ a: [UInt8], _ b: ArraySlice<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for (x, y) in zip(a, b) { difference |= x ^ y }
        return difference == 0
    }

    /// Whether the connection is over for both sides.
    package var isClosed: Bool { state == .closed }
}

/// Finds where a JSON array or object ends in bytes that arrive piece by piece.
struct JSONScanner: Sendable {
    private var start = -1
    private var offset = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    mutating func scan(_ bytes: [UInt8], from: Int, limit: Int) throws(WireError) -> Int? {
        if start < 0 {
            start = from
            offset = from
        }
        while offset < bytes.count {
            let byte = bytes[offset]
            offset += 1
            if isEscaped {
                isEscaped = false
            } else if isInString {
                if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
            } else if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 {
                    start = -1
                    return offset
                }
            }
        }
        guard offset - start <= limit else { throw .request("a message of more than \(limit) bytes is not taken") }
        return nil
    }

    mutating func didRemove(_ count: Int) {
        guard start >= 0 else { return }
        start -= count
        offset -= count
    }
}
