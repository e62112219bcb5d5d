import GoTemplates

/// `fromJson` of templates.
enum JSONTemplateValue {
    static func parse(_ bytes: [UInt8]) -> TemplateValue? {
        var scanner = JSONScanner(bytes[...])
        guard let place = scanner.value() else { return nil }
        scanner.skipSpace()
        guard scanner.i == bytes.endIndex else { return nil }
        return value(bytes[place])
    }

    /// The text was scanned already, so its depth is bounded.
    private static func value(_ bytes: ArraySlice<UInt8>) -> TemplateValue? {
        var scanner = JSONScanner(bytes)
        switch scanner.current {
        case UInt8(ascii: "{"):
            var entries: [String: TemplateValue] = [:]
            let complete = scanner.object(depth: 0) { key, place in
                guard let member = value(bytes[place]) else { return false }
                entries[text(bytes[key.inner])] = member
                return true
            }
            guard complete else { return nil }
            let sorted = entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            return .map(sorted.map { TemplateValue.TemplateEntry(key: $0.key, value: $0.value) })
        case UInt8(ascii: "["):
            var elements: [TemplateValue] = []
            let complete = scanner.array(depth: 0) { _, place in
                guard let element = value(bytes[place]) else { return false }
                elements.append(element)
                return true
            }
            return complete ? .list(elements) : nil
        case UInt8(ascii: "\""):
            return scanner.string().map { .string(text(bytes[$0.inner])) }
        case UInt8(ascii: "t"): return .bool(true)
        case UInt8(ascii: "f"): return .bool(false)
        case UInt8(ascii: "n"): return TemplateValue.none
        default: return Double(String(decoding: bytes, as: UTF8.self)).map { .double($0) }
        }
    }

    private static func text(_ inner: ArraySlice<UInt8>) -> String {
        var out: [UInt8] = []
        JSONScanner.unescape(inner, into: &out)
        return String(decoding: out, as: UTF8.self)
    }
}
