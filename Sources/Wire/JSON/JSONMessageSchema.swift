/// How the JSON form of a protobuf message maps to its fields, for the messages we accept in both forms.
struct JSONMessageSchema: Sendable {
    enum Kind: Sendable {
        case string
        /// Base64.
        case data
        /// OTLP's exception: ids are hexadecimal.
        case hexadecimal
        case bool
        case double
        /// 64-bit integers come as numbers or strings.
        case varint
        case zigZag
        case fixed64
        case fixed32
        /// A number, or one of the names: index is the value.
        case enumeration([String])
        /// Index into the table of schemas.
        case message(Int)
    }

    struct Field: Sendable {
        let name: [UInt8]
        let number: Int
        let kind: Kind
        let isRepeated: Bool

        init(_ name: String, _ number: Int, _ kind: Kind, repeated: Bool = false) {
            self.name = Array(name.utf8)
            self.number = number
            self.kind = kind
            isRepeated = repeated
        }
    }

    let fields: [Field]

    init(_ fields: [Field]) { self.fields = fields }

    func field(_ key: [UInt8]) -> Field? { fields.first { $0.name == key } }
}
