import LogQL
import Storage
import Synchronization
import Telemetry
import Wire

/// Live lines over a WebSocket: first the newest of the past, then what comes in, in frames as Loki's.
extension LokiAPI {
    /// Loki's `max_concurrent_tail_requests`.
    private static let maximumFollowers = 10
    private static let longestTail: Duration = .seconds(3_600)
    private static let longestDelay: Int64 = 5
    /// Lines that wait for a slow client; then they are dropped and named.
    private static let backlog = 10_000

    /// What `tail` was asked for.
    struct TailRequest: Sendable {
        var expression: LogExpression
        var start: Int64
        var limit: Int
        /// Nanoseconds that a line is held back, so that late ones come in order.
        var delay: Int64
        var isCategorised: Bool
        /// In the words of the first API.
        var isLegacy: Bool
        /// As it stands in the list of running queries.
        var question: RunningQuery.Question
    }

    private static let tailPaths: Set<String> = ["/loki/api/v1/tail", "/api/prom/tail"]

    var tailRoute: WebSocketRoute {
        WebSocketRoute { call in
            guard LokiAPI.tailPaths.contains(call.path), let request = try? tailRequest(call) else { return nil }
            return { connection in try await tail(request, connection) }
        }
    }

    /// What an ordinary request gets: the reason why it was not upgraded.
    func refuseTail(_ call: HTTPCall) throws -> HTTPAnswer {
        _ = try tailRequest(call)
        throw HTTPFailure(400, "tail answers on a WebSocket: send Connection: Upgrade and Upgrade: websocket")
    }

    private func tailRequest(_ call: HTTPCall) throws -> TailRequest {
        guard case .log(let expression) = try LogQLEngine.parse(queryText(call)) else {
            throw HTTPFailure(400, "tail shows log lines: give a log query, not a metric query")
        }
        _ = try LogTail(expression)
        var delay: Int64 = 0
        if let text = call.parameters["delay_for"] {
            guard let seconds = Int64(text), seconds >= 0 else { throw HTTPFailure(400, "delay_for must be seconds") }
            guard seconds <= LokiAPI.longestDelay else {
                throw HTTPFailure(400, "delay_for can't be greater than \(LokiAPI.longestDelay)")
            }
            delay = seconds * 1_000_000_000
        }
        guard process.gateway.followers.followers < LokiAPI.maximumFollowers else {
            throw HTTPFailure(
                429,
                "max concurrent tail requests limit exceeded, count > limit (\(LokiAPI.maximumFollowers + 1) > \(LokiAPI.maximumFollowers))"
            )
        }
        return TailRequest(
            expression: expression, start: try times(call).start, limit: try limit(call), delay: delay,
            isCategorised: isCategorised(call), isLegacy: call.path.hasPrefix("/api/prom"),
            question: RunningQuery.Question(
                .names, question(call), from: .client(call.connection?.address ?? "")))
    }

    private func tail(_ request: TailRequest, _ connection: WebSocketConnection) async throws {
        // In the list, where it can be ended; it takes nobody's place and has no time limit of a query.
        let running = try await process.queries.begin(request.question, QueryContext())
        defer { running.finish() }
        let followers = process.gateway.followers
        let (id, batches) = followers.follow()
        defer { followers.leave(id) }
        let past = try await engine.logs(
            request.expression, range: TimeRange(start: request.start, end: TimeParameters.nowNanoseconds),
            limit: request.limit, direction: .backward, context: process.queryContext())
        let waiting = TailQueue(limit: LokiAPI.backlog, known: Set(past.entries))
        if !past.entries.isEmpty {
            try await connection.send(text: frame(past.entries.reversed(), [], request))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var tail = try LogTail(request.expression)
                for await batch in batches {
                    waiting.add(tail.process(batch), due: TimeParameters.nowNanoseconds &+ request.delay)
                    waiting.drop(rows: followers.takeDropped(id))
                }
            }
            group.addTask {
                let end = ContinuousClock.now + LokiAPI.longestTail
                var ticks = 0
                while ContinuousClock.now < end {
                    try await Task.sleep(for: .milliseconds(100))
                    try running.context.check()
                    let (entries, dropped) = waiting.take(at: TimeParameters.nowNanoseconds)
                    if !entries.isEmpty || !dropped.isEmpty {
                        try await connection.send(text: frame(entries, dropped, request))
                    }
                    ticks += 1
                    if ticks % 10 == 0 { try await connection.ping() }
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func frame(_ entries: [LogEntry], _ dropped: [TailQueue.Dropped], _ request: TailRequest) -> [UInt8] {
        let isCategorised = request.isCategorised && !request.isLegacy
        var json = JSONWriter()
        json.beginObject()
        if request.isLegacy {
            legacyStreams(LogResult(entries: entries), &json)
        } else {
            json.key("streams")
            streams(LogResult(entries: entries), categorised: isCategorised, &json)
        }
        if !dropped.isEmpty {
            json.key("dropped_entries")
            json.beginArray()
            for entry in dropped {
                json.beginObject()
                json.key("labels")
                json.labels(entry.labels)
                json.key("timestamp")
                json.quotedInteger(entry.timestamp)
                json.endObject()
            }
            json.endArray()
        }
        if isCategorised {
            json.key("encodingFlags")
            json.strings(["categorize-labels"])
        }
        json.endObject()
        return json.takeBytes()
    }
}

/// Lines on their way to one client.
final class TailQueue: Sendable {
    struct Dropped: Sendable {
        var labels: LabelSet
        var timestamp: Int64
    }

    private struct State {
        var entries: [(entry: LogEntry, due: Int64)] = []
        var dropped: [Dropped] = []
        /// What the past showed already, until the first lines that are newer.
        var known: Set<LogEntry>
    }

    private static let mostNamed = 100
    private let limit: Int
    private let state: Mutex<State>

    init(limit: Int, known: Set<LogEntry>) {
        self.limit = limit
        state = Mutex(State(known: known))
    }

    func add(_ entries: [LogEntry], due: Int64) {
        state.withLock { state in
            for entry in entries where state.known.isEmpty || state.known.remove(entry) == nil {
                if state.entries.count < limit {
                    state.entries.append((entry, due))
                } else if state.dropped.count < TailQueue.mostNamed {
                    state.dropped.append(Dropped(labels: entry.labels, timestamp: entry.timestamp))
                }
            }
        }
    }

    /// Rows of batches that were lost before the query could look at them.
    func drop(rows: Int) {
        guard rows > 0 else { return }
        state.withLock { state in
            guard state.dropped.count < TailQueue.mostNamed else { return }
            let labels = LabelSet([Label("needletail_dropped_rows", "\(rows)")])
            state.dropped.append(Dropped(labels: labels, timestamp: TimeParameters.nowNanoseconds))
        }
    }

    /// What is due, in order of time.
    func take(at now: Int64) -> (entries: [LogEntry], dropped: [Dropped]) {
        state.withLock { state in
            let due = state.entries.prefix { $0.due <= now }.map(\.entry)
            state.entries.removeFirst(due.count)
            defer { state.dropped = [] }
            let order = due.indices.sorted { (due[$0].timestamp, $0) < (due[$1].timestamp, $1) }
            return (order.map { due[$0] }, state.dropped)
        }
    }
}
