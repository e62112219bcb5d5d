import Telemetry

extension AttributeValue {
    /// The value as text: strings as they are, bytes as base64, arrays and maps as JSON (the collector's `AsString`).
    package func appendText(to out: inout [UInt8]) {
        switch self {
        case .string(let text): out.append(contentsOf: text.utf8)
        case .bool(let flag): out.append(contentsOf: (flag ? "true" : "false").utf8)
        case .int(let number): out.append(contentsOf: String(number).utf8)
        case .double(let number): FloatText.append(number, .json, to: &out)
        case .bytes(let bytes): Base64Text.append(bytes[...], to: &out)
        case .empty: break
        case .array, .map:
            var writer = JSONWriter()
            writer.value(self)
            out.append(contentsOf: writer.bytes)
        }
    }

    package var text: String {
        if case .string(let text) = self { return text }
        var out: [UInt8] = []
        appendText(to: &out)
        return String(decoding: out, as: UTF8.self)
    }
}

extension JSONWriter {
    /// Plain JSON: `{"a":[1,"x"]}`; bytes as base64, empty as null.
    package mutating func value(_ value: AttributeValue) {
        switch value {
        case .string(let text): string(text)
        case .bool(let flag): bool(flag)
        case .int(let number): integer(number)
        case .double(let number): double(number)
        case .bytes(let bytes): base64(bytes[...])
        case .empty: null()
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .map(let attributes):
            beginObject()
            for attribute in attributes {
                key(attribute.key)
                self.value(attribute.value)
            }
            endObject()
        }
    }

    /// OTLP's JSON form of AnyValue: `{"stringValue":"x"}`, 64-bit integers as strings.
    package mutating func anyValue(_ value: AttributeValue) {
        beginObject()
        switch value {
        case .string(let text): field("stringValue", text)
        case .bool(let flag):
            key("boolValue")
            bool(flag)
        case .int(let number):
            key("intValue")
            quotedInteger(number)
        case .double(let number):
            key("doubleValue")
            double(number)
        case .bytes(let bytes):
            key("bytesValue")
            base64(bytes[...])
        case .empty: break
        case .array(let elements):
            key("arrayValue")
            beginObject()
            key("values")
            beginArray()
            for element in elements { anyValue(element) }
            endArray()
            endObject()
        case .map(let attributes):
            key("kvlistValue")
            beginObject()
            key("values")
            keyValues(attributes)
            endObject()
        }
        endObject()
    }

    /// OTLP's JSON form of a list of attributes: `[{"key":"a","value":{…}}]`.
    package mutating func keyValues(_ attributes: [Attribute]) {
        beginArray()
        for attribute in attributes {
            beginObject()
            field("key", attribute.key)
            key("value")
            anyValue(attribute.value)
            endObject()
        }
        endArray()
    }

    package mutating func base64(_ bytes: ArraySlice<UInt8>) {
        var text: [UInt8] = []
        Base64Text.append(bytes, to: &text)
        string(text)
    }

    package mutating func hexadecimal(_ bytes: ArraySlice<UInt8>) {
        var text: [UInt8] = []
        HexText.append(bytes, to: &text)
        string(text)
    }
}

extension ProtobufWriter {
    /// OTLP's AnyValue as a field.
    package mutating func anyValue(_ field: Int, _ value: AttributeValue) {
        message(field) { inner in
            switch value {
            case .string(let text): inner.string(1, text)
            case .bool(let flag): inner.bool(2, flag)
            case .int(let number): inner.varint(3, number)
            case .double(let number): inner.double(4, number)
            case .array(let elements):
                inner.message(5) { array in
                    for element in elements { array.anyValue(1, element) }
                }
            case .map(let attributes):
                inner.message(6) { map in
                    for attribute in attributes { map.keyValue(1, attribute) }
                }
            case .bytes(let bytes): inner.data(7, bytes)
            case .empty: break
            }
        }
    }

    package mutating func keyValue(_ field: Int, _ attribute: Attribute) {
        message(field) { inner in
            inner.string(1, attribute.key)
            inner.anyValue(2, attribute.value)
        }
    }
}
