import Codecs
internal import Telemetry

/// What became of one sample.
enum Insertion { case stored, repeated, conflict }

/// A series in memory: one open chunk, closed chunks, and what came out of order.
struct HeadSeries {
    /// After Gorilla and Prometheus: long enough to compress, short enough to decode for one sample.
    static let chunkSamples = 120
    private static let outOfOrderSamples = 256

    let labels: LabelSet
    let hash: UInt64
    /// What the journal calls it in this run.
    let id: UInt64
    /// The journal generation that holds its definition, 0 for none.
    var definedIn = 0
    /// Over floats and histograms, also of what was sealed; `.min` before the first.
    private(set) var newest = Int64.min
    private var newestFloat = Int64.min
    private var newestValue = 0.0
    private var open: SampleChunkEncoder?
    private(set) var closed: [HeadChunk] = []
    /// Ascending in time.
    private(set) var outOfOrder: [FloatSample] = []
    private(set) var histograms: [HeadHistogram] = []

    init(labels: LabelSet, hash: UInt64, id: UInt64) {
        self.labels = labels
        self.hash = hash
        self.id = id
    }

    var isEmpty: Bool { open == nil && closed.isEmpty && outOfOrder.isEmpty && histograms.isEmpty }

    /// Bytes held, about.
    var byteCount: Int {
        var total = 320 + labels.bytes.count + (open == nil ? 0 : 200) + outOfOrder.count * 16
        for chunk in closed { total += chunk.bytes.count + 80 }
        for histogram in histograms { total += histogram.bytes.count + 64 }
        return total
    }

    var sampleCount: Int {
        closed.reduce(open?.count ?? 0) { $0 + $1.count } + outOfOrder.count + histograms.count
    }

    // MARK: Writing

    /// What ``insert(timestamp:value:)`` would answer.
    func check(timestamp: Int64, value: Double) -> Insertion {
        guard timestamp <= newest else { return .stored }
        if hasHistogram(timestamp) { return .conflict }
        guard timestamp <= newestFloat, let found = float(at: timestamp) else { return .stored }
        return found.bitPattern == value.bitPattern ? .repeated : .conflict
    }

    mutating func insert(timestamp: Int64, value: Double) -> Insertion {
        if timestamp > newest || timestamp > newestFloat {
            if timestamp <= newest, hasHistogram(timestamp) { return .conflict }
            appendInOrder(timestamp, value)
            return .stored
        }
        let verdict = check(timestamp: timestamp, value: value)
        guard verdict == .stored else { return verdict }
        let place = outOfOrder.partitioningIndex { $0.timestamp > timestamp }
        outOfOrder.insert(FloatSample(timestamp: timestamp, value: value), at: place)
        if outOfOrder.count >= HeadSeries.outOfOrderSamples { closeOutOfOrder(window: nil) }
        return .stored
    }

    /// Only moves the newest time: for samples that a part holds already.
    mutating func noteSealed(timestamp: Int64, value: Double?) {
        newest = max(newest, timestamp)
        if let value, timestamp > newestFloat {
            if open != nil { closeOpen() }
            newestFloat = timestamp
            newestValue = value
        }
    }

    private mutating func appendInOrder(_ timestamp: Int64, _ value: Double) {
        if let chunk = open,
            chunk.count >= HeadSeries.chunkSamples || Window.index(chunk.firstTimestamp) != Window.index(timestamp)
        {
            closeOpen()
        }
        if open == nil { open = SampleChunkEncoder() }
        open?.append(timestamp: timestamp, value: value)
        newestFloat = timestamp
        newestValue = value
        newest = max(newest, timestamp)
    }

    private mutating func closeOpen() {
        if let open { closed.append(HeadChunk(open)) }
        open = nil
    }

    private mutating func closeOutOfOrder(window: Int64?) {
        var rest: [FloatSample] = []
        var encoder: SampleChunkEncoder?
        for sample in outOfOrder {
            let index = Window.index(sample.timestamp)
            if let window, index != window {
                rest.append(sample)
                continue
            }
            if let current = encoder,
                Window.index(current.firstTimestamp) != index || current.count >= HeadSeries.chunkSamples
            {
                closed.append(HeadChunk(current))
                encoder = nil
            }
            if encoder == nil { encoder = SampleChunkEncoder() }
            encoder?.append(timestamp: sample.timestamp, value: sample.value)
        }
        if let encoder { closed.append(HeadChunk(encoder)) }
        outOfOrder = rest
    }

    /// What ``insert(timestamp:histogram:)`` would answer.
    func check(timestamp: Int64, histogram: [UInt8]) -> Insertion {
        guard timestamp <= newest else { return .stored }
        if timestamp <= newestFloat, float(at: timestamp) != nil { return .conflict }
        let place = histograms.partitioningIndex { $0.timestamp >= timestamp }
        guard place < histograms.count, histograms[place].timestamp == timestamp else { return .stored }
        return histograms[place].bytes == histogram ? .repeated : .conflict
    }

    mutating func insert(timestamp: Int64, histogram: [UInt8]) -> Insertion {
        let verdict = check(timestamp: timestamp, histogram: histogram)
        guard verdict == .stored else { return verdict }
        let place = histograms.partitioningIndex { $0.timestamp > timestamp }
        histograms.insert(HeadHistogram(timestamp: timestamp, bytes: histogram), at: place)
        newest = max(newest, timestamp)
        return .stored
    }

    private func hasHistogram(_ timestamp: Int64) -> Bool {
        let place = histograms.partitioningIndex { $0.timestamp >= timestamp }
        return place < histograms.count && histograms[place].timestamp == timestamp
    }

    private func float(at timestamp: Int64) -> Double? {
        if timestamp == newestFloat { return newestValue }
        let place = outOfOrder.partitioningIndex { $0.timestamp >= timestamp }
        if place < outOfOrder.count, outOfOrder[place].timestamp == timestamp { return outOfOrder[place].value }
        if let open, timestamp >= open.firstTimestamp, let value = HeadSeries.find(timestamp, open.encoded()) {
            return value
        }
        for chunk in closed where timestamp >= chunk.first && timestamp <= chunk.last {
            if let value = HeadSeries.find(timestamp, chunk.bytes) { return value }
        }
        return nil
    }

    private static func find(_ timestamp: Int64, _ bytes: [UInt8]) -> Double? {
        guard let (timestamps, values) = try? SampleChunkDecoder.decode(bytes) else { return nil }
        let place = timestamps.partitioningIndex { $0 >= timestamp }
        return place < timestamps.count && timestamps[place] == timestamp ? values[place] : nil
    }

    // MARK: Reading

    func overlaps(_ range: TimeRange) -> Bool {
        if let open, range.overlaps(first: open.firstTimestamp, last: open.lastTimestamp) { return true }
        if closed.contains(where: { range.overlaps(first: $0.first, last: $0.last) }) { return true }
        if let first = outOfOrder.first, let last = outOfOrder.last,
            range.overlaps(first: first.timestamp, last: last.timestamp)
        {
            return true
        }
        guard let first = histograms.first, let last = histograms.last else { return false }
        return range.overlaps(first: first.timestamp, last: last.timestamp)
    }

    /// Encoded runs that may have samples in the range; to be decoded without the shard's lock.
    func snapshot(_ range: TimeRange) -> HeadSnapshot {
        var chunks = closed.filter { range.overlaps(first: $0.first, last: $0.last) }.map(\.bytes)
        if let open, range.overlaps(first: open.firstTimestamp, last: open.lastTimestamp) {
            chunks.append(open.encoded())
        }
        return HeadSnapshot(
            chunks: chunks, outOfOrder: outOfOrder.filter { range.contains($0.timestamp) },
            histograms: histograms.filter { range.contains($0.timestamp) })
    }

    // MARK: Sealing

    /// Closes and marks everything of the window and answers it.
    mutating func beginSealing(_ window: Int64) -> HeadSnapshot? {
        if let chunk = open, Window.index(chunk.firstTimestamp) == window { closeOpen() }
        if outOfOrder.contains(where: { Window.index($0.timestamp) == window }) { closeOutOfOrder(window: window) }
        var snapshot = HeadSnapshot()
        for i in closed.indices where closed[i].window == window {
            closed[i].isSealing = true
            snapshot.chunks.append(closed[i].bytes)
        }
        for i in histograms.indices where Window.index(histograms[i].timestamp) == window {
            histograms[i].isSealing = true
            snapshot.histograms.append(histograms[i])
        }
        return snapshot.isEmpty ? nil : snapshot
    }

    /// Drops what is in a part now, or (when sealing failed) takes the marks away.
    mutating func endSealing(_ window: Int64, isDone: Bool) {
        if isDone {
            closed.removeAll { $0.isSealing && $0.window == window }
            histograms.removeAll { $0.isSealing && Window.index($0.timestamp) == window }
        } else {
            for i in closed.indices where closed[i].window == window { closed[i].isSealing = false }
            for i in histograms.indices where Window.index(histograms[i].timestamp) == window {
                histograms[i].isSealing = false
            }
        }
    }
}

/// Encoded samples of one series, taken out of the head.
struct HeadSnapshot: Sendable {
    var chunks: [[UInt8]] = []
    var outOfOrder: [FloatSample] = []
    var histograms: [HeadHistogram] = []

    var isEmpty: Bool { chunks.isEmpty && outOfOrder.isEmpty && histograms.isEmpty }
    var byteCount: Int {
        chunks.reduce(outOfOrder.count * 16) { $0 + $1.count + 32 } + histograms.reduce(0) { $0 + $1.bytes.count + 64 }
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index whose element satisfies `predicate`, in a collection where all that do come last.
    func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
