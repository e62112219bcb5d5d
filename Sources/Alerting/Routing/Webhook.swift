import Endpoints
import Foundation
import YAMLReading

/// One `webhook_configs` entry.
package struct Webhook: Sendable, Hashable {
    package var url: String
    package var urlFile: String?
    package var sendResolved = true
    /// Most alerts in one payload; 0 is no limit.
    package var maxAlerts = 0
    /// Milliseconds for one attempt; 0 leaves it to the flush.
    package var timeout: Int64 = 0
    package var http = HTTPClientConfiguration()

    package init(url: String) { self.url = url }

    static func read(_ node: YAMLNode) throws(YAMLError) -> Webhook {
        let keys = try node.mapping(["url", "url_file", "send_resolved", "max_alerts", "timeout", "http_config"])
        var webhook = Webhook(url: try keys["url"]?.string() ?? "")
        webhook.urlFile = try keys["url_file"]?.string()
        guard webhook.url.isEmpty == (webhook.urlFile != nil) else {
            throw node.error("one of url or url_file must be configured")
        }
        if let url = keys["url"] {
            guard webhook.url.hasPrefix("http://") || webhook.url.hasPrefix("https://") else {
                throw url.error("\"\(webhook.url)\" is not an http:// or https:// address")
            }
        }
        webhook.sendResolved = try keys["send_resolved"]?.bool() ?? true
        webhook.maxAlerts = try keys["max_alerts"]?.integer() ?? 0
        webhook.timeout = try keys["timeout"]?.duration() ?? 0
        if let http = keys["http_config"] {
            webhook.http = try HTTPClientConfiguration.read(http.mapping(HTTPClientConfiguration.keys))
        }
        return webhook
    }

    /// The address to post to; a file is read at each use.
    func address() throws -> String {
        guard let urlFile else { return url }
        return try String(contentsOfFile: urlFile, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
