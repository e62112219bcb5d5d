import Telemetry

/// The JSON form of a push.
enum LokiJSON {
    static func request(_ json: [UInt8], into builder: inout LokiBatchBuilder) throws(WireError) {
        var reader = JSONReader(json)
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            guard key.elementsEqual("streams".utf8) else {
                try reader.skipValue()
                continue
            }
            if try reader.peek() == .null {
                try reader.readNull()
                continue
            }
            try reader.beginArray()
            while try reader.nextElement() { try stream(&reader, &builder) }
        }
        try reader.finish()
    }

    /// Labels may come after the entries, so their places are found first: the reader is a value, a copy looks ahead.
    private static func stream(_ reader: inout JSONReader, _ builder: inout LokiBatchBuilder) throws(WireError) {
        var ahead = reader
        try beginStream(&ahead, &builder)
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            if key.elementsEqual("values".utf8) {
                try entries(&reader, &builder, value)
            } else if key.elementsEqual("entries".utf8) {
                try entries(&reader, &builder, legacyEntry)
            } else {
                try reader.skipValue()
            }
        }
    }

    private static func beginStream(_ reader: inout JSONReader, _ builder: inout LokiBatchBuilder) throws(WireError) {
        var labels: [Label] = []
        var error: String?
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            if key.elementsEqual("stream".utf8) {
                labels = try object(&reader)
            } else if key.elementsEqual("labels".utf8) {
                switch LokiLabels.parse(try reader.readString()) {
                case .success(let parsed): labels = parsed
                case .failure(let problem): error = problem.message
                }
            } else {
                try reader.skipValue()
            }
        }
        builder.beginStream(labels, error: error)
    }

    private static func entries(
        _ reader: inout JSONReader, _ builder: inout LokiBatchBuilder,
        _ entry: (inout JSONReader, inout LokiBatchBuilder) throws(WireError) -> Void
    ) throws(WireError) {
        if try reader.peek() == .null { return try reader.readNull() }
        try reader.beginArray()
        while try reader.nextElement() { try entry(&reader, &builder) }
    }

    /// `["<ns>", "line", {"name": "value"}]`.
    private static func value(_ reader: inout JSONReader, _ builder: inout LokiBatchBuilder) throws(WireError) {
        try reader.beginArray()
        guard try reader.nextElement() else { throw reader.failure("an entry needs a timestamp and a line") }
        guard let time = Int64(try reader.readString()) else {
            throw reader.failure("a timestamp must be nanoseconds since 1970 in a string")
        }
        guard try reader.nextElement() else { throw reader.failure("an entry needs a line") }
        var line: [UInt8] = []
        try reader.readString(into: &line)
        var metadata: [Label] = []
        if try reader.nextElement() {
            if try reader.peek() == .null { try reader.readNull() } else { metadata = try object(&reader) }
            guard try !reader.nextElement() else { throw reader.failure("an entry has at most three parts") }
        }
        builder.add(time: time, line[...], metadata: metadata)
    }

    /// `{"ts": "RFC 3339", "line": "…"}`.
    private static func legacyEntry(_ reader: inout JSONReader, _ builder: inout LokiBatchBuilder) throws(WireError) {
        var time: Int64?
        var line: [UInt8] = []
        var metadata: [Label] = []
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            if key.elementsEqual("ts".utf8) {
                time = RFC3339.parse(try reader.readString())
                guard time != nil else { throw reader.failure("a timestamp must be in RFC 3339 form") }
            } else if key.elementsEqual("line".utf8) {
                line.removeAll()
                try reader.readString(into: &line)
            } else if key.elementsEqual("structuredMetadata".utf8) {
                metadata = try object(&reader)
            } else {
                try reader.skipValue()
            }
        }
        guard let time else { throw reader.failure("an entry needs a timestamp") }
        builder.add(time: time, line[...], metadata: metadata)
    }

    /// An object with string values only.
    private static func object(_ reader: inout JSONReader) throws(WireError) -> [Label] {
        var labels: [Label] = []
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            labels.append(Label(String(decoding: key, as: UTF8.self), try reader.readString()))
        }
        return labels
    }
}
