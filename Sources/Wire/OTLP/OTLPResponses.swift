/// What an OTLP receiver answers.
package enum OTLPResponses {
    package enum Signal: Sendable { case traces, logs, metrics }

    /// Export…ServiceResponse. Nothing rejected and no message gives the empty message: `partial_success` must then
    /// be unset.
    package static func success(_ signal: Signal, rejected: Int, message: String?, json: Bool) -> [UInt8] {
        let text = message ?? ""
        guard rejected > 0 || !text.isEmpty else { return json ? Array("{}".utf8) : [] }
        guard json else {
            var writer = ProtobufWriter()
            writer.message(1) { inner in
                if rejected > 0 { inner.varint(1, UInt64(rejected)) }
                if !text.isEmpty { inner.string(2, text) }
            }
            return writer.bytes
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("partialSuccess")
        writer.beginObject()
        if rejected > 0 {
            switch signal {
            case .traces: writer.key("rejectedSpans")
            case .logs: writer.key("rejectedLogRecords")
            case .metrics: writer.key("rejectedDataPoints")
            }
            writer.quotedInteger(rejected)
        }
        if !text.isEmpty { writer.field("errorMessage", text) }
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    /// google.rpc.Status. `retryAfterSeconds` adds a RetryInfo detail: over gRPC only this makes RESOURCE_EXHAUSTED
    /// retryable.
    /// The protobuf form is also what the trailer `grpc-status-details-bin` holds (base64-encoded there).
    package static func status(code: Int, message: String, retryAfterSeconds: Double? = nil, json: Bool) -> [UInt8] {
        json ? jsonStatus(code, message, retryAfterSeconds) : protobufStatus(code, message, retryAfterSeconds)
    }

    private static let retryInfoType = "type.googleapis.com/google.rpc.RetryInfo"

    private static func parts(_ seconds: Double) -> (seconds: Int64, nanos: Int64) {
        let whole = Int64(exactly: min(max(seconds, 0), 315_576_000_000).rounded(.down)) ?? 0
        let nanos = Int64(exactly: ((min(max(seconds, 0), 315_576_000_000) - Double(whole)) * 1e9).rounded(.down)) ?? 0
        return (whole, nanos)
    }

    private static func protobufStatus(_ code: Int, _ message: String, _ retry: Double?) -> [UInt8] {
        var writer = ProtobufWriter()
        if code != 0 { writer.varint(1, Int64(code)) }
        if !message.isEmpty { writer.string(2, message) }
        if let retry {
            var info = ProtobufWriter()
            let (seconds, nanos) = parts(retry)
            info.message(1) { duration in
                if seconds != 0 { duration.varint(1, seconds) }
                if nanos != 0 { duration.varint(2, nanos) }
            }
            writer.message(3) { any in
                any.string(1, retryInfoType)
                any.data(2, info.bytes)
            }
        }
        return writer.bytes
    }

    private static func jsonStatus(_ code: Int, _ message: String, _ retry: Double?) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("code")
        writer.integer(code)
        writer.field("message", message)
        if let retry {
            let (seconds, nanos) = parts(retry)
            writer.key("details")
            writer.beginArray()
            writer.beginObject()
            writer.field("@type", retryInfoType)
            let fraction = String(nanos + 1_000_000_000).dropFirst()
            writer.field("retryDelay", nanos == 0 ? "\(seconds)s" : "\(seconds).\(fraction)s")
            writer.endObject()
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }
}
