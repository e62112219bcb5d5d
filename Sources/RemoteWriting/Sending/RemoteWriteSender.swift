import AsyncHTTPClient
import Endpoints
import Logging
import NIOCore
import NIOHTTP1
import Storage
import Synchronization
import Telemetry
import Wire

/// Sends to one receiver what stands in the log after its place, until it is cancelled or its settings are replaced.
struct RemoteWriteSender: Sendable {
    let configuration: RemoteWriteConfiguration
    let externalLabels: LabelSet
    let log: QueueLog
    let client: EndpointClient
    let statistics: SharedStatistics
    let logger: Logger
    let now: @Sendable () -> Int64
    let metadata: @Sendable () async -> [String: [MetricMetadata]]
    let isCurrent: @Sendable () -> Bool
    /// Told after each step of the place in the log.
    let moved: @Sendable (QueuePosition) -> Void

    private enum Event: Sendable {
        case woken
        case answered(ShardedQueue.Request, SendOutcome, RemoteWrite.Version, took: Int64, bytes: Int)
        case metadataSent(SendOutcome, count: Int)
    }

    /// What the loop knows; it belongs to the one task that runs it.
    private struct Loop {
        var queue: ShardedQueue
        var reader: QueueReader
        var labels: OutgoingLabels
        var version: RemoteWrite.Version
        var isSleeping = false
        var isSendingMetadata = false
        var lastMetadata: Int64
        var families: [String: MetricMetadata] = [:]
        var wantedShards: Int
        var measured: (time: Int64, sent: Int, received: Int, busy: Int64)
        var sent = 0
        var received = 0
        var busy: Int64 = 0
        var lastComplaint: Int64 = 0
        /// Where the log ended when this began: what stands before may have been sent by a sender before this one.
        let repeatedUntil: QueuePosition
    }

    func run() async {
        let cursor: QueueCursor
        do {
            cursor = try QueueCursor(folder: log.folder, key: configuration.key, fileSystem: log.fileSystem)
            if cursor.position == nil { try cursor.move(to: log.end) }
        } catch {
            logger.error(
                "remote write does not run", metadata: ["remote": "\(configuration.label)", "error": "\(error)"])
            try? await Task.sleep(for: .seconds(10))
            return
        }
        let start = cursor.position ?? log.end
        let settings = configuration.queue
        var loop = Loop(
            queue: ShardedQueue(
                settings: .init(
                    capacity: settings.capacity, maxItems: settings.maxSamplesPerSend,
                    deadline: settings.batchSendDeadline), shards: settings.minShards, from: start),
            reader: QueueReader(log, from: start),
            labels: OutgoingLabels(external: externalLabels, rules: configuration.relabelRules),
            version: configuration.version, lastMetadata: now() - configuration.metadata.sendInterval + 5_000,
            wantedShards: settings.minShards, measured: (now(), 0, 0, 0),
            repeatedUntil: log.end)
        moved(start)
        await withTaskGroup(of: Event.self) { group in
            while !Task.isCancelled, isCurrent() {
                fill(&loop)
                await dispatch(&loop, &group)
                if !loop.isSleeping {
                    loop.isSleeping = true
                    let wait = max(5, min(200, (loop.queue.nextDue() ?? .max / 2) - now()))
                    group.addTask {
                        try? await Task.sleep(for: .milliseconds(wait))
                        return .woken
                    }
                }
                guard let event = await group.next() else { break }
                handle(event, &loop)
                if loop.queue.done != cursor.position {
                    do { try cursor.move(to: loop.queue.done) } catch {
                        complain(&loop, "the place in the queue: \(error)")
                    }
                    moved(loop.queue.done)
                }
                publish(loop)
            }
            group.cancelAll()
        }
    }

    // MARK: Reading

    private func fill(_ loop: inout Loop) {
        if loop.wantedShards != loop.queue.shardCount {
            // A series changes its shard, so all that is under way must be done before.
            guard loop.queue.isEmpty else { return }
            loop.queue.setShards(loop.wantedShards)
        }
        let now = now()
        while loop.queue.hasRoom, let record = loop.reader.next() {
            var items: [QueuedItem] = []
            items.reserveCapacity(record.items.count)
            var tooOld = 0
            var unwanted = 0
            for var item in record.items {
                switch item.content {
                case .histogram where !configuration.sendsNativeHistograms,
                    .exemplar where !configuration.sendsExemplars:
                    continue
                default: break
                }
                if configuration.queue.sampleAgeLimit > 0, now - item.timestamp > configuration.queue.sampleAgeLimit {
                    tooOld += 1
                    continue
                }
                guard let labels = loop.labels.outgoing(item.labels) else {
                    unwanted += 1
                    continue
                }
                item.labels = labels
                items.append(item)
            }
            loop.received += items.count
            drop(tooOld, "too_old")
            drop(unwanted, "dropped_series")
            loop.queue.add(items, end: record.end, isRepeated: record.end <= loop.repeatedUntil, now: now)
        }
        for problem in loop.reader.takeProblems() {
            logger.warning("\(problem)", metadata: ["remote": "\(configuration.label)"])
        }
    }

    private func drop(_ count: Int, _ reason: String) {
        guard count > 0 else { return }
        statistics.update { $0.dropped[reason, default: 0] += count }
    }

    // MARK: Sending

    private func dispatch(_ loop: inout Loop, _ group: inout TaskGroup<Event>) async {
        let now = now()
        let settings = configuration.metadata
        if settings.send, !loop.isSendingMetadata, now - loop.lastMetadata >= settings.sendInterval {
            loop.lastMetadata = now
            let all = await metadata()
            // A federated copy of a family says that it is untyped; the family itself knows better.
            loop.families = all.compactMapValues { entries in entries.first { $0.kind != .unknown } ?? entries.first }
            if loop.version == .one, !all.isEmpty {
                loop.isSendingMetadata = true
                let entries = all.values.flatMap { $0 }.sorted { $0.name < $1.name }
                group.addTask { await sendMetadata(entries) }
            }
        }
        let version = loop.version
        let families = version == .two ? loop.families : [:]
        for request in loop.queue.due(now: now) {
            group.addTask {
                let body = RequestBuilder.body(request.items, version: version, metadata: families)
                let began = ContinuousClock.now
                let outcome = await send(body, version: version, attempt: request.attempt)
                let took = (ContinuousClock.now - began) / .milliseconds(1)
                return .answered(request, outcome, version, took: max(1, Int64(took)), bytes: body.count)
            }
        }
        measure(&loop, now)
    }

    private func sendMetadata(_ entries: [MetricMetadata]) async -> Event {
        var outcome = SendOutcome.response(status: 204)
        var start = 0
        var sent = 0
        while start < entries.count, !Task.isCancelled {
            let end = min(start + configuration.metadata.maxSamplesPerSend, entries.count)
            outcome = await send(RequestBuilder.metadata(entries[start..<end]), version: .one, attempt: 1)
            // It comes again in a minute: no retries.
            guard case .response(200..<300, _, _, _) = outcome else { break }
            sent += end - start
            start = end
        }
        return .metadataSent(outcome, count: sent)
    }

    private func send(_ body: [UInt8], version: RemoteWrite.Version, attempt: Int) async -> SendOutcome {
        var request = HTTPClientRequest(url: configuration.url)
        request.method = .POST
        for (name, value) in configuration.headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.headers.replaceOrAdd(name: "Content-Encoding", value: "snappy")
        request.headers.replaceOrAdd(
            name: "Content-Type",
            value: version == .one
                ? "application/x-protobuf" : "application/x-protobuf;proto=io.prometheus.write.v2.Request")
        request.headers.replaceOrAdd(
            name: "X-Prometheus-Remote-Write-Version", value: version == .one ? "0.1.0" : "2.0.0")
        request.headers.replaceOrAdd(name: "User-Agent", value: "needletail")
        if attempt > 1 { request.headers.replaceOrAdd(name: "Retry-Attempt", value: "\(attempt - 1)") }
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let answer = try await client.collect(
                request, timeout: .milliseconds(configuration.timeout), limit: 1 << 20)
            let line = answer.text.prefix { $0 != "\n" }.prefix(256)
            return .response(
                status: Int(answer.status.code), retryAfter: answer.headers.first(name: "Retry-After"),
                confirms: answer.headers.contains(name: "X-Prometheus-Remote-Write-Samples-Written"),
                message: String(line))
        } catch {
            return .failure("\(error)")
        }
    }

    // MARK: Answers

    private func handle(_ event: Event, _ loop: inout Loop) {
        switch event {
        case .woken: loop.isSleeping = false
        case .metadataSent(let outcome, let count):
            loop.isSendingMetadata = false
            statistics.update { $0.metadata += count }
            if case .response(200..<300, _, _, _) = outcome { return }
            complain(&loop, "metadata was not sent: \(outcome)")
        case .answered(let request, let outcome, let version, let took, let bytes):
            // A request that was cut off by our own end is neither sent nor failed.
            if Task.isCancelled, case .failure = outcome { return }
            loop.busy += took
            let policy = RetryPolicy(
                minBackoff: configuration.queue.minBackoff, maxBackoff: configuration.queue.maxBackoff,
                retryOnTooManyRequests: configuration.queue.retryOnTooManyRequests)
            let decision = policy.decide(
                outcome, version: version, attempt: request.attempt, items: request.items.count,
                isRepeated: request.isRepeated, now: now())
            account(request, decision, took: took, bytes: bytes, &loop)
            loop.queue.finish(request, decision, now: now())
        }
    }

    private func account(
        _ request: ShardedQueue.Request, _ decision: SendDecision, took: Int64, bytes: Int, _ loop: inout Loop
    ) {
        var sent = (samples: 0, histograms: 0, exemplars: 0)
        var newest: Int64 = 0
        for item in request.items {
            switch item.content {
            case .value: sent.samples += 1
            case .histogram: sent.histograms += 1
            case .exemplar: sent.exemplars += 1
            }
            newest = max(newest, item.timestamp)
        }
        statistics.update { statistics in
            statistics.requests += 1
            statistics.busy += took
            switch decision {
            case .delivered:
                statistics.samples += sent.samples
                statistics.histograms += sent.histograms
                statistics.exemplars += sent.exemplars
                statistics.bytes += bytes
                statistics.highestSent = max(statistics.highestSent, newest)
            case .retry(_, let reason):
                statistics.retried += request.items.count
                statistics.lastError = reason
            case .drop(let reason):
                statistics.failed += request.items.count
                statistics.lastError = reason
            case .split, .fallBack: break
            }
        }
        switch decision {
        case .delivered: loop.sent += request.items.count
        case .retry(_, let reason): complain(&loop, "will be sent again: \(reason)")
        case .drop(let reason):
            loop.sent += request.items.count
            // Single samples that the receiver had before a restart are no news.
            if !(request.isRepeated && request.items.count == 1) {
                complain(&loop, "\(request.items.count) samples were refused and are dropped: \(reason)")
            }
        case .split(let reason): logger.debug("sent again in halves: \(reason)")
        case .fallBack:
            loop.version = .one
            logger.warning(
                "the receiver does not know remote write 2.0; it gets 1.0 until the next start or reload",
                metadata: ["remote": "\(configuration.label)"])
        }
    }

    /// At most one line in ten seconds: a receiver that is down for an hour needs no thousand.
    private func complain(_ loop: inout Loop, _ sentence: String) {
        let now = now()
        guard now - loop.lastComplaint >= 10_000 else { return }
        loop.lastComplaint = now
        logger.warning("remote write: \(sentence)", metadata: ["remote": "\(configuration.label)"])
    }

    private func measure(_ loop: inout Loop, _ now: Int64) {
        let elapsed = now - loop.measured.time
        guard elapsed >= 10_000 else { return }
        let calculator = ShardCalculator(
            minimum: configuration.queue.minShards, maximum: configuration.queue.maxShards)
        // On disk an item takes some fifteen bytes.
        let waiting = loop.queue.waitingCount + log.bytes(after: loop.reader.position) / 15
        loop.wantedShards = calculator.desired(
            current: loop.queue.shardCount, elapsed: elapsed, sent: loop.sent - loop.measured.sent,
            received: loop.received - loop.measured.received, busy: loop.busy - loop.measured.busy, waiting: waiting)
        loop.measured = (now, loop.sent, loop.received, loop.busy)
    }

    private func publish(_ loop: Loop) {
        let behind = log.bytes(after: loop.queue.done)
        let settings = configuration.queue
        statistics.update { statistics in
            statistics.pending = loop.queue.waitingCount
            statistics.shards = loop.queue.shardCount
            statistics.desiredShards = loop.wantedShards
            statistics.minShards = settings.minShards
            statistics.maxShards = settings.maxShards
            statistics.capacity = settings.capacity
            statistics.bytesBehind = behind
        }
    }
}
