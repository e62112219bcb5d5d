import AsyncHTTPClient
import Endpoints
import NIOCore
import NIOHTTP1

/// What the watchers need of an API server.
protocol KubernetesTransport: Sendable {
    /// The body of a successful answer.
    func get(_ path: String, accept: String) async throws -> [UInt8]
    /// Gives each line of a streamed answer until it ends or the time (milliseconds) is over.
    func stream(
        _ path: String, accept: String, timeout: Int64, line: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws
}

/// What went wrong between us and an API server.
enum KubernetesFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server's own sentence where it sent one.
    case refused(path: String, status: Int, message: String)
    case unreadable(path: String, reason: String)
    /// The version that a watch began at is no longer known: list again.
    case expired
    case badSetting(String)

    var description: String {
        switch self {
        case .refused(let path, let status, let message):
            "the API server refused \(path) with \(status)" + (message.isEmpty ? "" : ": \(message)")
        case .unreadable(let path, let reason): "the answer to \(path) cannot be read: \(reason)"
        case .expired: "the API server forgot the version to go on from"
        case .badSetting(let sentence): sentence
        }
    }

    /// From an answer that is no success: a `Status` object, or any text.
    static func read(path: String, status: Int, body: [UInt8]) -> KubernetesFailure {
        if status == 410 { return .expired }
        let message = (try? JSONTree.read(body))?["message"].string ?? String(decoding: body.prefix(200), as: UTF8.self)
        return .refused(path: path, status: status, message: message)
    }
}

/// Cuts a stream of bytes into lines, of bounded length.
struct KubernetesLines {
    /// The largest object of a cluster is some megabytes: etcd takes no more than 1.5 by default.
    let maximum: Int
    private var rest: [UInt8] = []

    init(maximum: Int = 32 << 20) { self.maximum = maximum }

    /// The lines that are whole now, without their ends; empty ones are left out.
    mutating func add(_ bytes: some Collection<UInt8>) throws(KubernetesFailure) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: 0x0a) {
            rest += bytes[start..<end]
            if rest.last == 0x0d { rest.removeLast() }
            if !rest.isEmpty { lines.append(rest) }
            rest = []
            start = bytes.index(after: end)
        }
        rest += bytes[start...]
        guard rest.count <= maximum else {
            throw .unreadable(path: "a watch", reason: "an event is larger than \(maximum) bytes")
        }
        return lines
    }
}

/// An API server over HTTP.
struct KubernetesServer: KubernetesTransport {
    /// Without a slash at its end.
    let address: String
    let client: EndpointClient

    private func request(_ path: String, _ accept: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address + path)
        request.headers.add(name: "Accept", value: accept)
        request.headers.add(name: "User-Agent", value: "Needletail")
        return request
    }

    func get(_ path: String, accept: String) async throws -> [UInt8] {
        let response = try await client.collect(
            request(path, accept), timeout: .seconds(60), limit: 256 << 20)
        guard response.status == .ok else {
            throw KubernetesFailure.read(path: path, status: Int(response.status.code), body: response.body)
        }
        return response.body
    }

    func stream(
        _ path: String, accept: String, timeout: Int64, line: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        try await client.withResponse(request(path, accept), timeout: .milliseconds(timeout)) { response in
            guard response.status == .ok else {
                var body: [UInt8] = []
                for try await chunk in response.body {
                    body += chunk.readableBytesView
                    if body.count > 1 << 16 { break }
                }
                throw KubernetesFailure.read(path: path, status: Int(response.status.code), body: body)
            }
            var lines = KubernetesLines()
            for try await chunk in response.body {
                for one in try lines.add(chunk.readableBytesView) { try await line(one) }
            }
        }
    }
}
