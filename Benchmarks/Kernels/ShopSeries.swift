import Telemetry
import Wire

/// Label sets, a remote write request and an exposition as a shop's exporters make them.
enum ShopSeries {
    static let bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]

    /// Own labels of `count` series of one exporter: buckets of histograms by handler.
    static func ownLabels(_ count: Int) -> [[Label]] {
        (0..<count).map { index in
            let handler = index / bounds.count
            return [
                Label("handler", "/api/v1/products/:id/part\(handler / 4)"), Label("le", bounds[index % bounds.count]),
                Label("method", ["GET", "POST", "PUT", "DELETE"][handler % 4]), Label("status", "200"),
            ]
        }
    }

    static func labelSets(_ count: Int) -> [LabelSet] {
        let target = [
            Label("__name__", "http_server_request_duration_seconds_bucket"), Label("env", "production"),
            Label("instance", "10.0.3.17:8080"), Label("job", "shop-checkout"), Label("region", "eu-central-1"),
            Label("service", "checkout"), Label("version", "2026.11.3"),
        ]
        return ownLabels(count).map { LabelSet(target + $0) }
    }

    static func request(_ series: [LabelSet]) -> [UInt8] {
        var batch = SeriesBatch()
        for (index, labels) in series.enumerated() {
            batch.addSample(
                batch.addSeries(labels), timestamp: 1_790_000_000_000, value: Double(index * 7919 % 100_000))
        }
        return RemoteWrite.encode(batch)
    }

    /// Text 0.0.4; `scrape` moves the values.
    static func exposition(_ own: [[Label]], scrape: Int) -> [UInt8] {
        var writer = ExpositionWriter()
        writer.family("http_server_request_duration_seconds", .histogram, help: "Duration of requests.")
        for (index, labels) in own.enumerated() {
            writer.sample(
                "http_server_request_duration_seconds_bucket", labels, Double(index * 7919 % 100_000 + scrape * 13))
        }
        return writer.bytes
    }
}
