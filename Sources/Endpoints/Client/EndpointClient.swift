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

    /// A URL for a server that listens on a unix socket; set `Host` yourself where the server minds. `uri` begins with
    /// `/`.
    package static func url(unixSocket path: String, uri: String, isSecure: Bool = false) -> String {
        return (isSecure ? "https+unix://" : "http+unix://") + FormEncoding.escape(path) + uri
    }
}

/// An answer read to its end.
extension Duration {
    var timeAmount: TimeAmount {
        let (seconds, attoseconds) = components
        // A year is as good as forever, and cannot overflow.
        return .nanoseconds(min(max(0, seconds), 31_536_000) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
