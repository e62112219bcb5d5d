import Crypto

/// Signature version 4 of AWS, over a request's method, path, query, chosen headers and body.
struct AWSSignature: Sendable {
    let credentials: AWSCredentials
    let region: String
    let service: String

    /// Adds `X-Amz-Date`, `X-Amz-Security-Token` and `Authorization`. Every header that is there already is signed, and
    /// `Host` too, which the client sends by itself.
    /// - Parameter seconds: the time since 1970; AWS allows five minutes of difference to its own clock.
    func sign(_ request: inout AWSRequest, at seconds: Int64) throws(AWSFailure) {
        guard let url = WebAddress(request.url) else {
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

    private static func canonicalRequest(_ request: AWSRequest, _ url: WebAddress) -> (
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
            WebAddress.escape(String($0))
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
