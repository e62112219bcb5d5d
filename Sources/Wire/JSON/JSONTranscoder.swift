/// Rewrites the JSON form of a message as protobuf bytes, which the one decoder of each signal then reads: so the two
/// forms cannot differ in what they mean.
struct JSONTranscoder {
    let schemas: [JSONMessageSchema]
    private var reader: JSONReader
    private var writer = ProtobufWriter()
    private var text: [UInt8] = []

    private init(_ json: [UInt8], _ schemas: [JSONMessageSchema]) {
        self.schemas = schemas
        reader = JSONReader(json)
    }

    static func protobuf(json: [UInt8], schemas: [JSONMessageSchema], root: Int) throws(WireError) -> [UInt8] {
        var transcoder = JSONTranscoder(json, schemas)
        try transcoder.message(schemas[root])
        try transcoder.reader.finish()
        return transcoder.writer.bytes
    }

    private mutating func message(_ schema: JSONMessageSchema) throws(WireError) {
        try reader.beginObject()
        var key: [UInt8] = []
        while try reader.nextKey(&key) {
            guard let field = schema.field(key) else {
                try reader.skipValue()
                continue
            }
            if try reader.peek() == .null {
                try reader.readNull()
            } else if field.isRepeated {
                try reader.beginArray()
                while try reader.nextElement() { try value(field) }
            } else {
                try value(field)
            }
        }
    }

    private mutating func value(_ field: JSONMessageSchema.Field) throws(WireError) {
        switch field.kind {
        case .message(let index): try nested(field.number, schemas[index])
        case .string:
            try readText()
            writer.data(field.number, text)
        case .data:
            try readText()
            guard let bytes = Base64Text.decode(text[...]) else { throw reader.failure("this is not base64") }
            writer.data(field.number, bytes)
        case .hexadecimal:
            try readText()
            guard let bytes = HexText.decode(text[...]) else { throw reader.failure("this is not hexadecimal") }
            writer.data(field.number, bytes)
        case .bool: writer.bool(field.number, try reader.readBool())
        case .double: writer.double(field.number, try number())
        case .varint: writer.varint(field.number, try integer())
        case .zigZag: writer.zigZag(field.number, Int64(bitPattern: try integer()))
        case .fixed64: writer.fixed64(field.number, try integer())
        case .fixed32: writer.fixed32(field.number, UInt32(truncatingIfNeeded: try integer()))
        case .enumeration(let names):
            if try reader.peek() == .string {
                try readText()
                let name = String(decoding: text, as: UTF8.self)
                if let value = names.firstIndex(of: name) {
                    writer.varint(field.number, UInt64(value))
                } else if let value = Int64(name) {
                    writer.varint(field.number, value)
                } else {
                    throw reader.failure("the enumeration has no value of this name")
                }
            } else {
                writer.varint(field.number, try integer())
            }
        }
    }

    private mutating func nested(_ number: Int, _ schema: JSONMessageSchema) throws(WireError) {
        // The inner message is written apart: a length prefix is known only after it.
        var outer = ProtobufWriter()
        swap(&outer, &writer)
        try message(schema)
        let inner = writer.bytes
        swap(&outer, &writer)
        writer.data(number, inner)
    }

    private mutating func readText() throws(WireError) {
        text.removeAll(keepingCapacity: true)
        try reader.readString(into: &text)
    }

    private mutating func number() throws(WireError) -> Double {
        if try reader.peek() == .string {
            try readText()
            guard let value = FloatParser.parse(text, 0..<text.count) else {
                throw reader.failure("this is not a number")
            }
            return value
        }
        let range = try reader.readNumber()
        guard let value = FloatParser.parse(reader.bytes, range) else { throw reader.failure("this is not a number") }
        return value
    }

    /// Two's complement of a signed or unsigned 64-bit integer; `1e3` and `5.0` are integers too.
    private mutating func integer() throws(WireError) -> UInt64 {
        let digits: String
        if try reader.peek() == .string {
            try readText()
            digits = String(decoding: text, as: UTF8.self)
        } else {
            digits = UTF8Text.string(reader.bytes, try reader.readNumber())
        }
        if let value = Int64(digits) { return UInt64(bitPattern: value) }
        if let value = UInt64(digits) { return value }
        if let value = FloatParser.parse(digits) {
            if let exact = Int64(exactly: value) { return UInt64(bitPattern: exact) }
            if let exact = UInt64(exactly: value) { return exact }
        }
        throw reader.failure("this is not a 64-bit integer")
    }
}
