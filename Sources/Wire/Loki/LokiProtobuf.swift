import Telemetry

/// `logproto.PushRequest`.
enum LokiProtobuf {
    static func request(_ bytes: [UInt8], into builder: inout LokiBatchBuilder) throws(WireError) {
        var cursor = ProtobufCursor(bytes)
        while try cursor.next(bytes) {
            if cursor.field == 1 {
                if let inner = try cursor.message(bytes) { try stream(bytes, inner, &builder) }
            } else {
                try cursor.skip(bytes)
            }
        }
    }

    private static func stream(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ builder: inout LokiBatchBuilder
    ) throws(WireError) {
        var cursor = message
        var text = 0..<0
        while try cursor.next(bytes) {
            if cursor.field == 1 { text = try cursor.range(bytes) ?? text } else { try cursor.skip(bytes) }
        }
        switch LokiLabels.parse(bytes, text) {
        case .success(let labels): builder.beginStream(labels)
        case .failure(let problem): builder.beginStream([], error: problem.message)
        }
        cursor = message
        while try cursor.next(bytes) {
            if cursor.field == 2 {
                if let inner = try cursor.message(bytes) { try entry(bytes, inner, &builder) }
            } else {
                try cursor.skip(bytes)
            }
        }
    }

    private static func entry(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ builder: inout LokiBatchBuilder
    ) throws(WireError) {
        var cursor = message
        var time: Int64 = 0
        var line = 0..<0
        var metadata: [Label] = []
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: if let inner = try cursor.message(bytes) { time = try timestamp(bytes, inner) }
            case 2: line = try cursor.range(bytes) ?? line
            case 3: if let inner = try cursor.message(bytes) { metadata.append(try label(bytes, inner)) }
            default: try cursor.skip(bytes)
            }
        }
        builder.add(time: time, bytes[line], metadata: metadata)
    }

    private static func label(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> Label {
        var cursor = message
        var label = Label("", "")
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: if let range = try cursor.range(bytes) { label.name = UTF8Text.string(bytes, range) }
            case 2: if let range = try cursor.range(bytes) { label.value = UTF8Text.string(bytes, range) }
            default: try cursor.skip(bytes)
            }
        }
        return label
    }

    /// Nanoseconds since 1970, at the ends of their range where they do not fit.
    private static func timestamp(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> Int64 {
        var cursor = message
        var seconds: Int64 = 0
        var nanos: Int64 = 0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: seconds = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? seconds
            case 2: nanos = try cursor.varint(bytes).map { Int64(Int32(truncatingIfNeeded: $0)) } ?? nanos
            default: try cursor.skip(bytes)
            }
        }
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = product.addingReportingOverflow(nanos)
        return overflow || carried ? (seconds < 0 ? .min : .max) : sum
    }
}
