import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The head of an answer, whole or still coming.
protocol EndpointAnswer: Sendable {
    var status: HTTPResponseStatus { get }
    var headers: HTTPHeaders { get }
}

extension HTTPClientResponse: EndpointAnswer {}

/// A whole answer.
package struct EndpointResponse: EndpointAnswer {
    package var status: HTTPResponseStatus
    package var headers: HTTPHeaders
    package var body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }
}

extension EndpointClient {
    /// Sends a request and reads the whole answer, at most `limit` bytes of it, within the timeout. A longer answer is
    /// an
    /// ``EndpointError`` with ``EndpointError/isTooLong``.
    package func collect(_ request: HTTPClientRequest, timeout: Duration, limit: Int = 64 << 20) async throws
        -> EndpointResponse
    {
        guard request.body == nil else {
            return try await withResponse(request, timeout: timeout) { response in
                var bytes: [UInt8] = []
                for try await chunk in response.body {
                    bytes.append(contentsOf: chunk.readableBytesView)
                    if bytes.count > limit { throw EndpointError.tooLong(request, limit) }
                }
                return EndpointResponse(status: response.status, headers: response.headers, body: bytes)
            }
        }
        let deadline = NIODeadline.now() + timeout.timeAmount
        let loop = EndpointClient.loop(for: request.url)
        return try await perform(request, deadline: deadline, timeout: timeout) { client, prepared in
            let plain = try HTTPClient.Request(
                url: prepared.url, method: prepared.method, headers: prepared.headers,
                tlsConfiguration: prepared.tlsConfiguration)
            let task = client.execute(
                request: plain, delegate: BodyCollector(request, limit: limit),
                eventLoop: .delegateAndChannel(on: loop), deadline: deadline)
            return try await withTaskCancellationHandler {
                try await task.futureResult.get()
            } onCancel: {
                task.cancel()
            }
        }
    }

    private static let loops = Array(MultiThreadedEventLoopGroup.singleton.makeIterator())

    /// One for each host, so that its connection is found again on the loop that the answer is collected on.
    private static func loop(for url: String) -> any EventLoop {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var slashes = 0
        for byte in url.utf8 {
            if byte == UInt8(ascii: "/") { slashes += 1 }
            if slashes == 3 { break }
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return loops[Int((hash ^ hash >> 32) % UInt64(loops.count))]
    }
}

/// Puts the body together on the event loop that reads it: an answer of many pieces wakes one thread once, and waking
/// one costs more than reading some thousand bytes.
private final class BodyCollector: HTTPClientResponseDelegate {
    typealias Response = EndpointResponse

    private let request: HTTPClientRequest
    private let limit: Int
    private let answer = Mutex(EndpointResponse(status: .ok, headers: [:], body: []))

    init(_ request: HTTPClientRequest, limit: Int) {
        self.request = request
        self.limit = limit
    }

    func didReceiveHead(task: HTTPClient.Task<Response>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        let announced = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
        answer.withLock { answer in
            answer.status = head.status
            answer.headers = head.headers
            answer.body.reserveCapacity(max(0, min(announced, limit, 64 << 20)))
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Response>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let isTooLong = answer.withLock { answer in
            buffer.withUnsafeReadableBytes { answer.body.append(contentsOf: $0) }
            return answer.body.count > limit
        }
        return isTooLong
            ? task.eventLoop.makeFailedFuture(EndpointError.tooLong(request, limit))
            : task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<Response>) throws -> EndpointResponse {
        answer.withLock { answer in
            defer { answer.body = [] }
            return answer
        }
    }
}
