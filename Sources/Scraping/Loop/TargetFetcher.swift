import AsyncHTTPClient
import Endpoints
import NIOCore
import NIOHTTP1
import Wire

/// Fetches one target's exposition over HTTP.
struct TargetFetcher: Sendable {
    let client: HTTPClient
    let configuration: ScrapeConfiguration
    let target: Target

    /// The body and its format; every failure is a sentence for `lastError`.
    func fetch() async throws -> (body: [UInt8], format: ExpositionFormat) {
        var request = HTTPClientRequest(url: target.url)
        request.headers.add(name: "Accept", value: ExpositionFormat.acceptHeader)
        // The client inflates by itself; asking for identity is how compression is switched off.
        request.headers.add(name: "Accept-Encoding", value: configuration.enableCompression ? "gzip" : "identity")
        request.headers.add(name: "User-Agent", value: "Needletail")
        request.headers.add(name: "X-Prometheus-Scrape-Timeout-Seconds", value: "\(Double(target.timeout) / 1000)")
        for (name, value) in configuration.http.headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let authorization = try configuration.http.authorizationHeader() {
            request.headers.add(name: "Authorization", value: authorization)
        }
        let response = try await client.execute(request, timeout: .milliseconds(target.timeout))
        guard response.status == .ok else {
            throw ScrapeFailure.http(
                "server returned HTTP status \(response.status.code) \(response.status.reasonPhrase)")
        }
        let limit = configuration.bodySizeLimit > 0 ? configuration.bodySizeLimit : 512 << 20
        var body: [UInt8] = []
        for try await chunk in response.body {
            body.append(contentsOf: chunk.readableBytesView)
            if body.count >= limit {
                throw ScrapeFailure.http("body size limit of \(limit) bytes exceeded")
            }
        }
        let type = response.headers.first(name: "Content-Type") ?? ""
        if let format = ExpositionFormat.negotiate(contentType: type) { return (body, format) }
        if let fallback = configuration.fallbackProtocol {
            return (body, fallback.hasPrefix("OpenMetrics") ? .openMetrics1 : .text004)
        }
        throw ScrapeFailure.http(
            type.isEmpty
                ? "the answer has no Content-Type; set fallback_scrape_protocol to scrape it anyway"
                : "received unsupported Content-Type \"\(type)\" and no fallback_scrape_protocol specified for target")
    }
}
