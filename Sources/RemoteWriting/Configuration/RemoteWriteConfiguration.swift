import Endpoints
import Foundation
import Telemetry
import Wire
import YAMLReading

/// One entry of `remote_write`. Times in milliseconds.
package struct RemoteWriteConfiguration: Sendable {
    package struct Queue: Sendable, Hashable {
        /// Samples that wait in one shard.
        package var capacity = 10_000
        package var minShards = 1
        package var maxShards = 50
        package var maxSamplesPerSend = 2_000
        package var batchSendDeadline: Int64 = 5_000
        package var minBackoff: Int64 = 30
        package var maxBackoff: Int64 = 5_000
        package var retryOnTooManyRequests = false
        /// Older samples are dropped instead of sent; 0 is no limit.
        package var sampleAgeLimit: Int64 = 0
        /// Ours: how much of what is not sent yet is kept on disk, and for how long.
        package var maxDiskBytes = 4 << 30
        package var maxDiskAge: Int64 = 24 * 3_600_000
    }

    package struct Metadata: Sendable, Hashable {
        package var send = true
        package var sendInterval: Int64 = 60_000
        package var maxSamplesPerSend = 2_000
    }

    package var name = ""
    package var url = ""
    package var timeout: Int64 = 30_000
    package var headers: [(name: String, value: String)] = []
    package var relabelRules: [RelabelRule] = []
    package var sendsExemplars = false
    package var sendsNativeHistograms = false
    package var version = RemoteWrite.Version.one
    package var http = HTTPClientConfiguration()
    package var queue = Queue()
    package var metadata = Metadata()
    /// The entry as written: a changed entry begins anew, at the place where the old one was.
    package var source = ""

    package init(url: String) { self.url = url }

    /// What the place in the queue is remembered under: it must be the same after a restart.
    package var key: String { name.isEmpty ? url : name }
    /// As metrics and the log name it.
    package var label: String { name.isEmpty ? shownURL : name }

    /// The URL without the password that may stand in it.
    package var shownURL: String {
        guard let scheme = url.range(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@") else { return url }
        let user = authority[..<at].prefix { $0 != ":" }
        return url[..<scheme.upperBound] + user + ":xxxxx" + rest[at...]
    }
}

extension RemoteWriteConfiguration {
    private static let keys =
        [
            "url", "remote_timeout", "headers", "write_relabel_configs", "name", "send_exemplars",
            "send_native_histograms", "round_robin_dns", "protobuf_message", "queue_config", "metadata_config", "sigv4",
            "azuread", "google_iam",
        ] + HTTPClientConfiguration.keys

    private static let reservedHeaders: Set<String> = [
        "authorization", "host", "content-encoding", "content-length", "content-type", "user-agent", "connection",
        "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding",
        "x-prometheus-remote-write-version", "x-prometheus-remote-read-version", "x-amz-date",
        "x-amz-security-token", "x-amz-content-sha256",
    ]

    package static func read(_ node: YAMLNode) throws(YAMLError) -> RemoteWriteConfiguration {
        let keys = try node.mapping(keys)
        guard let url = try keys["url"]?.string(), !url.isEmpty else { throw node.error("url is empty or missing") }
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw (keys["url"] ?? node).error("\"\(url)\" is not a URL: write http://host:port/path")
        }
        for (key, way) in [
            ("sigv4", "put a signing proxy before the receiver"), ("azuread", "use oauth2"),
            ("google_iam", "use oauth2"),
        ] where keys[key] != nil {
            throw (keys[key] ?? node).error("\(key) is not supported for remote_write here: \(way)")
        }
        var remote = RemoteWriteConfiguration(url: url)
        remote.source = node.text
        remote.name = try keys["name"]?.string() ?? ""
        if let timeout = try keys["remote_timeout"]?.duration(), timeout > 0 { remote.timeout = timeout }
        for (name, value) in try keys["headers"]?.entries() ?? [] {
            if reservedHeaders.contains(name.lowercased()) {
                throw value.error("\(name) is a reserved header. It must not be changed")
            }
            remote.headers.append((name, try value.string()))
        }
        for rule in try keys["write_relabel_configs"]?.list() ?? [] {
            remote.relabelRules.append(try RelabelRule.read(rule))
        }
        remote.sendsExemplars = try keys["send_exemplars"]?.bool() ?? false
        remote.sendsNativeHistograms = try keys["send_native_histograms"]?.bool() ?? false
        switch try keys["protobuf_message"]?.string() ?? "prometheus.WriteRequest" {
        case "prometheus.WriteRequest": remote.version = .one
        case "io.prometheus.write.v2.Request": remote.version = .two
        case let other:
            throw (keys["protobuf_message"] ?? node).error(
                "unknown message \"\(other)\": write prometheus.WriteRequest or io.prometheus.write.v2.Request")
        }
        remote.http = try HTTPClientConfiguration.read(keys)
        if let queue = keys["queue_config"] { remote.queue = try Queue.read(queue) }
        if let metadata = keys["metadata_config"] { remote.metadata = try Metadata.read(metadata) }
        return remote
    }

    /// All entries; two must not have one name.
    package static func readAll(_ node: YAMLNode?) throws(YAMLError) -> [RemoteWriteConfiguration] {
        var all: [RemoteWriteConfiguration] = []
        for entry in try node?.list() ?? [] {
            let remote = try read(entry)
            if all.contains(where: { $0.key == remote.key }) {
                throw entry.error(
                    "found multiple remote write configs with \(remote.name.isEmpty ? "url" : "name") \"\(remote.key)\": give each a name of its own"
                )
            }
            all.append(remote)
        }
        return all
    }
}

extension RemoteWriteConfiguration.Queue {
    static func read(_ node: YAMLNode) throws(YAMLError) -> RemoteWriteConfiguration.Queue {
        let keys = try node.mapping([
            "capacity", "min_shards", "max_shards", "max_samples_per_send", "batch_send_deadline", "min_backoff",
            "max_backoff", "retry_on_http_429", "sample_age_limit", "max_disk_bytes", "max_disk_age",
        ])
        func count(_ name: String, _ initial: Int) throws(YAMLError) -> Int {
            guard let node = keys[name] else { return initial }
            let number = try node.integer()
            guard number > 0, number <= 100_000_000 else { throw node.error("must be at least 1") }
            return number
        }
        var queue = RemoteWriteConfiguration.Queue()
        queue.capacity = try count("capacity", queue.capacity)
        queue.minShards = try count("min_shards", queue.minShards)
        queue.maxShards = try count("max_shards", queue.maxShards)
        if queue.minShards > queue.maxShards { throw node.error("min_shards is greater than max_shards") }
        queue.maxSamplesPerSend = try count("max_samples_per_send", queue.maxSamplesPerSend)
        if let time = try keys["batch_send_deadline"]?.duration() { queue.batchSendDeadline = max(1, time) }
        if let time = try keys["min_backoff"]?.duration() { queue.minBackoff = max(1, time) }
        if let time = try keys["max_backoff"]?.duration() { queue.maxBackoff = max(queue.minBackoff, time) }
        queue.retryOnTooManyRequests = try keys["retry_on_http_429"]?.bool() ?? false
        if let time = try keys["sample_age_limit"]?.duration() { queue.sampleAgeLimit = max(0, time) }
        if let bytes = try keys["max_disk_bytes"]?.byteSize() { queue.maxDiskBytes = max(1 << 20, bytes) }
        if let time = try keys["max_disk_age"]?.duration() { queue.maxDiskAge = max(60_000, time) }
        return queue
    }
}

extension RemoteWriteConfiguration.Metadata {
    static func read(_ node: YAMLNode) throws(YAMLError) -> RemoteWriteConfiguration.Metadata {
        let keys = try node.mapping(["send", "send_interval", "max_samples_per_send"])
        var metadata = RemoteWriteConfiguration.Metadata()
        metadata.send = try keys["send"]?.bool() ?? true
        if let time = try keys["send_interval"]?.duration() { metadata.sendInterval = max(1_000, time) }
        if let node = keys["max_samples_per_send"] {
            metadata.maxSamplesPerSend = try node.integer()
            guard metadata.maxSamplesPerSend > 0 else { throw node.error("must be at least 1") }
        }
        return metadata
    }
}
