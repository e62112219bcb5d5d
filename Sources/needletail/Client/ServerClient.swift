import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Where the server is.
struct ServerOptions: ParsableArguments {
    @Option(name: .long, help: "Address of the server; NEEDLETAIL_URL where it is not given.")
    var url: String?

    var client: ServerClient {
        get throws {
            let text = url ?? ProcessInfo.processInfo.environment["NEEDLETAIL_URL"] ?? "http://127.0.0.1:9090"
            guard let parsed = URL(string: text), parsed.scheme == "http" || parsed.scheme == "https",
                parsed.host != nil
            else {
                throw ValidationError("\"\(text)\" is not an address such as http://127.0.0.1:9090")
            }
            return ServerClient(base: text.hasSuffix("/") ? String(text.dropLast()) : text)
        }
    }
}

/// What a server said instead of an answer.
struct ServerRefusal: Error, CustomStringConvertible {
    var status: Int
    var sentence: String
    var description: String { "the server answered \(status): \(sentence)" }
}

/// Asks a server and turns every refusal into its sentence.
struct ServerClient: Sendable {
    let base: String

    /// The shared client tries a refused connection again for a minute and a half; a person at a terminal wants to
    /// know.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(5)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func get(
        _ path: String, _ parameters: [(String, String?)] = [], accept: String? = nil,
        headers: [(String, String)] = [], timeout: TimeAmount = .minutes(3)
    ) async throws -> Data {
        var components = URLComponents()
        components.queryItems = parameters.compactMap { name, value in value.map { URLQueryItem(name: name, value: $0) }
        }
        // A plus sign means a space to form readers, so it must be escaped too.
        let query = (components.percentEncodedQuery ?? "").replacing("+", with: "%2B")
        // Servers and what stands before them limit the length of an address, not that of a form.
        let isLong = query.utf8.count > 8000
        var request = HTTPClientRequest(url: base + path + (query.isEmpty || isLong ? "" : "?" + query))
        if isLong {
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            request.body = .bytes(ByteBuffer(string: query))
        }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let accept { request.headers.add(name: "Accept", value: accept) }
        return try await answer(to: request, timeout: timeout)
    }

    private func answer(to request: HTTPClientRequest, timeout: TimeAmount) async throws -> Data {
        var request = request
        request.headers.add(name: "User-Agent", value: "needletail/\(versionText)")
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            response = try await ServerClient.http.execute(request, timeout: timeout)
            body = try await response.body.collect(upTo: 1 << 30)
        } catch {
            throw CommandFailure(
                "cannot reach \(base): \(ServerClient.reason(error)); is `needletail serve` running? Say where with --url"
            )
        }
        let data = Data(buffer: body)
        guard (200..<300).contains(response.status.code) else {
            throw ServerRefusal(status: Int(response.status.code), sentence: ServerClient.sentence(in: data))
        }
        return data
    }

    /// A request without a body and its JSON answer.
    func send<T: Decodable>(_ type: T.Type, _ method: HTTPMethod, _ path: String) async throws -> T {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        let data = try await answer(to: request, timeout: .seconds(30))
        do { return try JSONDecoder().decode(type, from: data) } catch {
            throw CommandFailure("the server's answer to \(path) cannot be read: \(error)")
        }
    }

    /// The status and the sentence of the answer, whatever the status is.
    func post(
        _ path: String, _ body: [UInt8], _ headers: [(String, String)]
    ) async throws -> (status: Int, sentence: String) {
        var request = HTTPClientRequest(url: base + path)
        request.method = .POST
        request.headers.add(name: "User-Agent", value: "needletail/\(versionText)")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(body)
        do {
            let response = try await ServerClient.http.execute(request, timeout: .minutes(3))
            let data = Data(buffer: try await response.body.collect(upTo: 1 << 20))
            return (Int(response.status.code), ServerClient.sentence(in: data))
        } catch {
            throw CommandFailure(
                "cannot reach \(base): \(ServerClient.reason(error)); is `needletail serve` running? Say where with --server"
            )
        }
    }

    func get<T: Decodable>(
        _ type: T.Type, _ path: String, _ parameters: [(String, String?)] = [], headers: [(String, String)] = []
    ) async throws -> T {
        let data = try await get(path, parameters, headers: headers)
        do { return try JSONDecoder().decode(type, from: data) } catch {
            throw CommandFailure("the server's answer to \(path) cannot be read: \(error)")
        }
    }

    private static func reason(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        // The socket's own error is wrapped, once for each address of the host, in text for programmers.
        let text = "\(error)"
        return text.contains("Connection refused") ? "connection refused" : text
    }

    /// The error of a JSON envelope, or the text as it is.
    private static func sentence(in data: Data) -> String {
        struct Envelope: Decodable { var error: String? }
        if let envelope = try? JSONDecoder().decode(Envelope.self, from: data), let error = envelope.error {
            return error
        }
        let text = String(decoding: data.prefix(2000), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isEmpty ? "without a reason" : text
    }
}
