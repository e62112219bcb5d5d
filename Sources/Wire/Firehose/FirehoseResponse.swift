package enum FirehoseResponse {
    /// Firehose takes nothing but this shape for an answer. `timestamp` in milliseconds.
    package static func encode(requestID: String, timestamp: Int64, error: String? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.field("requestId", requestID)
        json.key("timestamp")
        json.integer(timestamp)
        if let error { json.field("errorMessage", error) }
        json.endObject()
        return json.bytes
    }

    /// What the answer to a request that was not decoded must name.
    package static func requestID(of body: [UInt8]) -> String? {
        var reader = JSONReader(body)
        var key: [UInt8] = []
        do throws(WireError) {
            try reader.beginObject()
            while try reader.nextKey(&key) {
                if key.elementsEqual("requestId".utf8) { return try reader.readString() }
                try reader.skipValue()
            }
        } catch {
            return nil
        }
        return nil
    }
}
