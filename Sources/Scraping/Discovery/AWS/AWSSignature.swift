import Crypto
import Foundation

/// Signature version 4 of AWS, over a request's method, path, query, chosen headers and body.
struct AWSSignature: Sendable {
    let credentials: AWSCredentials
    let region: String
    let service: String

    /// Adds `X-Amz-Date`, `X-Amz-Security-Token` and `Authorization`. Every header that is there already is signed, and
    /// `Host` too, which the client sends by itself.
    /// - Parameter seconds: the time since 1970; AWS allows five minutes of difference to its own clock.
    func sign(_ request: inout AWSRequest, at seconds: Int64) throws(AWSFailure) {
        guard let url = AWSAddress(request.url) else {
            throw .badSetting("\"\(request.url)\" is not an address of the form https://host/path")
        }
        let time = AWSTime.compact(seconds)
        request.headers.append((name: "X-Amz-Date", value: time))
        if let token = credentials.sessionToken, !token.isEmpty {
            request.headers.append((name: "X-Amz-Security-Token", value: token))
        }
        let scope = "\(time.prefix(8))/\(region)/\(service)/aws4_request"
        let canonical = Self.canonicalRequest(request, url)
        let toSign = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(Self.hash(canonical.text.utf8))"
        var key = SymmetricKey(data: Array("AWS4\(credentials.secretKey)".utf8))
        for part in [String(time.prefix(8)), region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        let signature = HMAC<SHA256>.authenticationCode(for: Array(toSign.utf8), using: key)
        request.headers.append(
            (
                name: "Authorization",
                value: "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), "
                    + "SignedHeaders=\(canonical.signedHeaders), Signature=\(Self.hexadecimal(signature))"
            ))
    }

    private static func canonicalRequest(_ request: AWSRequest, _ url: AWSAddress) -> (
        text: String, signedHeaders: String
    ) {
        var values: [String: [String]] = ["host": [url.authority]]
        for (name, value) in request.headers {
            values[name.lowercased(), default: []].append(
                value.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " "))
        }
        let names = values.keys.sorted()
        let signedHeaders = names.joined(separator: ";")
        let headers = names.map { "\($0):\((values[$0] ?? []).joined(separator: ","))\n" }.joined()
        // Each part is escaped once more, as every service but S3 wants it.
        let path = url.path.split(separator: "/", omittingEmptySubsequences: false).map {
            AWSAddress.escape(String($0))
        }
        .joined(separator: "/")
        let query = url.query.sorted { ($0.name, $0.value) < ($1.name, $1.value) }
            .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        return (
            "\(request.method)\n\(path)\n\(query)\n\(headers)\n\(signedHeaders)\n\(hash(request.body))", signedHeaders
        )
    }

    private static func hash(_ bytes: some Sequence<UInt8>) -> String { hexadecimal(SHA256.hash(data: Array(bytes))) }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in bytes {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// The parts of an address that a signature covers.
struct AWSAddress: Sendable, Hashable {
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
