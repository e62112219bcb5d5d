import Wire

/// Finds wanted fields in a line: of JSON by a path with dots, of logfmt by the key.
package struct FieldReading: Sendable, Hashable {
    /// Each wanted field as the names of its path.
    package let paths: [[[UInt8]]]
    private let whole: [[UInt8]]

    package init(_ fields: [String]) {
        whole = fields.map { Array($0.utf8) }
        paths = fields.map { field in field.split(separator: ".").map { Array($0.utf8) } }
    }

    // MARK: JSON

    /// One value for each wanted field, nil where it is not there; nil where the line is no JSON object.
    package func json(_ line: ArraySlice<UInt8>) -> [[UInt8]?]? {
        guard let first = line.first(where: { $0 != 0x20 && $0 != 0x09 }), first == UInt8(ascii: "{") else { return nil }
        var reader = JSONReader(Array(line))
        var out: [[UInt8]?] = Array(repeating: nil, count: paths.count)
        do {
            try object(&reader, wanted: Array(paths.indices), depth: 0, &out)
            return out
        } catch {
            return nil
        }
    }

    private func object(
        _ reader: inout JSONReader, wanted: [Int], depth: Int, _ out: inout [[UInt8]?]
    ) throws(WireError) {
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) {
            // A key that itself has dots is found under its whole name.
            var here: [Int] = []
            var below: [Int] = []
            for index in wanted {
                if depth == 0, whole[index] == key { here.append(index) } else if paths[index].count > depth,
                    paths[index][depth] == key
                {
                    if paths[index].count == depth + 1 { here.append(index) } else { below.append(index) }
                }
            }
            if here.isEmpty, below.isEmpty {
                try reader.skipValue()
            } else if try reader.peek() == .object, !below.isEmpty {
                try object(&reader, wanted: below, depth: depth + 1, &out)
            } else if let value = try text(&reader) {
                for index in here where out[index] == nil { out[index] = value }
            }
        }
    }

    /// A value as text: strings decoded, the rest as it is written; nil for null.
    private func text(_ reader: inout JSONReader) throws(WireError) -> [UInt8]? {
        let kind = try reader.peek()
        let start = reader.offset
        switch kind {
        case .string:
            var value: [UInt8] = []
            try reader.readString(into: &value)
            return value
        case .null:
            try reader.readNull()
            return nil
        default:
            try reader.skipValue()
            return Array(reader.bytes[start..<reader.offset])
        }
    }

    // MARK: logfmt

    package func logfmt(_ line: ArraySlice<UInt8>) -> [[UInt8]?]? {
        var out: [[UInt8]?] = Array(repeating: nil, count: whole.count)
        var rest = line
        var found = false
        while !rest.isEmpty {
            rest = rest.drop { $0 <= 0x20 }
            let key = rest.prefix { $0 > 0x20 && $0 != 0x3d }
            rest = rest[key.endIndex...]
            guard rest.first == 0x3d else {
                // A word without a value.
                if key.isEmpty { rest = rest.dropFirst() }
                continue
            }
            rest.removeFirst()
            found = true
            let value = FieldReading.value(&rest)
            for index in whole.indices where out[index] == nil && whole[index].elementsEqual(key) { out[index] = value }
        }
        return found ? out : nil
    }

    private static func value(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        guard rest.first == 0x22 else {
            let value = rest.prefix { $0 > 0x20 }
            rest = rest[value.endIndex...]
            return Array(value)
        }
        rest.removeFirst()
        var out: [UInt8] = []
        while let byte = rest.popFirst(), byte != 0x22 {
            guard byte == 0x5c, let next = rest.popFirst() else {
                out.append(byte)
                continue
            }
            switch next {
            case UInt8(ascii: "n"): out.append(0x0a)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "r"): out.append(0x0d)
            default: out.append(next)
            }
        }
        return out
    }
}
