import BenchmarkSupport
import Foundation
import Synchronization

struct IngestFigures: Codable {
    var samples: Int
    var cpuSecondsPerMillion: Double
    /// Of that, after the last request was answered.
    var settlingCPUSecondsPerMillion: Double
    var wallSeconds: Double
    var rss: Int
    var rssAnonymous: Int
    var retried: Int
}

/// Sends every prepared request and waits until the server has digested it.
enum IngestStage {
    /// Scrapes between two meetings of the connections: none may run so far ahead that a server calls the others old.
    private static let ticksPerRound = 16

    static func run(_ running: RunningServer, _ load: RemoteWriteLoad, connections: Int) throws -> IngestFigures {
        let clients = (0..<connections).map { Client(index: $0, count: connections, running.port) }
        let cpu = running.process.cpuSeconds
        let start = ContinuousClock.now
        for first in stride(from: 0, to: load.shape.ticks, by: ticksPerRound) {
            let ticks = first..<min(first + ticksPerRound, load.shape.ticks)
            let failure = Mutex<(any Error)?>(nil)
            DispatchQueue.concurrentPerform(iterations: connections) { index in
                do { try clients[index].send(load, ticks) } catch { failure.withLock { $0 = error } }
            }
            if let error = failure.withLock({ $0 }) { throw error }
        }
        let wall = ContinuousClock.now - start
        let sent = running.process.cpuSeconds
        running.settle()
        let settled = running.process.cpuSeconds
        let millions = Double(load.sampleCount) / 1e6
        return IngestFigures(
            samples: load.sampleCount, cpuSecondsPerMillion: (settled - cpu) / millions,
            settlingCPUSecondsPerMillion: (settled - sent) / millions,
            wallSeconds: Double(wall.components.seconds) + Double(wall.components.attoseconds) / 1e18,
            rss: running.process.memory("VmRSS"), rssAnonymous: running.process.memory("RssAnon"),
            retried: clients.reduce(0) { $0 + $1.retried })
    }

    /// One connection, used by one thread at a time; it always has the same series, so that theirs stay in order.
    private final class Client: @unchecked Sendable {
        private let index: Int
        private let count: Int
        private let connection: HTTPConnection
        private(set) var retried = 0

        init(index: Int, count: Int, _ port: Int) {
            self.index = index
            self.count = count
            connection = HTTPConnection(port: port)
        }

        private static let headers =
            "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
            + "X-Prometheus-Remote-Write-Version: 0.1.0\r\nUser-Agent: needletail-benchmark\r\n"

        func send(_ load: RemoteWriteLoad, _ ticks: Range<Int>) throws {
            for tick in ticks {
                for slot in stride(from: index, to: load.slots, by: count) {
                    try send(load.body(tick: tick, slot: slot))
                }
            }
        }

        private func send(_ body: UnsafeRawBufferPointer) throws {
            for _ in 0..<3000 {
                let answer = try connection.post("/api/v1/write", headers: Self.headers, body)
                if (200..<300).contains(answer.status) { return }
                guard answer.status == 429 || answer.status == 503 else {
                    throw BenchmarkError("remote write was answered with \(answer.status): \(answer.text.prefix(300))")
                }
                retried += 1
                usleep(10_000)
            }
            throw BenchmarkError("the server refused a request for 30 seconds")
        }
    }
}
