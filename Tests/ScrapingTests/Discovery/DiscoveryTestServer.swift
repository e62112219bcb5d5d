import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Testing

/// A real server whose answers a test changes while it runs.
final class DiscoveryTestServer: Sendable {
    struct Answer: Sendable {
        var status = 200
        var contentType = "application/json"
        var body = ""
        /// Milliseconds before the answer.
        var delay = 0
    }

    struct Asked: Sendable {
        var uri: String
        var headers: HTTPFields
    }

    private struct State {
        var answers: [String: Answer] = [:]
        var asked: [Asked] = []
    }

    private let state = Mutex(State())

    /// By path; others are answered with 404.
    func set(_ path: String, _ answer: Answer) { state.withLock { $0.answers[path] = answer } }
    var asked: [Asked] { state.withLock { $0.asked } }

    /// Runs a server on a free port, or on a unix socket, while `body` runs.
    static func with(
        unixSocket: String? = nil, _ body: (_ server: DiscoveryTestServer, _ port: Int) async throws -> Void
    ) async throws {
        let server = DiscoveryTestServer()
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let router = Router()
        router.get("**") { request, _ -> Response in
            let (answer, _) = server.state.withLock { state in
                state.asked.append(Asked(uri: request.uri.string, headers: request.headers))
                return (
                    state.answers[request.uri.path] ?? Answer(status: 404, body: "{\"message\":\"no such page\"}"), 0
                )
            }
            try await Task.sleep(for: .milliseconds(answer.delay))
            return Response(
                status: .init(code: answer.status), headers: [.contentType: answer.contentType],
                body: .init(byteBuffer: ByteBuffer(string: answer.body)))
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let application = Application(
            router: router,
            configuration: .init(
                address: unixSocket.map { .unixDomainSocket(path: $0) } ?? .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) }, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await application.run() }
            for await port in ports {
                do { try await body(server, port) } catch { Issue.record(error) }
                break
            }
            group.cancelAll()
        }
    }
}

/// Waits until something holds, at most a few seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<400 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return false
}

/// An issue at the caller's line where something does not come to hold.
func expectEventually(
    at location: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let holds = try await eventually(condition)
    #expect(holds, sourceLocation: location)
}

/// A value that closures of several tasks share.
final class Shared<Value: Sendable>: Sendable {
    private let held: Mutex<Value>
    init(_ value: Value) { held = Mutex(value) }
    func withLock<T>(_ body: (inout Value) -> T) -> T where T: Sendable { held.withLock { value in body(&value) } }
}
