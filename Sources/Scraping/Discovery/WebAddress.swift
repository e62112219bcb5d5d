/// The parts of an `http` or `https` address, as written.
struct WebAddress: Sendable, Hashable {
    /// With the port, unless it is the scheme's own: as the `Host` header has it.
    var authority: String
    /// As written, at least `/`.
    var path: String
    /// Names and values escaped, in the order of the address.
    var query: [Parameter] = []

    struct Parameter: Sendable, Hashable {
        var name: String
        var value: String
    }

    init?(_ text: String) {
        let scheme: String
        if text.hasPrefix("https://") {
            scheme = "https://"
        } else if text.hasPrefix("http://") {
            scheme = "http://"
        } else {
            return nil
        }
        let rest = text.dropFirst(scheme.count)
        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var host = String(rest[..<authorityEnd])
        guard !host.isEmpty, !host.contains(where: { $0 == "@" || $0 == " " || $0 == "#" }) else { return nil }
        let ownPort = scheme == "https://" ? ":443" : ":80"
        if host.hasSuffix(ownPort) { host.removeLast(ownPort.count) }
        authority = host
        let afterHost = rest[authorityEnd...]
        let queryStart = afterHost.firstIndex(of: "?") ?? afterHost.endIndex
        path = afterHost.startIndex == queryStart ? "/" : String(afterHost[..<queryStart])
        for pair in afterHost[queryStart...].dropFirst().split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query.append(Parameter(name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : ""))
        }
    }

    /// RFC 3986: everything but letters, digits and `-._~` becomes `%XX`.
    static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: out.append(byte)
            default: out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// `a=1&b=2`, the form of a body or a query.
    static func form(_ parameters: [(name: String, value: String)]) -> String {
        parameters.map { "\(escape($0.name))=\(escape($0.value))" }.joined(separator: "&")
    }
}
