import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Speaks HTTP as one `http_config` says: its credentials, TLS, proxy, headers and redirects. Cheap to copy.
package struct EndpointClient: Sendable {
    let endpoint: Endpoint
    let connections: EndpointConnections

    /// Sends a request and gives the head of the answer, whose body the caller then reads. The timeout ends with the
    /// head: use ``withResponse(_:timeout:_:)`` or ``collect(_:timeout:limit:)`` where it must cover the body too.
    ///
    /// A body must be one that can be sent twice (`.bytes(ByteBuffer)`), for redirects and refreshed tokens.
    /// Errors are ``EndpointError``s, or `CancellationError`.
    package func execute(_ request: HTTPClientRequest, timeout: Duration) async throws -> HTTPClientResponse {
        try await perform(request, deadline: .now() + timeout.timeAmount, timeout: timeout)
    }

    /// Sends a request and reads its answer in `body`, both within the timeout.
    package func withResponse<T: Sendable>(
        _ request: HTTPClientRequest, timeout: Duration,
        _ body: @escaping @Sendable (HTTPClientResponse) async throws -> T
    ) async throws -> T {
        let deadline = NIODeadline.now() + timeout.timeAmount
        return try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask {
                let response = try await perform(request, deadline: deadline, timeout: timeout)
                do {
                    return try await body(response)
                } catch {
                    throw Self.sentence(error, request, timeout)
                }
            }
            group.addTask {
                // The head has its own deadline, whose error says more.
                try await Task.sleep(for: timeout + .milliseconds(20))
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else {
                throw EndpointError.timedOut(request, timeout)
            }
            return value
        }
    }

    /// Sends a request and reads the whole answer, at most `limit` bytes of it, within the timeout.
    package func collect(_ request: HTTPClientRequest, timeout: Duration, limit: Int = 64 << 20) async throws
        -> EndpointResponse
    {
        try await withResponse(request, timeout: timeout) { response in
            var bytes: [UInt8] = []
            for try await chunk in response.body {
                bytes.append(contentsOf: chunk.readableBytesView)
                if bytes.count > limit {
                    throw EndpointError(
                        "\(request.method.rawValue) \"\(request.shownURL)\": the answer is larger than \(limit) bytes")
                }
            }
            return EndpointResponse(status: response.status, headers: response.headers, body: bytes)
        }
    }

    /// A URL for a server that listens on a unix socket; set `Host` yourself where the server minds. `uri` begins with
    /// `/`.
    package static func url(unixSocket path: String, uri: String, isSecure: Bool = false) -> String {
        return (isSecure ? "https+unix://" : "http+unix://") + FormEncoding.escape(path) + uri
    }
}

/// An answer read to its end.
package struct EndpointResponse: Sendable {
    package var status: HTTPResponseStatus
    package var headers: HTTPHeaders
    package var body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }
}

extension Duration {
    var timeAmount: TimeAmount {
        let (seconds, attoseconds) = components
        // A year is as good as forever, and cannot overflow.
        return .nanoseconds(min(max(0, seconds), 31_536_000) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
