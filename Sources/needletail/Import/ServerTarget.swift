import AsyncHTTPClient
import Codecs
import Foundation
import NIOCore
import Telemetry
import Wire

/// Into a running server, by remote write.
struct ServerTarget: ImportTarget {
    let batchSize = 10_000
    let client: ServerClient

    func write(_ batch: SeriesBatch) async throws -> ImportOutcome {
        let body = Snappy.compress(RemoteWrite.encode(batch))
        var attempt = 0
        while true {
            let (status, text) = try await client.post(
                "/api/v1/write", body,
                [
                    ("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy"),
                    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
                ])
            switch status {
            case 200..<300: return ImportOutcome()
            case 429, 503:
                attempt += 1
                guard attempt < 60 else { throw CommandFailure("the server stays overloaded: \(text)") }
                try await Task.sleep(for: .seconds(1))
            case 400:
                // The others of the request are stored. How many were not is only in the sentence.
                return ImportOutcome(rejected: ["refused by the server": 1], message: text)
            default: throw CommandFailure("the server answered \(status): \(text)")
            }
        }
    }

    func finish() async throws {}
}
