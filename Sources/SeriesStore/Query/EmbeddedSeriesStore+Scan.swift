package import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    /// One series of a scan and where its samples are.
    private struct Found {
        var labels: LabelSet
        /// In order of the parts' ids: what was stored first comes first.
        var blocks: [(part: Int, block: PartBlock)] = []
        var head = HeadColumns()

        var byteCount: Int { labels.bytes.count + 160 + blocks.count * 64 + head.byteCount }
    }

    private static let batchSeries = 256
    private static let batchSamples = 200_000

    package func scan(
        _ plan: SeriesScanPlan, context: QueryContext, _ body: ([SeriesColumns]) throws -> Void
    ) async throws -> ScanTrailer {
        let matchers = try plan.matchers.map { try CompiledMatcher($0) }
        var trailer = ScanTrailer()
        guard !plan.range.isEmpty else { return trailer }
        // The head before the parts: what is sealed in between is seen twice, never not at all.
        var found: [Found] = []
        var indexOf: [LabelSet: Int] = [:]
        var held = 0
        defer { context.release(memory: held) }
        let charge = { (one: Found) in
            held += one.byteCount
            try context.charge(memory: one.byteCount)
        }
        try takeHead(plan.range, matchers, context, charge, &found, &indexOf)
        let parts = self.parts.withLock { $0 }
        for (number, part) in parts.enumerated() where part.overlaps(plan.range) {
            try part.forEachMatch(matchers, context: context, report: { self.damage($0, &trailer) }) { series in
                let blocks = series.blocks.filter { plan.range.overlaps(first: $0.first, last: $0.last) }
                guard !blocks.isEmpty else { return }
                if let known = indexOf[series.labels] {
                    found[known].blocks += blocks.map { (number, $0) }
                } else {
                    let one = Found(labels: series.labels, blocks: blocks.map { (number, $0) })
                    try charge(one)
                    indexOf[series.labels] = found.count
                    found.append(one)
                }
            }
        }
        indexOf = [:]
        var batch: [SeriesColumns] = []
        var samples = 0
        // In the order of the parts, so that what neighbours share is read once.
        let order = found.indices.sorted { a, b in
            guard let first = found[a].blocks.last, let second = found[b].blocks.last else {
                return found[a].blocks.isEmpty && !found[b].blocks.isEmpty
            }
            return (first.part, first.block.offset) < (second.part, second.block.offset)
        }
        let readers = parts.map { PartReader($0) }
        for (number, index) in order.enumerated() {
            if number % 64 == 0 { try context.check() }
            let columns = try read(found[index], readers, plan.range, context, &trailer)
            // Its samples are not needed any more.
            found[index].head = HeadColumns()
            let count = columns.timestamps.count + columns.histogramTimestamps.count
            guard count > 0 else { continue }
            try context.charge(samples: count)
            batch.append(columns)
            samples += count
            trailer.rows += count
            if batch.count >= EmbeddedSeriesStore.batchSeries || samples >= EmbeddedSeriesStore.batchSamples {
                try hand(over: batch, samples: samples, context, body)
                batch = []
                samples = 0
            }
        }
        if !batch.isEmpty { try hand(over: batch, samples: samples, context, body) }
        return trailer
    }

    /// A batch is the scan's own while it is handed over; what the receiver keeps is the receiver's to charge.
    private func hand(
        over batch: [SeriesColumns], samples: Int, _ context: QueryContext, _ body: ([SeriesColumns]) throws -> Void
    ) throws {
        let histograms = batch.reduce(0) { sum, columns in
            sum + columns.histograms.reduce(0) { $0 + 160 + 8 * ($1.positiveBuckets.count + $1.negativeBuckets.count) }
        }
        let bytes = samples * 16 + histograms
        try context.charge(memory: bytes)
        defer { context.release(memory: bytes) }
        try body(batch)
    }

    private func takeHead(
        _ range: TimeRange, _ matchers: [CompiledMatcher], _ context: QueryContext, _ charge: (Found) throws -> Void,
        _ found: inout [Found], _ indexOf: inout [LabelSet: Int]
    ) throws {
        try forEachHeadSeries(matchers, range, context) { labels, columns in
            let one = Found(labels: labels, head: columns)
            try charge(one)
            indexOf[labels] = found.count
            found.append(one)
        }
    }

    private func read(
        _ found: Found, _ readers: [PartReader], _ range: TimeRange, _ context: QueryContext, _ trailer: inout ScanTrailer
    ) throws -> SeriesColumns {
        var merge = SampleMerge()
        var bytes = 0
        for (number, block) in found.blocks {
            do {
                try merge.add(block, readers[number], in: range)
                bytes += block.length
            } catch let error as StorageError {
                guard case .corrupt = error else { throw error }
                damage(error.description, &trailer)
            }
        }
        if !found.blocks.isEmpty {
            context.count { statistics in
                statistics.blocksRead += found.blocks.count
                statistics.bytesRead += bytes
            }
        }
        do {
            try merge.add(found.head, in: range)
        } catch {
            damage("the head's samples of \(found.labels) cannot be decoded: \(error)", &trailer)
        }
        return merge.finished(found.labels)
    }

    func damage(_ sentence: String, _ trailer: inout ScanTrailer) {
        report(sentence)
        trailer.partial = true
        if trailer.warnings.count < 20, !trailer.warnings.contains(sentence) { trailer.warnings.append(sentence) }
    }
}
