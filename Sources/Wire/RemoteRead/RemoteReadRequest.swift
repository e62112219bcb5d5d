import Telemetry

/// Prometheus' remote read, seen from the server: `prometheus.ReadRequest`, already decompressed.
package struct RemoteReadRequest: Sendable, Hashable {
    package struct Query: Sendable, Hashable {
        /// Milliseconds since 1970, both inclusive.
        package var start: Int64 = 0
        package var end: Int64 = 0
        package var matchers: [Matcher] = []
        package init() {}
    }

    package enum ResponseType: UInt64, Sendable, Hashable { case samples = 0, streamedChunks = 1 }

    package var queries: [Query] = []
    /// In the client's order; those that we do not know are left out.
    package var accepted: [ResponseType] = []

    package init() {}

    package init(_ bytes: [UInt8]) throws(WireError) {
        var cursor = ProtobufCursor(bytes)
        var types: [UInt64] = []
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: if let inner = try cursor.message(bytes) { queries.append(try Query(bytes, inner)) }
            case 2: try cursor.varints(bytes, into: &types)
            default: try cursor.skip(bytes)
            }
        }
        accepted = types.compactMap(ResponseType.init)
        // Clients from before there was a choice.
        if types.isEmpty { accepted = [.samples] }
    }
}

extension RemoteReadRequest.Query {
    /// Hints are passed over: they only allow to give less than the range.
    init(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: start = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? start
            case 2: end = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? end
            case 3: if let inner = try cursor.message(bytes) { matchers.append(try matcher(bytes, inner)) }
            default: try cursor.skip(bytes)
            }
        }
    }

    private func matcher(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> Matcher {
        var cursor = message
        var type: UInt64 = 0
        var name = ""
        var value = ""
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: type = try cursor.varint(bytes) ?? type
            case 2: name = try cursor.range(bytes).map { UTF8Text.string(bytes, $0) } ?? name
            case 3: value = try cursor.range(bytes).map { UTF8Text.string(bytes, $0) } ?? value
            default: try cursor.skip(bytes)
            }
        }
        let operations: [Matcher.Operation] = [.equal, .notEqual, .regex, .notRegex]
        guard type < 4 else { throw cursor.failure(.unknownWireType(Int(truncatingIfNeeded: type & 0xff))) }
        return Matcher(name, operations[Int(type)], value)
    }
}
