/// Names made fit for a label: `[a-zA-Z_][a-zA-Z0-9_]*`.
package enum LabelNames {
    /// Loki's rule: every other character becomes `_`, and a leading digit gets one before it.
    package static func sanitised(_ name: String) -> String {
        // Nearly every name is one already.
        if let first = name.utf8.first, !(0x30...0x39).contains(first), name.utf8.allSatisfy(isNameByte) { return name }
        var out: [UInt8] = []
        for scalar in name.unicodeScalars {
            let byte = scalar.isASCII ? UInt8(truncatingIfNeeded: scalar.value) : UInt8(ascii: "-")
            if out.isEmpty, byte >= 0x30, byte <= 0x39 { out.append(UInt8(ascii: "_")) }
            out.append(isNameByte(byte) ? byte : UInt8(ascii: "_"))
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Prometheus' rule for OTLP attributes: as above, but a digit at the start gets `key_`, a single leading `_`
    /// gets `key`.
    package static func translated(
        _ name: String, prefixesUnderscore: Bool = true, keepsRuns: Bool = true
    ) -> String {
        var out: [UInt8] = []
        for scalar in name.unicodeScalars {
            let byte = scalar.isASCII ? UInt8(truncatingIfNeeded: scalar.value) : UInt8(ascii: "-")
            let next = isNameByte(byte) ? byte : UInt8(ascii: "_")
            if !keepsRuns, next == UInt8(ascii: "_"), out.last == next { continue }
            out.append(next)
        }
        let text = String(decoding: out, as: UTF8.self)
        guard let first = out.first else { return text }
        if first >= 0x30, first <= 0x39 { return "key_" + text }
        let isSingle = out.count < 2 || out[1] != UInt8(ascii: "_")
        if prefixesUnderscore, first == UInt8(ascii: "_"), isSingle { return "key" + text }
        return text
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: "_")
    }
}
