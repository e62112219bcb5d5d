import Codecs
import Telemetry

package struct FirehoseResult: Sendable {
    /// Stable over retries.
    package var requestID: String
    package var entries: LogEntries
}

/// A delivery of Amazon Data Firehose: records of CloudWatch Logs subscriptions, or plain lines.
package enum FirehoseRequest {
    /// `attributes` are those of the delivery stream; they become labels. Bad records cost the others nothing.
    package static func decode(
        _ body: [UInt8], attributes: [Label], now: Int64, inflateLimit: Int, limits: LogLimits = LogLimits()
    ) throws(WireError) -> FirehoseResult {
        var decoder = FirehoseDecoder(attributes, now, inflateLimit, limits)
        try decoder.request(body)
        guard let id = decoder.requestID, !id.isEmpty else { throw .request("requestId is missing") }
        return FirehoseResult(requestID: id, entries: decoder.builder.take(now: now))
    }

    /// The header X-Amz-Firehose-Common-Attributes: `{"commonAttributes":{"name":"value"}}`.
    package static func commonAttributes(_ text: String) throws(WireError) -> [Label] {
        var labels: [Label] = []
        var reader = JSONReader(Array(text.utf8))
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            guard key.elementsEqual("commonAttributes".utf8) else {
                try reader.skipValue()
                continue
            }
            try reader.beginObject()
            while try reader.nextKey(&key) {
                labels.append(Label(String(decoding: key, as: UTF8.self), try reader.readString()))
            }
        }
        try reader.finish()
        return labels
    }
}

private struct FirehoseDecoder {
    var builder: LogBatchBuilder
    var requestID: String?
    private let attributes: [Label]
    private let plainOrigin: LogBatchBuilder.Origin
    private let linesOrigin: LogBatchBuilder.Origin
    /// Bytes that all records together may still expand to.
    private var inflateLeft: Int
    private var record = FlatRecord()
    private var text: [UInt8] = []
    private var stamp: Int64 = 0

    init(_ attributes: [Label], _ now: Int64, _ inflateLimit: Int, _ limits: LogLimits) {
        self.attributes = attributes
        inflateLeft = inflateLimit
        builder = LogBatchBuilder(now: now, mapping: .shippers, limits: limits)
        plainOrigin = builder.origin(attributes)
        linesOrigin = plainOrigin
    }

    mutating func request(_ body: [UInt8]) throws(WireError) {
        // The time of the delivery stands for records without one, wherever in the object it is.
        var ahead = JSONReader(body)
        var key: [UInt8] = []
        try ahead.beginObject()
        while try ahead.nextKey(&key) {
            if key.elementsEqual("requestId".utf8) {
                requestID = try ahead.readString()
            } else if key.elementsEqual("timestamp".utf8), try ahead.peek() == .number {
                stamp = TimestampText.parse(body, try ahead.readNumber()) ?? 0
            } else {
                try ahead.skipValue()
            }
        }
        try ahead.finish()
        var reader = JSONReader(body)
        try reader.beginObject()
        while try reader.nextKey(&key) {
            guard key.elementsEqual("records".utf8) else {
                try reader.skipValue()
                continue
            }
            try reader.beginArray()
            while try reader.nextElement() { try element(&reader) }
        }
    }

    private mutating func element(_ reader: inout JSONReader) throws(WireError) {
        var key: [UInt8] = []
        var found = false
        text.removeAll(keepingCapacity: true)
        guard try reader.peek() == .object else {
            try reader.skipValue()
            return builder.reject(LogDefect(.malformed, "a record must be an object with data"), bytes: 0)
        }
        try reader.beginObject()
        while try reader.nextKey(&key) {
            if key.elementsEqual("data".utf8), try reader.peek() == .string {
                text.removeAll(keepingCapacity: true)
                try reader.readString(into: &text)
                found = true
            } else {
                try reader.skipValue()
            }
        }
        guard found, let data = Base64Text.decode(text[...]) else {
            return builder.reject(
                LogDefect(.malformed, found ? "the data of a record is not base64" : "a record has no data"),
                bytes: text.count)
        }
        payload(data)
    }

    private mutating func payload(_ data: [UInt8]) {
        var plain = data
        if data.count > 2, data[0] == 0x1f, data[1] == 0x8b {
            do throws(CodecError) { plain = try Inflate.gunzip(data, limit: inflateLeft) } catch {
                return builder.reject(
                    LogDefect(.malformed, "the data of a record cannot be decompressed: \(error)"), bytes: data.count)
            }
            inflateLeft -= plain.count
        }
        var offset = 0
        while offset < plain.count {
            while offset < plain.count, plain[offset] <= 0x20 { offset += 1 }
            guard offset < plain.count else { return }
            // CloudWatch's objects stand one after the other without line ends.
            if plain[offset] == UInt8(ascii: "{"), let end = subscription(plain, offset) {
                offset = end
            } else {
                offset = line(plain, offset)
            }
        }
    }

    // MARK: CloudWatch Logs

    /// Nil where the object is no message of a subscription; else where it ends.
    private mutating func subscription(_ bytes: [UInt8], _ start: Int) -> Int? {
        var reader = JSONReader(bytes, start..<bytes.count)
        var key: [UInt8] = []
        var type = ""
        var group = ""
        var stream = ""
        var owner = ""
        var events: JSONReader?
        do throws(WireError) {
            try reader.beginObject()
            while try reader.nextKey(&key) {
                let isText = try reader.peek() == .string
                if isText, key.elementsEqual("messageType".utf8) {
                    type = try reader.readString()
                } else if isText, key.elementsEqual("logGroup".utf8) {
                    group = try reader.readString()
                } else if isText, key.elementsEqual("logStream".utf8) {
                    stream = try reader.readString()
                } else if isText, key.elementsEqual("owner".utf8) {
                    owner = try reader.readString()
                } else if key.elementsEqual("logEvents".utf8) {
                    if try reader.peek() == .array { events = reader }
                    try reader.skipValue()
                } else {
                    try reader.skipValue()
                }
            }
            if type == "CONTROL_MESSAGE" { return reader.offset }
            guard type == "DATA_MESSAGE", var events else { return nil }
            let origin = builder.origin(labels(group, owner))
            try events.beginArray()
            while try events.nextElement() {
                if try events.peek() == .object {
                    try event(&events, origin, stream)
                } else {
                    try events.skipValue()
                    builder.reject(LogDefect(.malformed, "an event must be an object"), bytes: 0)
                }
            }
            return reader.offset
        } catch {
            return nil
        }
    }

    private func labels(_ group: String, _ owner: String) -> [Label] {
        var labels = attributes + [Label("log_group", group), Label("owner", owner)]
        // What AWS names a group after is the service: /aws/lambda/checkout.
        let parts = group.split(separator: "/")
        if parts.first == "aws", parts.count > 2, let name = parts.last {
            labels.append(Label("service_name", String(name)))
        }
        return labels
    }

    private mutating func event(
        _ reader: inout JSONReader, _ origin: LogBatchBuilder.Origin, _ stream: String
    ) throws(WireError) {
        record.removeAll()
        record.text("log_stream", stream)
        text.removeAll(keepingCapacity: true)
        var time: Int64?
        var hasMessage = false
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            let kind = try reader.peek()
            if key.elementsEqual("message".utf8), kind == .string {
                text.removeAll(keepingCapacity: true)
                try reader.readString(into: &text)
                hasMessage = true
            } else if key.elementsEqual("timestamp".utf8), kind == .number {
                time = TimestampText.parse(reader.bytes, try reader.readNumber())
            } else if key.elementsEqual("id".utf8), kind == .string {
                let id = try reader.readString()
                record.text("event_id", id)
            } else if key.elementsEqual("extractedFields".utf8), kind == .object {
                try RecordJSON.read(&reader, into: &record)
            } else {
                try reader.skipValue()
            }
        }
        guard hasMessage else {
            return builder.reject(LogDefect(.malformed, "an event has no message"), bytes: 0)
        }
        let length = text.count
        record.text("message", text, 0..<length)
        _ = builder.prepare(record)
        _ = builder.add(record, from: origin, time: time ?? stamp)
    }

    // MARK: Plain lines

    private mutating func line(_ bytes: [UInt8], _ start: Int) -> Int {
        var end = start
        while end < bytes.count, bytes[end] != 0x0a { end += 1 }
        var stop = end
        if stop > start, bytes[stop - 1] == 0x0d { stop -= 1 }
        record.removeAll()
        if bytes[start] == UInt8(ascii: "{") {
            var reader = JSONReader(bytes, start..<stop)
            do throws(WireError) {
                try RecordJSON.read(&reader, into: &record)
                try reader.finish()
            } catch {
                // Text that only begins like an object.
                record.removeAll()
            }
        }
        let hasLine = builder.prepare(record)
        _ = builder.add(
            record, from: linesOrigin, time: record.fields.isEmpty ? stamp : nil,
            line: hasLine ? nil : bytes[start..<stop])
        return end + 1
    }
}
