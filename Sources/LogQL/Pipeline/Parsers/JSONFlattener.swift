/// Why a line is no JSON object, in the words of the parser that Loki uses.
enum JSONFailure: String {
    case object = "Value looks like object, but can't find closing '}' symbol"
    case array = "Value is array, but can't find closing ']' symbol"
    case string = "Value is string, but can't find closing '\"' symbol"
    case value = "Unknown value type"
    case json = "Malformed JSON error"
}

/// `| json`: every leaf of the object becomes a label, its name the path joined by `_`. Arrays and nulls are left out,
/// and what follows the object is not looked at.
struct JSONFlattener {
    private var prefix: [UInt8] = []
    private var text: [UInt8] = []
    private var wanted: NameSet?

    /// nil where the line is a JSON object; what was read up to a failure stays.
    mutating func parse(_ line: ArraySlice<UInt8>, wanted: NameSet?, into record: inout Record) -> JSONFailure? {
        self.wanted = wanted
        var scanner = JSONScanner(line)
        scanner.skipSpace()
        prefix.removeAll(keepingCapacity: true)
        return object(&scanner, &record, depth: 0)
    }

    private mutating func object(
        _ scanner: inout JSONScanner, _ record: inout Record, depth: Int
    ) -> JSONFailure? {
        guard depth < JSONScanner.maximumDepth, scanner.take(UInt8(ascii: "{")) else { return .object }
        scanner.skipSpace()
        guard scanner.current != nil else { return .json }
        if scanner.take(UInt8(ascii: "}")) { return nil }
        let length = prefix.count
        while true {
            if scanner.current != UInt8(ascii: "\"") { return scanner.current == nil ? .array : .object }
            guard let key = scanner.string() else { return .json }
            scanner.skipSpace()
            guard scanner.take(UInt8(ascii: ":")) else { return .json }
            scanner.skipSpace()
            appendKey(scanner.bytes[key.inner], key.hasEscapes)
            if let failure = member(&scanner, &record, depth: depth) { return failure }
            prefix.removeLast(prefix.count - length)
            scanner.skipSpace()
            guard scanner.current != nil else { return .array }
            if scanner.take(UInt8(ascii: "}")) { return nil }
            guard scanner.take(UInt8(ascii: ",")) else { return .object }
            scanner.skipSpace()
            if scanner.take(UInt8(ascii: "}")) { return nil }
        }
    }

    private mutating func appendKey(_ key: ArraySlice<UInt8>, _ hasEscapes: Bool) {
        if !prefix.isEmpty { prefix.append(95) }
        if hasEscapes {
            text.removeAll(keepingCapacity: true)
            JSONScanner.unescape(key, into: &text)
            LabelName.append(text, to: &prefix, isStart: prefix.isEmpty)
        } else {
            LabelName.append(key, to: &prefix, isStart: prefix.isEmpty)
        }
    }

    private mutating func member(
        _ scanner: inout JSONScanner, _ record: inout Record, depth: Int
    ) -> JSONFailure? {
        switch scanner.current {
        case nil: return .json
        case UInt8(ascii: "{"): return object(&scanner, &record, depth: depth + 1)
        case UInt8(ascii: "["): return scanner.value(depth: depth + 1) == nil ? .array : nil
        case UInt8(ascii: "\""):
            guard let value = scanner.string() else { return .string }
            guard !prefix.isEmpty else { return nil }
            let name = record.names.id(prefix[...])
            guard wanted?.contains(name) ?? true else { return nil }
            if value.hasEscapes {
                text.removeAll(keepingCapacity: true)
                JSONScanner.unescape(scanner.bytes[value.inner], into: &text)
                record.addParsed(name, text)
            } else {
                record.addParsed(name, scanner.bytes[value.inner])
            }
        default:
            guard let value = scanner.scalar() else { return .value }
            guard !prefix.isEmpty, scanner.bytes[value.lowerBound] != UInt8(ascii: "n") else { return nil }
            let name = record.names.id(prefix[...])
            if wanted?.contains(name) ?? true { record.addParsed(name, scanner.bytes[value]) }
        }
        return nil
    }
}
