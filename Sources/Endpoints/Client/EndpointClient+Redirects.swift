import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension EndpointClient {
    /// The request that an answer redirects to; nil where it is an answer to keep. Once a redirect led to another host,
    /// the rest of the way goes without credentials, even if it comes back.
    static func redirect(
        _ request: HTTPClientRequest, _ response: some EndpointAnswer, _ carriesCredentials: inout Bool,
        _ configuration: HTTPClientConfiguration
    ) throws(EndpointError) -> HTTPClientRequest? {
        let keepsMethod: Bool
        switch response.status.code {
        case 301, 302, 303: keepsMethod = request.method == .GET || request.method == .HEAD
        case 307, 308: keepsMethod = true
        default: return nil
        }
        // Go also gives back a redirect to nowhere as the answer that it is.
        guard let location = response.headers.first(name: "Location"), !location.isEmpty else { return nil }
        guard let base = URL(string: request.url), let target = URL(string: location, relativeTo: base)?.absoluteURL
        else {
            throw EndpointError(
                "\(request.method.rawValue) \"\(request.shownURL)\": failed to parse Location header \"\(location)\"")
        }
        guard let scheme = target.scheme?.lowercased(), scheme == "http" || scheme == "https" || scheme == base.scheme
        else {
            throw EndpointError(
                "\(request.method.rawValue) \"\(request.shownURL)\": redirected to \"\(location)\", which is neither http nor https"
            )
        }
        var next = HTTPClientRequest(url: target.absoluteString)
        next.headers = request.headers
        next.method = request.method
        next.body = request.body
        if !keepsMethod {
            next.method = .GET
            next.body = nil
            for name in ["Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding"] {
                next.headers.remove(name: name)
            }
        }
        if isSameHost(base, target) { return next }
        carriesCredentials = false
        next.headers.remove(name: "Host")
        for name in [
            "Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "WWW-Authenticate", "X-Amz-Security-Token",
        ]
            + configuration.headerFields.map(\.name)
        {
            next.headers.remove(name: name)
        }
        return next
    }

    /// The same name, over no weaker a protocol. The port may differ: it is still that host's own redirect.
    private static func isSameHost(_ base: URL, _ target: URL) -> Bool {
        guard let from = base.host?.lowercased(), let to = target.host?.lowercased(), from == to else { return false }
        return !(base.scheme?.lowercased() == "https" && target.scheme?.lowercased() == "http")
    }
}
