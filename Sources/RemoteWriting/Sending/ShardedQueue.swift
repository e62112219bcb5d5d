import Telemetry

/// What waits in memory, by shards that keep each series' order: a shard has one request under way at most, and the
/// next one begins when that is delivered or given up. No I/O and no clock: times (milliseconds) come from outside.
package struct ShardedQueue {
    package struct Settings: Sendable, Hashable {
        package var capacity = 10_000
        package var maxItems = 2_000
        /// A smaller request goes when its oldest item has waited so long.
        package var deadline: Int64 = 5_000
        package init(capacity: Int = 10_000, maxItems: Int = 2_000, deadline: Int64 = 5_000) {
            self.capacity = capacity
            self.maxItems = maxItems
            self.deadline = deadline
        }
    }

    package struct Request: Sendable {
        package var shard: Int
        package var items: [QueuedItem]
        /// From 1.
        package var attempt: Int
        /// See ``RetryPolicy/decide(_:version:attempt:items:isRepeated:now:)``.
        package var isRepeated: Bool
        /// Which record each item came with.
        fileprivate var records: [Int]
    }

    private struct Waiting {
        var item: QueuedItem
        var record: Int
        var since: Int64
        var isRepeated: Bool
    }

    private struct Shard {
        var waiting: [Waiting] = []
        var head = 0
        /// To be sent before what waits: a request that comes again, or halves of one that was split.
        var again: [Request] = []
        var isUnderWay = false
        var notBefore: Int64 = 0

        var count: Int { waiting.count - head }
    }

    private struct Record {
        var open: Int
        var end: QueuePosition
    }

    package let settings: Settings
    private var shards: [Shard]
    /// Records with items that are not done, oldest first; `firstRecord` is the number of the first.
    private var records: [Record] = []
    private var firstRecord = 0
    /// All before it is delivered or given up.
    package private(set) var done: QueuePosition
    package private(set) var waitingCount = 0

    package init(settings: Settings, shards: Int, from position: QueuePosition) {
        self.settings = settings
        self.shards = Array(repeating: Shard(), count: max(1, shards))
        done = position
    }

    package var shardCount: Int { shards.count }
    /// More may be read from the log.
    package var hasRoom: Bool { waitingCount < settings.capacity * shards.count }
    /// Nothing waits and nothing is under way.
    package var isEmpty: Bool { records.isEmpty }

    /// Only while empty: a series may land in another shard, and its samples must not overtake each other.
    package mutating func setShards(_ count: Int) {
        guard isEmpty else { return }
        shards = Array(repeating: Shard(), count: max(1, count))
    }

    /// The items of one record, which ends at `end` in the log; none of them is fine.
    package mutating func add(_ items: [QueuedItem], end: QueuePosition, isRepeated: Bool = false, now: Int64) {
        guard !items.isEmpty else {
            if records.isEmpty { done = end } else { records[records.count - 1].end = end }
            return
        }
        let number = firstRecord + records.count
        records.append(Record(open: items.count, end: end))
        waitingCount += items.count
        for item in items {
            let shard = shards.count == 1 ? 0 : Int(item.labels.stableHash % UInt64(shards.count))
            shards[shard].waiting.append(Waiting(item: item, record: number, since: now, isRepeated: isRepeated))
        }
    }

    /// The requests that are to be sent now. Each must be answered by one `finish`.
    package mutating func due(now: Int64) -> [Request] {
        var requests: [Request] = []
        for index in shards.indices where !shards[index].isUnderWay && shards[index].notBefore <= now {
            if !shards[index].again.isEmpty {
                shards[index].isUnderWay = true
                requests.append(shards[index].again.removeFirst())
                continue
            }
            guard shards[index].count > 0 else { continue }
            let oldest = shards[index].waiting[shards[index].head].since
            guard shards[index].count >= settings.maxItems || oldest + settings.deadline <= now else { continue }
            shards[index].isUnderWay = true
            requests.append(take(index))
        }
        return requests
    }

    private mutating func take(_ index: Int) -> Request {
        let start = shards[index].head
        let isRepeated = shards[index].waiting[start].isRepeated
        var end = start
        // What may have been sent before is kept apart from what is new for sure.
        while end < shards[index].waiting.count, end - start < settings.maxItems,
            shards[index].waiting[end].isRepeated == isRepeated
        { end += 1 }
        let taken = shards[index].waiting[start..<end]
        let request = Request(
            shard: index, items: taken.map(\.item), attempt: 1, isRepeated: isRepeated, records: taken.map(\.record))
        shards[index].head = end
        if end == shards[index].waiting.count {
            shards[index].waiting.removeAll(keepingCapacity: true)
            shards[index].head = 0
        } else if end > 8_192, end * 2 > shards[index].waiting.count {
            shards[index].waiting.removeFirst(end)
            shards[index].head = 0
        }
        return request
    }

    /// When `due` will have something that it has not now; nil where only new items or an answer change that.
    package func nextDue() -> Int64? {
        var next: Int64?
        for shard in shards where !shard.isUnderWay {
            var time: Int64
            if !shard.again.isEmpty {
                time = shard.notBefore
            } else if shard.count > 0 {
                time = shard.count >= settings.maxItems ? 0 : shard.waiting[shard.head].since + settings.deadline
                time = max(time, shard.notBefore)
            } else {
                continue
            }
            next = min(next ?? time, time)
        }
        return next
    }

    /// What became of a request.
    package mutating func finish(_ request: Request, _ decision: SendDecision, now: Int64) {
        guard shards.indices.contains(request.shard) else { return }
        shards[request.shard].isUnderWay = false
        switch decision {
        case .delivered, .drop: settle(request)
        case .retry(let wait, _):
            var again = request
            again.attempt += 1
            shards[request.shard].again.insert(again, at: 0)
            shards[request.shard].notBefore = now + wait
        case .fallBack:
            shards[request.shard].again.insert(request, at: 0)
        case .split:
            let middle = request.items.count / 2
            guard middle > 0 else { return settle(request) }
            let halves = [0..<middle, middle..<request.items.count].map { range in
                Request(
                    shard: request.shard, items: Array(request.items[range]), attempt: 1, isRepeated: true,
                    records: Array(request.records[range]))
            }
            shards[request.shard].again.insert(contentsOf: halves, at: 0)
        }
    }

    private mutating func settle(_ request: Request) {
        waitingCount -= request.items.count
        for record in request.records where records.indices.contains(record - firstRecord) {
            records[record - firstRecord].open -= 1
        }
        var finished = 0
        while finished < records.count, records[finished].open <= 0 {
            done = records[finished].end
            finished += 1
        }
        records.removeFirst(finished)
        firstRecord += finished
    }
}
