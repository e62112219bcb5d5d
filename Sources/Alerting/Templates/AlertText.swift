/// Changes to texts that alert templates make.
enum AlertText {
    /// Go's `strings.Title`: what follows anything but a letter, a digit or an underscore begins a word; of other
    /// scripts only spaces end one.
    static func title(_ text: String) -> String {
        var out = ""
        var isStart = true
        for scalar in text.unicodeScalars {
            out += isStart ? scalar.properties.titlecaseMapping : String(scalar)
            isStart =
                scalar.isASCII
                ? !(("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                    || scalar == "_")
                : scalar.properties.isWhitespace
        }
        return out
    }

    /// Go's `net.SplitHostPort`; nil where that has an error.
    static func splitHostPort(_ text: String) -> (host: String, port: String)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let port = text[text.index(after: colon)...]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.contains(where: { $0 == "[" || $0 == "]" }), !port.contains(where: { $0 == "[" || $0 == "]" })
        else {
            return nil
        }
        return (String(host), String(port))
    }

    static func stripDomain(_ text: String) -> String {
        let split = splitHostPort(text)
        let host = split?.host ?? text
        if isAddress(host) { return text }
        let name = String(host.prefix { $0 != "." })
        guard let port = split?.port, !port.isEmpty else { return name }
        return "\(name):\(port)"
    }

    private static func isAddress(_ host: String) -> Bool {
        if host.contains(":") { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
