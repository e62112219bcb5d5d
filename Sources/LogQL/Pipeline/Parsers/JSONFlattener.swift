/// `| json`: every leaf of the object becomes a label, its name the path joined by `_`. Arrays and nulls are left out.
struct JSONFlattener {
    private var prefix: [UInt8] = []
    private var text: [UInt8] = []
    private var wanted: NameSet?

    /// False where the line is no JSON object; what was read up to there stays.
    mutating func parse(_ line: ArraySlice<UInt8>, wanted: NameSet?, into record: inout Record) -> Bool {
        self.wanted = wanted
        var scanner = JSONScanner(line)
        scanner.skipSpace()
        prefix.removeAll(keepingCapacity: true)
        guard scanner.current == UInt8(ascii: "{"), object(&scanner, &record, depth: 0) else { return false }
        scanner.skipSpace()
        return scanner.i == line.endIndex
    }

    private mutating func object(_ scanner: inout JSONScanner, _ record: inout Record, depth: Int) -> Bool {
        guard depth < JSONScanner.maximumDepth, scanner.take(UInt8(ascii: "{")) else { return false }
        scanner.skipSpace()
        if scanner.take(UInt8(ascii: "}")) { return true }
        let length = prefix.count
        while true {
            scanner.skipSpace()
            guard let key = scanner.string() else { return false }
            scanner.skipSpace()
            guard scanner.take(UInt8(ascii: ":")) else { return false }
            scanner.skipSpace()
            appendKey(scanner.bytes[key.inner], key.hasEscapes)
            guard member(&scanner, &record, depth: depth) else { return false }
            prefix.removeLast(prefix.count - length)
            scanner.skipSpace()
            if scanner.take(UInt8(ascii: "}")) { return true }
            guard scanner.take(UInt8(ascii: ",")) else { return false }
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

    private mutating func member(_ scanner: inout JSONScanner, _ record: inout Record, depth: Int) -> Bool {
        switch scanner.current {
        case UInt8(ascii: "{"): return object(&scanner, &record, depth: depth + 1)
        case UInt8(ascii: "["): return scanner.value(depth: depth + 1) != nil
        case UInt8(ascii: "\""):
            guard let value = scanner.string() else { return false }
            guard !prefix.isEmpty else { return true }
            let name = record.names.id(prefix[...])
            guard wanted?.contains(name) ?? true else { return true }
            if value.hasEscapes {
                text.removeAll(keepingCapacity: true)
                JSONScanner.unescape(scanner.bytes[value.inner], into: &text)
                record.addParsed(name, text)
            } else {
                record.addParsed(name, scanner.bytes[value.inner])
            }
            return true
        default:
            guard let value = scanner.scalar() else { return false }
            guard !prefix.isEmpty, scanner.bytes[value.lowerBound] != UInt8(ascii: "n") else { return true }
            let name = record.names.id(prefix[...])
            if wanted?.contains(name) ?? true { record.addParsed(name, scanner.bytes[value]) }
            return true
        }
    }
}
