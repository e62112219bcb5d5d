import Codecs
import Telemetry

/// Messages of the Forward protocol to rows, each entry by itself: one that cannot be kept costs the others nothing.
struct ForwardDecoder {
    private static let mostOrigins = 10_000

    var builder: LogBatchBuilder
    /// Bytes that a compressed message may expand to.
    private let inflateLimit: Int
    private var record = FlatRecord()
    private var origins: [String: LogBatchBuilder.Origin] = [:]
    private var partials = PartialLines()
    private var line: [UInt8] = []

    init(now: Int64, limits: LogLimits, inflateLimit: Int) {
        builder = LogBatchBuilder(now: now, mapping: .shippers, limits: limits)
        self.inflateLimit = inflateLimit
    }

    mutating func add(_ bytes: [UInt8], _ envelope: ForwardEnvelope, end: Int) {
        let size = end - envelope.bodyStart
        guard envelope.signal == 0 else {
            return builder.reject(
                LogDefect(.unsupported, "metrics and traces over Forward are not taken; send them by OTLP"), bytes: size
            )
        }
        let origin = origin(UTF8Text.string(bytes, envelope.tag))
        switch envelope.body {
        case .heartbeat: break
        case .message:
            var reader = MessagePackReader(bytes, envelope.bodyStart..<end)
            attempt(size) { (decoder) throws(WireError) in try decoder.timed(&reader, origin, envelope) }
        case .forward(let count):
            var reader = MessagePackReader(bytes, envelope.bodyStart..<end)
            attempt(size) { (decoder) throws(WireError) in
                _ = try reader.next()
                for _ in 0..<count { try decoder.entry(&reader, origin, envelope) }
            }
        case .packed(let range):
            switch unpacked(bytes, range, envelope.compression) {
            case .failure(let defect): builder.reject(defect, bytes: range.count)
            case .success(let (source, inner)):
                var reader = MessagePackReader(source, inner)
                attempt(size) { (decoder) throws(WireError) in
                    while !reader.isAtEnd { try decoder.entry(&reader, origin, envelope) }
                }
            }
        }
    }

    /// The connection ends: pieces of lines that have no end yet are all there will be of them.
    mutating func flushPartials() {
        for piece in partials.takeAll() { add(piece) }
    }

    mutating func take(now: Int64) -> LogEntries {
        guard origins.count >= ForwardDecoder.mostOrigins else { return builder.take(now: now) }
        // Tags without end must not stay in memory; nothing may refer to them then.
        flushPartials()
        defer {
            builder.forgetOrigins()
            origins = [:]
        }
        return builder.take(now: now)
    }

    private mutating func attempt(_ size: Int, _ body: (inout ForwardDecoder) throws(WireError) -> Void) {
        do throws(WireError) { try body(&self) } catch {
            builder.reject(LogDefect(.malformed, error.description), bytes: size)
        }
    }

    private func unpacked(
        _ bytes: [UInt8], _ range: Range<Int>, _ compression: ForwardEnvelope.Compression
    ) -> Result<([UInt8], Range<Int>), LogDefect> {
        do throws(CodecError) {
            let plain: [UInt8]
            switch compression {
            case .none: return .success((bytes, range))
            case .gzip: plain = try Inflate.gunzip(bytes[range], limit: inflateLimit)
            case .zstd: plain = try Zstd.decompress(bytes[range], limit: inflateLimit)
            case .unknown:
                return .failure(LogDefect(.unsupported, "this compression is not known here; send gzip or zstd"))
            }
            return .success((plain, 0..<plain.count))
        } catch {
            return .failure(LogDefect(.malformed, "the entries cannot be decompressed: \(error)"))
        }
    }

    private mutating func origin(_ tag: String) -> LogBatchBuilder.Origin {
        if let known = origins[tag] { return known }
        let fresh = builder.origin([Label("tag", tag)])
        origins[tag] = fresh
        return fresh
    }

    // MARK: Entries

    /// `[time, record]` or `[[time, metadata], record]`.
    private mutating func entry(
        _ reader: inout MessagePackReader, _ origin: LogBatchBuilder.Origin, _ envelope: ForwardEnvelope
    ) throws(WireError) {
        let start = reader
        try reader.skip()
        var inner = MessagePackReader(reader.bytes, start.offset..<reader.offset)
        do throws(WireError) {
            guard case .array(let count) = try inner.next(), count >= 2 else {
                throw inner.failure("an entry must be an array of time and record")
            }
            try timed(&inner, origin, envelope)
        } catch {
            builder.reject(LogDefect(.malformed, error.description), bytes: reader.offset - start.offset)
        }
    }

    private mutating func timed(
        _ reader: inout MessagePackReader, _ origin: LogBatchBuilder.Origin, _ envelope: ForwardEnvelope
    ) throws(WireError) {
        record.removeAll()
        var token = try reader.next()
        var metadata: MessagePackReader?
        if case .array(let count) = token {
            guard count >= 1 else { throw reader.failure("the head of an entry needs a time") }
            token = try reader.next()
            if count > 1 {
                metadata = reader
                for _ in 1..<count { try reader.skip() }
            }
        }
        guard let time = ForwardTime.time(token, reader.bytes) else {
            throw reader.failure("a time must be seconds or an EventTime")
        }
        let start = reader.offset
        try RecordMessagePack.read(&reader, into: &record)
        if var metadata { try RecordMessagePack.read(&metadata, into: &record) }
        // What wants an acknowledgement is stored as it comes: it must not be acknowledged while it waits for its end.
        if envelope.chunk == nil {
            switch partials.take(record, origin, time) {
            case .whole: break
            case .waits(let overflow):
                for piece in overflow { add(piece) }
                return
            case .complete(let piece): return add(piece)
            }
        }
        try commit(origin, time, MessagePackReader(reader.bytes, start..<reader.offset))
    }

    private mutating func commit(
        _ origin: LogBatchBuilder.Origin, _ time: Int64, _ source: MessagePackReader
    ) throws(WireError) {
        if builder.prepare(record) {
            _ = builder.add(record, from: origin, time: time)
        } else {
            var json = JSONWriter()
            var reader = source
            try MessagePackJSON.append(&reader, to: &json)
            _ = builder.add(record, from: origin, time: time, line: json.bytes[...])
        }
    }

    private mutating func add(_ piece: PartialLines.Piece) {
        // The fields of the first piece, with the line of all of them.
        _ = builder.prepare(piece.record)
        _ = builder.add(piece.record, from: piece.origin, time: piece.time)
    }
}

extension ForwardDecoder {
    /// The JSON form of a message, which scripts send: `["tag", time, {…}]` or `["tag", [[time, {…}], …]]`.
    mutating func add(json bytes: [UInt8], _ range: Range<Int>) throws(WireError) {
        var reader = JSONReader(bytes, range)
        try reader.beginArray()
        guard try reader.nextElement() else { throw reader.failure("a message needs a tag") }
        let origin = origin(try reader.readString())
        guard try reader.nextElement() else { throw reader.failure("a message needs entries") }
        if try reader.peek() == .array {
            try reader.beginArray()
            while try reader.nextElement() {
                try reader.beginArray()
                guard try reader.nextElement() else { throw reader.failure("an entry needs a time") }
                try timed(json: &reader, origin)
                while try reader.nextElement() { try reader.skipValue() }
            }
        } else {
            try timed(json: &reader, origin)
        }
        while try reader.nextElement() { try reader.skipValue() }
        try reader.finish()
    }

    private mutating func timed(json reader: inout JSONReader, _ origin: LogBatchBuilder.Origin) throws(WireError) {
        var time: Int64 = 0
        if try reader.peek() == .null {
            try reader.readNull()
        } else {
            let range = try reader.readNumber()
            guard let found = TimestampText.parse(reader.bytes, range) else {
                throw reader.failure("a time must be seconds since 1970")
            }
            time = found
        }
        guard try reader.nextElement() else { throw reader.failure("an entry needs a record") }
        record.removeAll()
        _ = try reader.peek()
        let start = reader.offset
        try RecordJSON.read(&reader, into: &record)
        if builder.prepare(record) {
            _ = builder.add(record, from: origin, time: time)
        } else {
            _ = builder.add(record, from: origin, time: time, line: reader.bytes[start..<reader.offset])
        }
    }
}
