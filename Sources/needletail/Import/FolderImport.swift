import Foundation
import Telemetry
import Wire

/// Reads a Prometheus data folder in pieces and hands over batches.
struct FolderImport {
    let folder: PrometheusFolder
    let target: any ImportTarget
    let keepsGoing: Bool
    var report = ImportReport()
    var progress: ImportProgress
    private var batch = ImportBatch()
    /// Samples since the store was last asked to write what it has in memory.
    private var sinceMaintenance = 0
    /// What was deleted in blocks: the log may still have it.
    private var deletions: [LabelSet: [ClosedRange<Int64>]] = [:]
    /// Times of the chunks of histograms in the newest blocks: the log has some of them too.
    private var histograms: [LabelSet: [ClosedRange<Int64>]] = [:]
    /// How far back from the newest block a log can reach; Prometheus cuts it every two hours.
    private static let longestLog: Int64 = 86_400_000

    init(folder: PrometheusFolder, target: any ImportTarget, keepsGoing: Bool, isQuiet: Bool) {
        self.folder = folder
        self.target = target
        self.keepsGoing = keepsGoing
        progress = ImportProgress(blocks: folder.blocks.count, isQuiet: isQuiet)
        report.superseded = folder.superseded
    }

    private var logStart: Int64 {
        (folder.blocks.map(\.meta.maxTime).max() ?? .min).subtractingReportingOverflow(FolderImport.longestLog)
            .partialValue
    }

    mutating func run() async throws {
        progress.total = try size()
        for block in folder.blocks {
            do {
                try await read(block)
                report.blocks += 1
            } catch let error as PrometheusFolderError {
                try leaveOut(error)
            }
            progress.blocksDone += 1
        }
        try await readHead()
        try await flush()
    }

    /// Bytes that will be read, for the progress.
    private func size() throws -> Int {
        var bytes = 0
        for block in folder.blocks { for file in try PrometheusFolder.chunkFiles(block) { bytes += file.count } }
        // The log is read twice: first for what its series are called.
        for path in folder.log { bytes += 2 * (try PrometheusFolder.opened(path).count) }
        for path in folder.outOfOrderLog + folder.headChunks { bytes += try PrometheusFolder.opened(path).count }
        return bytes
    }

    private mutating func leaveOut(_ error: PrometheusFolderError) throws {
        guard keepsGoing else {
            throw CommandFailure("\(error.description); --keep-going leaves out what is damaged")
        }
        report.leaveOut(error.description)
    }

    private mutating func flush() async throws {
        guard !batch.isEmpty else { return }
        let size = batch.size
        let outcome = try await target.write(batch.take())
        for (reason, count) in outcome.rejected { report.rejected[reason, default: 0] += count }
        report.firstRejection = report.firstRejection ?? outcome.message
        sinceMaintenance += size
        if sinceMaintenance >= 1_000_000 {
            sinceMaintenance = 0
            if let store = target as? StoreTarget { try await store.maintain() }
        }
        progress.show(report)
    }

    // MARK: Blocks

    private mutating func read(_ block: PrometheusFolder.Block) async throws {
        let index = try BlockIndex(try PrometheusFolder.mapped(block.path + "/index"))
        let chunks = try BlockChunks(try PrometheusFolder.chunkFiles(block))
        let tombstones = try PrometheusFolder.tombstones(block)
        var samples = FolderSamples()
        var first = 0
        while first < index.seriesCount {
            let references = try index.references(from: first, count: 4096)
            first += references.count
            for reference in references {
                do {
                    let series = try index.series(reference)
                    let deleted = tombstones.ranges(of: reference)
                    if !deleted.isEmpty {
                        let span = block.meta.minTime...max(block.meta.minTime, block.meta.maxTime &- 1)
                        deletions[series.labels, default: []] += deleted.map { $0.clamped(to: span) }
                    }
                    try await read(series, chunks, tombstones, &samples)
                } catch let error as PrometheusFolderError {
                    try leaveOut(error)
                }
                report.blockSeries += 1
            }
        }
    }

    private mutating func read(
        _ series: BlockSeries, _ chunks: BlockChunks, _ tombstones: FolderTombstones, _ samples: inout FolderSamples
    ) async throws {
        for chunk in series.chunks {
            samples.removeAll()
            do throws(PrometheusFolderError) {
                progress.done += try chunks.read(chunk, into: &samples)
            } catch {
                try leaveOut(error)
                continue
            }
            if !samples.histograms.isEmpty, chunk.minTime <= chunk.maxTime, chunk.maxTime > logStart {
                histograms[series.labels, default: []].append(chunk.minTime...chunk.maxTime)
            }
            report.deleted += tombstones.remove(from: &samples, of: series.reference)
            report.count(samples)
            batch.add(series.labels, samples)
            if batch.size >= target.batchSize { try await flush() }
        }
    }

    // MARK: Head

    private mutating func readHead() async throws {
        guard !folder.log.isEmpty || !folder.headChunks.isEmpty else { return }
        var head = HeadSink(deletions: deletions, histogramsOfBlocks: histograms)
        do {
            try await readLog(folder.log, &head)
            if !folder.outOfOrderLog.isEmpty { try await readLog(folder.outOfOrderLog, &head, advances: false) }
            try await readHeadChunks(&head)
            head.wantsSamples = true
            head.isOutOfOrder = false
            try await readLog(folder.log, &head)
            // What came late is in both logs; only this one says which of it was taken.
            head.isOutOfOrder = true
            try await readLog(folder.outOfOrderLog, &head)
        } catch let error as PrometheusFolderError {
            try leaveOut(error)
        }
        try await flush(&head)
        report.take(head)
    }

    private mutating func readLog(_ paths: [String], _ head: inout HeadSink, advances: Bool = true) async throws {
        var reader = LogReader(try paths.map(PrometheusFolder.opened))
        let before = progress.done
        while let record = try reader.next() {
            do throws(PrometheusFolderError) {
                try LogRecords.read(record, into: &head)
            } catch {
                try leaveOut(error)
            }
            if advances { progress.done = before + reader.bytesRead }
            if head.batch.size >= target.batchSize { try await flush(&head) }
        }
        if let torn = reader.torn, head.wantsSamples {
            report.note("\(torn.file) ends at byte \(torn.offset) in the middle of a record, as it does after a crash")
        }
        if advances { progress.done = before + reader.bytesInAll }
    }

    private mutating func flush(_ head: inout HeadSink) async throws {
        swap(&batch, &head.batch)
        report.take(head)
        head.resetCounts()
        try await flush()
    }

    private mutating func readHeadChunks(_ head: inout HeadSink) async throws {
        for (number, path) in folder.headChunks.enumerated() {
            var file = try HeadChunkFile(try PrometheusFolder.opened(path))
            let before = progress.done
            while let chunk = try file.next(isLastFile: number == folder.headChunks.count - 1) {
                head.add(chunk)
                progress.done = before + file.position
                if head.batch.size >= target.batchSize { try await flush(&head) }
            }
            if let torn = file.tornAt {
                report.note("\(path) ends at byte \(torn) in the middle of a chunk; the log has what it held")
            }
        }
    }
}
