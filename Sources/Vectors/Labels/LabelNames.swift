/// Any UTF-8 text that is not empty can name a label; what is not UTF-8 arrives here with replacement characters.
package func isValidLabelName(_ name: String) -> Bool {
    !name.isEmpty && !name.unicodeScalars.contains("\u{fffd}")
}

/// Whether a name can stand in a query without quotes.
package func isLegacyLabelName(_ name: String) -> Bool {
    guard let first = name.utf8.first, isLetter(first) else { return false }
    return name.utf8.allSatisfy { isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) }
}

/// As ``isLegacyLabelName(_:)``, with colons.
package func isLegacyMetricName(_ name: String) -> Bool {
    guard let first = name.utf8.first, isLetter(first) || first == 0x3a else { return false }
    return name.utf8.allSatisfy { isLetter($0) || $0 == 0x3a || ($0 >= 0x30 && $0 <= 0x39) }
}

private func isLetter(_ byte: UInt8) -> Bool {
    (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte == 0x5f
}
