import Wire

/// A JSON value whose shape is not known beforehand: answers of cloud interfaces, of which every field may be missing
/// or of another kind than documented. Looking at what is not there gives nil, never an error.
enum JSONTree: Sendable, Hashable {
    case object([String: JSONTree])
    case array([JSONTree])
    case string(String)
    /// As written, so that no digit is lost.
    case number(String)
    case bool(Bool)
    case null

    static func read(_ bytes: [UInt8]) throws(WireError) -> JSONTree {
        var reader = JSONReader(bytes)
        let tree = try read(&reader)
        try reader.finish()
        return tree
    }

    /// The next value; the reader bounds the depth.
    static func read(_ reader: inout JSONReader) throws(WireError) -> JSONTree {
        switch try reader.peek() {
        case .object:
            var fields: [String: JSONTree] = [:]
            var key: [UInt8] = []
            try reader.beginObject()
            while try reader.nextKey(&key) {
                fields[String(decoding: key, as: UTF8.self)] = try read(&reader)
            }
            return .object(fields)
        case .array:
            var elements: [JSONTree] = []
            try reader.beginArray()
            while try reader.nextElement() { elements.append(try read(&reader)) }
            return .array(elements)
        case .string: return .string(try reader.readString())
        case .number:
            let range = try reader.readNumber()
            return .number(String(decoding: reader.bytes[range], as: UTF8.self))
        case .bool: return .bool(try reader.readBool())
        case .null:
            try reader.readNull()
            return .null
        }
    }

    subscript(name: String) -> JSONTree? {
        if case .object(let fields) = self { return fields[name] }
        return nil
    }

    /// Empty where this is no array.
    var elements: [JSONTree] {
        if case .array(let elements) = self { return elements }
        return []
    }

    var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// Numbers only; a quoted number is not one.
    var integer: Int? {
        if case .number(let text) = self { return Int(text) }
        return nil
    }

    /// The fields of an object that are texts.
    var texts: [String: String] {
        guard case .object(let fields) = self else { return [:] }
        return fields.compactMapValues(\.string)
    }
}

extension JSONTree? {
    subscript(name: String) -> JSONTree? { self?[name] }
    var elements: [JSONTree] { self?.elements ?? [] }
    var string: String? { self?.string }
    var integer: Int? { self?.integer }
    var bool: Bool? { self?.bool }
    var texts: [String: String] { self?.texts ?? [:] }
}
