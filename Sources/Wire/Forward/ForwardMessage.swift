import Codecs
import Telemetry

/// What stands around the entries of a message of the Forward protocol.
struct ForwardEnvelope {
    enum Body {
        case heartbeat
        /// Time and record: the two values from here.
        case message
        case forward(count: Int)
        case packed(Range<Int>)
    }

    var tag = 0..<0
    var body = Body.heartbeat
    /// Where the body begins.
    var bodyStart = 0
    /// The value of the option `chunk`, by which the sender wants an acknowledgement.
    var chunk: Range<Int>?
    var compression = Compression.none
    /// Fluent Bit's: 0 logs, 1 metrics, 2 traces.
    var signal: Int64 = 0

    enum Compression { case none, gzip, zstd, unknown }

    init(_ bytes: [UInt8], _ range: Range<Int>) throws(WireError) {
        var reader = MessagePackReader(bytes, range)
        guard case .array(let count) = try reader.next() else {
            if try MessagePackReader(bytes, range).peek() == .null { return }
            throw reader.failure("a message must be an array")
        }
        guard count >= 2 else { throw reader.failure("a message needs a tag and entries") }
        switch try reader.next() {
        case .string(let text), .binary(let text): tag = text
        default: throw reader.failure("a message must begin with its tag")
        }
        bodyStart = reader.offset
        var optionAt = 2
        switch try reader.peek() {
        case .array(let entries):
            if try isEventHeader(reader) {
                // A single entry with metadata: [tag, [time, metadata], record].
                body = .message
                try reader.skip()
                guard count >= 3 else { throw reader.failure("a message needs a record") }
                try reader.skip()
                optionAt = 3
            } else {
                body = .forward(count: entries)
                try reader.skip()
            }
        case .string(let packed), .binary(let packed):
            body = .packed(packed)
            try reader.skip()
        default:
            body = .message
            guard count >= 3 else { throw reader.failure("a message needs a time and a record") }
            try reader.skip()
            try reader.skip()
            optionAt = 3
        }
        if count > optionAt { try options(&reader) }
    }

    /// Entries are arrays; the head of one entry begins with its time.
    private func isEventHeader(_ reader: MessagePackReader) throws(WireError) -> Bool {
        var ahead = reader
        guard case .array(let count) = try ahead.next(), count == 2 else { return false }
        switch try ahead.next() {
        case .int, .double, .extended: return true
        default: return false
        }
    }

    private mutating func options(_ reader: inout MessagePackReader) throws(WireError) {
        guard case .map(let count) = try reader.peek() else { return try reader.skip() }
        _ = try reader.next()
        for _ in 0..<count {
            guard case .string(let key) = try reader.next() else {
                try reader.skip()
                continue
            }
            let before = reader.offset
            let value = try reader.peek()
            try reader.skip()
            if UTF8Text.equals(reader.bytes, key, "chunk") {
                switch value {
                case .string, .binary: chunk = before..<reader.offset
                default: break
                }
            } else if UTF8Text.equals(reader.bytes, key, "compressed") {
                guard case .string(let name) = value else { continue }
                compression =
                    UTF8Text.equals(reader.bytes, name, "gzip")
                    ? .gzip
                    : UTF8Text.equals(reader.bytes, name, "zstd")
                        ? .zstd : UTF8Text.equals(reader.bytes, name, "text") ? .none : .unknown
            } else if UTF8Text.equals(reader.bytes, key, "fluent_signal") {
                if case .int(let number) = value { signal = number }
            }
        }
    }
}
