import AsyncHTTPClient
import Endpoints
import Logging
import NIOCore
import NIOHTTP1
import Storage
import Synchronization

/// Sends the batches of the spool, oldest first and one at a time, until the server has taken each.
package final class PushSender: Sendable {
    private let server: Mutex<AgentConfiguration.Server>
    private let connections: EndpointConnections
    private let statistics: AgentStatistics
    private let logger: Logger
    private let isDraining = Atomic<Bool>(false)
    private let wakeups: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    package init(
        server: AgentConfiguration.Server, connections: EndpointConnections, statistics: AgentStatistics, logger: Logger
    ) {
        self.server = Mutex(server)
        self.connections = connections
        self.statistics = statistics
        self.logger = logger
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func use(_ server: AgentConfiguration.Server) { self.server.withLock { $0 = server } }

    /// There may be a new batch.
    package func poke() { wake.yield() }

    /// ``run(_:)`` returns when the spool is empty.
    package func drain() {
        isDraining.store(true, ordering: .releasing)
        wake.yield()
    }

    private struct Attempts {
        var count = 0
        var lastComplaint: ContinuousClock.Instant?
    }

    package func run(_ reader: SpoolReader) async {
        var iterator = wakeups.makeAsyncIterator()
        var attempts = Attempts()
        while !Task.isCancelled {
            do {
                guard let record = try reader.next() else {
                    if isDraining.load(ordering: .acquiring) { return }
                    if await iterator.next() == nil { return }
                    continue
                }
                attempts.count = 0
                guard await deliver(record, &attempts) else { return }
                try reader.acknowledge(record.sequence)
            } catch {
                complain("the spool cannot be read: \(error)", &attempts)
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// False where it was cancelled before there was an answer that counts.
    private func deliver(_ record: SpoolRecord, _ attempts: inout Attempts) async -> Bool {
        while !Task.isCancelled {
            attempts.count += 1
            let server = server.withLock { $0 }
            let outcome = await push(record.body, to: server)
            if Task.isCancelled { return false }
            switch server.policy.decide(outcome, attempt: attempts.count, now: Machine.now) {
            case .delivered:
                if attempts.lastComplaint != nil {
                    attempts.lastComplaint = nil
                    logger.info("the server takes batches again")
                }
                statistics.update { counters in
                    counters.batchesSent += 1
                    counters.entriesSent += record.entries
                    counters.bytesSent += record.body.count
                }
                return true
            case .drop(let reason):
                statistics.update { counters in
                    counters.batchesRefused += 1
                    counters.entriesRefused += record.entries
                    counters.lastError = reason
                }
                logger.error("a batch of \(record.entries) entries was refused and is not sent again: \(reason)")
                return true
            case .retry(let wait, let reason):
                statistics.update { counters in
                    counters.retries += 1
                    counters.lastError = reason
                }
                complain("will be sent again: \(reason)", &attempts)
                // At the end nobody waits for half a minute.
                let longest: Int64 = isDraining.load(ordering: .acquiring) ? 1_000 : .max
                try? await Task.sleep(for: .milliseconds(min(wait, longest)))
            }
        }
        return false
    }

    private func push(_ body: [UInt8], to server: AgentConfiguration.Server) async -> SendOutcome {
        var request = HTTPClientRequest(url: server.url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-protobuf")
        request.headers.add(name: "User-Agent", value: "needletail-agent")
        if let tenant = server.tenant { request.headers.add(name: "X-Scope-OrgID", value: tenant) }
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let answer = try await connections.client(server.http).collect(
                request, timeout: .milliseconds(server.timeout), limit: 1 << 20)
            let message = answer.text.prefix(400).split(separator: "\n").joined(separator: " ")
            return .response(
                status: Int(answer.status.code), retryAfter: answer.headers.first(name: "Retry-After"),
                message: (200..<300).contains(answer.status.code) ? "" : message)
        } catch {
            return .failure("\(error)")
        }
    }

    /// At most one line in half a minute: a server that is down for an hour needs no thousand.
    private func complain(_ sentence: String, _ attempts: inout Attempts) {
        let now = ContinuousClock.now
        if let last = attempts.lastComplaint, now - last < .seconds(30) { return }
        attempts.lastComplaint = now
        logger.warning("push: \(sentence)")
    }
}
