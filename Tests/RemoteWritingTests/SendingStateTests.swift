import Telemetry
import TestSupport
import Testing
import YAMLReading

@testable import RemoteWriting

/// Retries, shards and order, without a clock or a network.
@Suite struct SendingStateTests {
    @Test func everyAnswerHasItsConsequence() {
        let policy = RetryPolicy()
        let patient = RetryPolicy(retryOnTooManyRequests: true)
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now: Int64 = 784_111_777_000 - 3_000
        func kind(_ decision: SendDecision) -> String {
            switch decision {
            case .delivered: "delivered"
            case .retry(let wait, _): "retry \(wait)"
            case .drop: "drop"
            case .fallBack: "fall back"
            case .split: "split"
            }
        }
        let date = "Sun, 06 Nov 1994 08:49:37 GMT"
        let cases: [(SendOutcome, two: Bool, attempt: Int, items: Int, repeated: Bool, String, patient: String?)] = [
            (.response(status: 204), false, 1, 5, false, "delivered", nil),
            (.response(status: 200), false, 1, 5, false, "delivered", nil),
            (.response(status: 204), true, 1, 5, false, "fall back", nil),
            (.response(status: 204, confirms: true), true, 1, 5, false, "delivered", nil),
            (.response(status: 415), true, 1, 5, false, "fall back", nil),
            (.response(status: 415), false, 1, 5, false, "drop", nil),
            (.response(status: 400), false, 1, 5, false, "drop", nil),
            (.response(status: 400), false, 1, 5, true, "split", nil),
            (.response(status: 400), false, 1, 1, true, "drop", nil),
            (.response(status: 404), false, 1, 5, true, "drop", nil),
            (.response(status: 302), false, 1, 5, false, "drop", nil),
            (.response(status: 429), false, 1, 5, false, "drop", "retry 30"),
            (.response(status: 429, retryAfter: "2"), false, 1, 5, false, "drop", "retry 2000"),
            (.response(status: 500), false, 1, 5, false, "retry 30", nil),
            (.response(status: 503), false, 2, 5, false, "retry 60", nil),
            (.response(status: 503), false, 3, 5, false, "retry 120", nil),
            (.response(status: 599), false, 9, 5, false, "retry 5000", nil),
            (.response(status: 503), false, 4_000, 5, false, "retry 5000", nil),
            (.response(status: 503, retryAfter: "7"), false, 1, 5, false, "retry 7000", nil),
            (.response(status: 503, retryAfter: date), false, 1, 5, false, "retry 3000", nil),
            (.response(status: 503, retryAfter: "soon"), false, 1, 5, false, "retry 30", nil),
            (.response(status: 503, retryAfter: "-7"), false, 1, 5, false, "retry 30", nil),
            (.response(status: 503, retryAfter: "99999999999999999"), false, 1, 5, false, "retry 86400000", nil),
            (.failure("refused"), true, 1, 5, false, "retry 30", nil),
        ]
        for (outcome, two, attempt, items, repeated, expected, other) in cases {
            func decide(_ policy: RetryPolicy) -> String {
                kind(
                    policy.decide(
                        outcome, version: two ? .two : .one, attempt: attempt, items: items, isRepeated: repeated,
                        now: now))
            }
            #expect(decide(policy) == expected, "\(outcome) attempt \(attempt)")
            #expect(decide(patient) == other ?? expected, "\(outcome) attempt \(attempt)")
        }
        for broken in ["", "Sun, 06 Nov 1994", "x, 32 Nov 1994 08:49:37 GMT", "x, 06 Foo 1994 08:49:37 GMT", "1e3"] {
            #expect(RetryPolicy.wait(broken, now: now) == nil, "\(broken)")
        }
        #expect(RetryPolicy.wait(date, now: now + 60_000) == 0)
    }

    @Test func shardsFollowTheLoad() {
        let calculator = ShardCalculator(minimum: 1, maximum: 50)
        let cases: [(current: Int, sent: Int, received: Int, busy: Int64, waiting: Int, expected: Int)] = [
            (1, 1_000, 1_000, 1_000, 0, 1), (1, 10_000, 40_000, 10_000, 0, 4), (10, 10_000, 1_000, 10_000, 0, 1),
            (1, 1_000, 1_000, 10_000, 1_000_000_000, 50), (3, 0, 0, 0, 0, 3), (4, 10_000, 42_000, 10_000, 0, 4),
        ]
        for (current, sent, received, busy, waiting, expected) in cases {
            let found = calculator.desired(
                current: current, elapsed: 10_000, sent: sent, received: received, busy: busy, waiting: waiting)
            #expect(found == expected, "current \(current), sent \(sent), received \(received)")
        }
    }

    /// A receiver that answers at random; every item arrives once or more, each series in order, and the place in the
    /// log never passes what is not done.
    @Test(arguments: 0..<40) func nothingIsLostOrOvertaken(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let shards = Int.random(in: 1...5, using: &random)
        var queue = ShardedQueue(
            settings: .init(capacity: 50, maxItems: Int.random(in: 1...9, using: &random), deadline: 20),
            shards: shards,
            from: QueuePosition(segment: 1, offset: 0))
        let policy = RetryPolicy(minBackoff: 5, maxBackoff: 40)
        let names = (0..<7).map { LabelSet(["__name__": "s\($0)"]) }
        var now: Int64 = 1_000
        var added: [LabelSet: [Int64]] = [:]
        var arrived: [LabelSet: [Int64]] = [:]
        var recordOf: [Int64: Int] = [:]
        var open: [Int: Int] = [:]
        var underWay: [ShardedQueue.Request] = []
        var lastDone = queue.done
        var number: Int64 = 0
        var record = 0
        while record < 120 || !queue.isEmpty {
            if record < 120, queue.hasRoom, Bool.random(using: &random) {
                record += 1
                var items: [QueuedItem] = []
                for _ in 0..<Int.random(in: 0..<12, using: &random) {
                    number += 1
                    let labels = names[Int.random(in: 0..<7, using: &random)]
                    items.append(QueuedItem(labels: labels, timestamp: number, content: .value(1)))
                    added[labels, default: []].append(number)
                    recordOf[number] = record
                }
                open[record] = items.count
                queue.add(
                    items, end: QueuePosition(segment: 1, offset: record), isRepeated: record < 30, now: now)
            }
            underWay += queue.due(now: now)
            let busy = underWay.map(\.shard)
            #expect(Set(busy).count == busy.count, "two requests of one shard, seed \(seed)")
            if !underWay.isEmpty, Bool.random(using: &random) {
                let request = underWay.remove(at: Int.random(in: underWay.indices, using: &random))
                let outcomes: [SendOutcome] = [
                    .response(status: 204), .response(status: 204), .failure("x"), .response(status: 503),
                    .response(status: request.isRepeated ? 400 : 204),
                ]
                let decision = policy.decide(
                    outcomes.randomElement(using: &random)!, version: .one, attempt: request.attempt,
                    items: request.items.count, isRepeated: request.isRepeated, now: now)
                switch decision {
                case .delivered, .drop:
                    for item in request.items {
                        arrived[item.labels, default: []].append(item.timestamp)
                        open[recordOf[item.timestamp]!]! -= 1
                    }
                default: break
                }
                queue.finish(request, decision, now: now)
                #expect(queue.done >= lastDone)
                lastDone = queue.done
                for earlier in open.keys where earlier <= queue.done.offset {
                    #expect(open[earlier] == 0, "the place passed an open record, seed \(seed)")
                }
            } else if underWay.isEmpty, let next = queue.nextDue() {
                now = max(now + 1, next)
            } else {
                now += 1
            }
        }
        #expect(arrived == added, "seed \(seed)")
        #expect(queue.done.offset == 120 && queue.waitingCount == 0)
    }

    @Test func theSectionIsReadAndItsFaultsNamed() throws {
        let text = """
            remote_write:
              - url: http://other:9090/api/v1/write
                name: other
                remote_timeout: 10s
                headers: {X-Scope-OrgID: shop}
                write_relabel_configs: [{source_labels: [__name__], regex: 'go_.*', action: drop}]
                send_exemplars: true
                send_native_histograms: true
                protobuf_message: io.prometheus.write.v2.Request
                basic_auth: {username: u, password: p}
                queue_config: {capacity: 5, max_shards: 3, min_shards: 2, max_samples_per_send: 4, batch_send_deadline: 1s,
                  min_backoff: 1s, max_backoff: 2s, retry_on_http_429: true, sample_age_limit: 1h, max_disk_bytes: 1GB, max_disk_age: 2h}
                metadata_config: {send: false, send_interval: 2m, max_samples_per_send: 7}
              - url: https://b/write
            """
        func read(_ text: String) throws -> [RemoteWriteConfiguration] {
            let root = try #require(try YAMLNode.read(text, file: "x.yml"))
            return try RemoteWriteConfiguration.readAll(root.mapping(["remote_write"])["remote_write"])
        }
        let all = try read(text)
        let one = try #require(all.first)
        #expect(
            one.key == "other" && one.timeout == 10_000 && one.headers.map(\.value) == ["shop"] && one.version == .two)
        #expect(one.sendsExemplars && one.sendsNativeHistograms && one.relabelRules.count == 1)
        var queue = RemoteWriteConfiguration.Queue()
        (queue.capacity, queue.maxShards, queue.minShards, queue.maxSamplesPerSend) = (5, 3, 2, 4)
        (queue.batchSendDeadline, queue.minBackoff, queue.maxBackoff) = (1_000, 1_000, 2_000)
        (queue.retryOnTooManyRequests, queue.sampleAgeLimit) = (true, 3_600_000)
        (queue.maxDiskBytes, queue.maxDiskAge) = (1 << 30, 7_200_000)
        #expect(one.queue == queue && one.metadata.sendInterval == 120_000 && !one.metadata.send)
        #expect(all[1].queue == RemoteWriteConfiguration.Queue() && all[1].key == "https://b/write")
        let faults: [(String, String)] = [
            ("[{name: x}]", "url is empty"), ("[{url: 'ftp://x'}]", "not a URL"),
            ("[{url: 'http://x', sigv4: {region: eu}}]", "sigv4 is not supported"),
            ("[{url: 'http://x', headers: {Host: y}}]", "reserved header"),
            ("[{url: 'http://x', protobuf_message: v3}]", "unknown message"),
            ("[{url: 'http://x'}, {url: 'http://x'}]", "multiple remote write configs"),
            ("[{url: 'http://x', queue_config: {min_shards: 3, max_shards: 2}}]", "greater than max_shards"),
            ("[{url: 'http://x', queue_config: {capacity: 0}}]", "at least 1"),
            ("[{url: 'http://x', urll: 1}]", "unknown key"),
        ]
        for (text, fault) in faults {
            let error = #expect(throws: YAMLError.self) { try read("remote_write: \(text)") }
            #expect(error?.description.contains(fault) == true, "\(text): \(error?.description ?? "")")
        }
    }
}
