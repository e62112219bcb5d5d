/// Why bytes from outside could not be read, and where.
package enum WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `offset` counts bytes from the start of the message; `path` holds the field numbers from the outermost
    /// message inwards.
    case protobuf(ProtobufFault, offset: Int, path: [Int])
    /// `offset` counts bytes from 0; `line` and `column` from 1, the column in bytes.
    case json(String, offset: Int, line: Int, column: Int)
    /// `line` and `column` count from 1, the column in bytes.
    case exposition(String, line: Int, column: Int)
    /// `offset` counts bytes from the start of the message.
    case messagePack(String, offset: Int)
    /// A request that can be read but is not one of its protocol.
    case request(String)

    package var description: String {
        switch self {
        case .protobuf(let fault, let offset, let path):
            let place = path.isEmpty ? "" : " in field \(path.map(String.init).joined(separator: "."))"
            return "broken protobuf at byte \(offset)\(place): \(fault.description)"
        case .json(let reason, let offset, let line, let column):
            return "broken JSON at line \(line), column \(column) (byte \(offset)): \(reason)"
        case .exposition(let reason, let line, let column):
            return "line \(line), column \(column): \(reason)"
        case .messagePack(let reason, let offset): return "broken MessagePack at byte \(offset): \(reason)"
        case .request(let reason): return reason
        }
    }
}

package enum ProtobufFault: Hashable, Sendable, CustomStringConvertible {
    case truncated
    case varintTooLong
    case zeroFieldNumber
    case unknownWireType(Int)
    case unmatchedEndOfGroup
    case packedLengthUneven
    case tooDeep

    package var description: String {
        switch self {
        case .truncated: "the message ends inside a value"
        case .varintTooLong: "a varint is longer than 10 bytes"
        case .zeroFieldNumber: "field number 0 does not exist"
        case .unknownWireType(let type): "wire type \(type) does not exist"
        case .unmatchedEndOfGroup: "a group ends that was not begun"
        case .packedLengthUneven: "a packed field's length is not a multiple of its element"
        case .tooDeep: "messages are nested too deeply"
        }
    }
}
