import BenchmarkSupport
import Foundation

/// One of the programs that are measured.
protocol LogServer {
    var name: String { get }
    var program: String { get }
    /// Writes what configuration it needs into `folder`.
    func arguments(folder: URL, port: Int) throws -> [String]
    var readyPath: String { get }
    var pushPath: String { get }
    /// Path and query that ask a question over the whole load.
    func path(_ question: LogQuestion, _ load: LogLoad) -> String
    /// Brings the data into the form in which it stays, as far as the server lets one.
    func compact(_ connection: HTTPConnection) throws
}

extension LogServer {
    func compact(_ connection: HTTPConnection) throws {}
}

extension String {
    var escapedForQuery: String {
        addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? self
    }
}

/// The part of Loki's API that ours shares.
private func lokiPath(_ question: LogQuestion, _ load: LogLoad) -> String {
    let times = "&start=\(load.options.start)&end=\(load.end)"
    switch question.shape {
    case .lines(let limit):
        return "/loki/api/v1/query_range?query=\(question.logQL.escapedForQuery)\(times)&limit=\(limit)"
    case .overTime(let step):
        return "/loki/api/v1/query_range?query=\(question.logQL.escapedForQuery)\(times)&step=\(step)"
    case .once:
        return "/loki/api/v1/query?query=\(question.logQL.escapedForQuery)&time=\(load.end)"
    }
}

struct NeedletailServer: LogServer {
    let name = "needletail"
    let program: String
    let readyPath = "/-/ready"
    let pushPath = "/loki/api/v1/push"

    func arguments(folder: URL, port: Int) throws -> [String] {
        // Its default is to scrape itself, which the peers don't.
        let configuration = folder.appendingPathComponent("needletail.yml")
        try "scrape_configs: []\n".write(to: configuration, atomically: true, encoding: .utf8)
        return [
            "serve", "--config", configuration.path, "--data-dir", folder.appendingPathComponent("data").path,
            "--listen", "127.0.0.1:\(port)", "--otlp-http", "127.0.0.1:\(try SocketAddress.freePort())",
            "--otlp-grpc", "127.0.0.1:\(try SocketAddress.freePort())", "--log-level", "warning",
            "--web.enable-admin-api",
        ]
    }

    func path(_ question: LogQuestion, _ load: LogLoad) -> String { lokiPath(question, load) }

    func compact(_ connection: HTTPConnection) throws { _ = try connection.post("/api/v1/admin/tsdb/flush") }
}

struct LokiServer: LogServer {
    let name = "loki"
    let program: String
    let readyPath = "/ready"
    let pushPath = "/loki/api/v1/push"

    func arguments(folder: URL, port: Int) throws -> [String] {
        let data = folder.appendingPathComponent("data").path
        let text = """
            auth_enabled: false
            server: {http_listen_port: \(port), grpc_listen_port: \(try SocketAddress.freePort()), log_level: warn}
            common:
              path_prefix: \(data)
              replication_factor: 1
              ring: {kvstore: {store: inmemory}, instance_addr: 127.0.0.1}
              storage: {filesystem: {chunks_directory: \(data)/chunks, rules_directory: \(data)/rules}}
            schema_config:
              configs:
              - {from: 2020-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}
            limits_config:
              reject_old_samples: false
              ingestion_rate_mb: 1000
              ingestion_burst_size_mb: 1000
              per_stream_rate_limit: 1GB
              per_stream_rate_limit_burst: 1GB
              max_query_length: 0
              max_entries_limit_per_query: 5000
            analytics: {reporting_enabled: false}

            """
        let configuration = folder.appendingPathComponent("loki.yml")
        try text.write(to: configuration, atomically: true, encoding: .utf8)
        return ["-config.file=\(configuration.path)"]
    }

    func path(_ question: LogQuestion, _ load: LogLoad) -> String { lokiPath(question, load) }
    func compact(_ connection: HTTPConnection) throws { _ = try connection.post("/flush") }
}

struct VictoriaLogsServer: LogServer {
    let name = "victoria-logs"
    let program: String
    let readyPath = "/health"
    let pushPath = "/insert/loki/api/v1/push"

    func arguments(folder: URL, port: Int) throws -> [String] {
        [
            "-storageDataPath=\(folder.appendingPathComponent("data").path)", "-httpListenAddr=127.0.0.1:\(port)",
            "-retentionPeriod=100y", "-loggerLevel=WARN",
        ]
    }

    func path(_ question: LogQuestion, _ load: LogLoad) -> String {
        let times = "&start=\(load.options.start)ns&end=\(load.end)ns"
        let query = "query=\(question.logsQL.escapedForQuery)"
        switch question.shape {
        case .lines(let limit): return "/select/logsql/query?\(query)\(times)&limit=\(limit)"
        case .overTime(let step): return "/select/logsql/stats_query_range?\(query)\(times)&step=\(step)s"
        case .once: return "/select/logsql/stats_query?\(query)&time=\(load.end)ns"
        }
    }

    func compact(_ connection: HTTPConnection) throws {
        _ = try connection.get("/internal/force_flush")
        _ = try connection.get("/internal/force_merge")
    }
}
