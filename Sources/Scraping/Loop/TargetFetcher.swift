import AsyncHTTPClient
import Endpoints
import NIOCore
import NIOHTTP1
import Wire

/// Fetches one target's exposition over HTTP.
struct TargetFetcher: Sendable {
    private static let longestBody = 512 << 20

    private let client: EndpointClient
    private let configuration: ScrapeConfiguration
    private let target: Target
    private let request: HTTPClientRequest

    init(client: EndpointClient, configuration: ScrapeConfiguration, target: Target) {
        self.client = client
        self.configuration = configuration
        self.target = target
        request = TargetFetcher.request(configuration, target)
    }

    private static func request(_ configuration: ScrapeConfiguration, _ target: Target) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: target.url)
        if let socket = target.unixSocket {
            let (authority, uri) = parts(of: target.url)
            request.url = EndpointClient.url(unixSocket: socket, uri: uri, isSecure: target.url.hasPrefix("https:"))
            request.headers.add(name: "Host", value: authority)
        }
        let settings = configuration.settings
        request.headers.add(
            name: "Accept",
            value: ScrapeProtocol.acceptHeader(
                settings.protocols(native: target.histograms.native), escaping: settings.escapingAsked))
        // The client inflates by itself; asking for identity is how compression is switched off.
        let isCompressed = configuration.enableCompression ?? !isHere(target)
        request.headers.add(name: "Accept-Encoding", value: isCompressed ? "gzip" : "identity")
        request.headers.add(name: "User-Agent", value: "Needletail")
        request.headers.add(
            name: "X-Prometheus-Scrape-Timeout-Seconds", value: FloatText.string(Double(target.timeout) / 1000, .plain))
        return request
    }

    /// The host with its port, and what follows it.
    private static func parts(of url: String) -> (authority: String, uri: String) {
        let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let uri = String(rest[end...])
        return (String(rest[..<end]), uri.hasPrefix("/") ? uri : "/" + uri)
    }

    private static func isHere(_ target: Target) -> Bool {
        if target.unixSocket != nil { return true }
        let authority = parts(of: target.url).authority
        return authority.hasPrefix("127.") || authority == "localhost" || authority.hasPrefix("localhost:")
            || authority.hasPrefix("[::1]")
    }

    /// The body and its format; every failure is a sentence for `lastError`.
    func fetch() async throws -> (body: [UInt8], format: ExpositionFormat) {
        let asked = configuration.settings.bodySizeLimit
        let limit = asked > 0 ? asked : TargetFetcher.longestBody
        let answer: EndpointResponse
        do {
            // Reaching the limit exactly fails too, as upstream.
            answer = try await client.collect(request, timeout: .milliseconds(target.timeout), limit: limit - 1)
        } catch let error as EndpointError where error.isTooLong {
            throw ScrapeFailure.bodySize("body size limit of \(limit) bytes exceeded")
        }
        guard answer.status == .ok else {
            throw ScrapeFailure.http(
                "server returned HTTP status \(answer.status.code) \(answer.status.reasonPhrase)")
        }
        return (answer.body, try format(answer.headers.first(name: "Content-Type")))
    }

    private func format(_ contentType: String?) throws -> ExpositionFormat {
        if let format = ExpositionFormat.negotiate(contentType: contentType) { return format }
        if let fallback = configuration.fallbackProtocol { return fallback.format }
        guard let contentType, !contentType.isEmpty else {
            throw ScrapeFailure.http(
                "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
            )
        }
        throw ScrapeFailure.http(
            "received unsupported Content-Type \"\(contentType)\" and no fallback_scrape_protocol specified for target")
    }
}
