import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import Server

/// One collector on free ports, asked over real sockets.
enum LiveServer {
    struct Answer {
        var status: UInt
        var headers: [String: String]
        var text: String
    }

    /// Serves until the body has returned.
    static func run(
        in folder: String, _ change: (inout ServeOptions) -> Void = { _ in },
        _ body: @Sendable @escaping (_ base: String, ServerProcess) async throws -> Void
    ) async throws {
        var options = ServeOptions()
        options.dataFolder = folder + "/data"
        options.selfScrapeInterval = 0
        options.listen = try #require(ListenAddress.free(host: "127.0.0.1"))
        options.otlpHTTP = try #require(ListenAddress.free(host: "127.0.0.1"))
        options.otlpGRPC = try #require(ListenAddress.free(host: "127.0.0.1"))
        change(&options)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let process = try await ServerProcess(options: options, logger: logger)
        let (ready, isReady) = AsyncStream<String>.makeStream()
        let visit = Visit(ready: ready) { base in try await body(base, process) }
        try await process.run(handlingSignals: false, alongside: [visit]) { isReady.yield("http://\($0)") }
    }

    /// Runs the body once the server answers; its end is the server's graceful end.
    private struct Visit: Service {
        let ready: AsyncStream<String>
        let body: @Sendable (String) async throws -> Void

        func run() async throws {
            for await base in ready { return try await body(base) }
        }
    }

    static func send(
        _ method: String, _ url: String, _ body: String = "", type: String? = nil, headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        if let type { request.headers.add(name: "Content-Type", value: type) }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if !body.isEmpty { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        return Answer(
            status: response.status.code,
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { $1 },
            text: String(buffer: try await response.body.collect(upTo: 16 << 20)))
    }

    static func query(_ path: String, _ parameters: [(String, String)]) -> String {
        var components = URLComponents()
        components.queryItems = parameters.map { URLQueryItem(name: $0.0, value: $0.1) }
        return path + "?" + (components.percentEncodedQuery ?? "").replacingOccurrences(of: "+", with: "%2B")
    }
}
