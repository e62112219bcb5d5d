import Endpoints
import Storage
import Telemetry
import Wire

/// Turns what a target exposed into what is stored: target labels, metric relabelling, limits, staleness, report series.
///
/// Pure state: fed with bytes and times, it answers batches, so that a test drives it without a socket. Series that the
/// target exposed before cost nothing but their values: see ``ExpositionReader``. What it remembers is bounded, however much
/// a target exposes: series beyond ``mostRemembered`` are read anew in each scrape, and end without a stale marker.
package struct ScrapeAssembly: Sendable {
    /// Spellings of series remembered for one target: about 100 bytes each, and their text once.
    package static let mostRemembered = 250_000

    let configuration: ScrapeConfiguration
    let target: Target
    let labeler: SeriesLabeler
    let reports: ReportSeries
    var reader: ExpositionReader
    var slots = SeriesSlots()
    /// The slot of each spelling.
    var slotOf: [UInt32] = []
    var groups = MetricGroups()
    var unstamped = UnstampedExemplars()
    /// Series of the last good scrape that get a stale marker when they vanish, with the row they stood in.
    var live: [(slot: UInt32, row: UInt32)] = []
    /// The answer that the rows of ``live`` are of.
    var lastColumns = ExpositionColumns()
    /// Series that this makes out of several lines: of native histograms with custom buckets.
    var made: [SeriesKey: LabelSet] = [:]
    var scrape: UInt32 = 0

    package init(
        configuration: ScrapeConfiguration, target: Target, remembering: Int = ScrapeAssembly.mostRemembered
    ) {
        self.configuration = configuration
        self.target = target
        labeler = SeriesLabeler(configuration: configuration, target: target)
        reports = ReportSeries(target: target, settings: configuration.settings)
        reader = ExpositionReader(capacity: remembering, seed: .random(in: .min ... .max))
    }

    /// What the target said about its metrics in the last good scrape.
    package var metadata: [String: MetricMetadata] { reader.metadata }

    /// How many spellings of series are remembered at the moment.
    package var rememberedSeries: Int { reader.rememberedSpellings }

    /// The batch of a good answer. Where a limit or a parse error fails the scrape, the batch ends all series instead.
    package mutating func accept(
        _ body: [UInt8], format: ExpositionFormat, timestamp: Int64, duration: Double
    ) -> (batch: SeriesBatch, report: Report) {
        var report = Report()
        report.bodySize = body.count
        scrape &+= 1
        let columns: ExpositionColumns
        do {
            columns = try reader.read(
                body, format: format, histograms: target.histograms, defaultTimestamp: timestamp)
        } catch {
            return fail("\(error)", report, timestamp: timestamp, duration: duration)
        }
        do {
            return try assemble(columns, timestamp: timestamp, duration: duration, &report)
        } catch {
            // What was counted before the limit struck is told: it says by how much the target is too large.
            discard(columns)
            return fail(error.description, report, timestamp: timestamp, duration: duration)
        }
    }

    /// The batch of a scrape that failed: every series of the target ends, `up` is 0.
    package mutating func fail(
        _ reason: String, _ counted: Report = Report(), timestamp: Int64, duration: Double
    ) -> (batch: SeriesBatch, report: Report) {
        var out = ScrapeBatch(labeler: labeler, columns: ExpositionColumns(), previous: lastColumns)
        endAll(&out, timestamp: timestamp)
        var report = counted
        report.failure = reason
        out.add(reports, report, duration: duration, timestamp: timestamp)
        return (out.finished(), report)
    }

    /// The batch that ends a target which is not scraped any more, its report series too.
    package mutating func end(timestamp: Int64) -> SeriesBatch {
        var out = ScrapeBatch(labeler: labeler, columns: ExpositionColumns(), previous: lastColumns)
        endAll(&out, timestamp: timestamp)
        for (key, labels) in zip(reports.keys, reports.labels) {
            out.add(key, labels: labels, SpecialValue.staleMarker, timestamp: timestamp)
        }
        return out.finished()
    }

    private mutating func endAll(_ out: inout ScrapeBatch, timestamp: Int64) {
        for (slot, row) in live { out.addVanished(slots.keys[Int(slot)], row: row, timestamp: timestamp) }
        for (key, labels) in made { out.add(key, labels: labels, SpecialValue.staleMarker, timestamp: timestamp) }
        live = []
        made = [:]
    }

    // MARK: New series

    /// A series that is not remembered: what it is in this scrape.
    struct Unremembered {
        var key: SeriesKey?
        var slot: UInt32?
    }

    /// Reads the labels of what is new. The result has one entry for each spelling that found no place.
    mutating func readFresh(
        _ columns: ExpositionColumns, _ out: inout ScrapeBatch, _ report: inout Report
    ) throws(ScrapeFailure) -> [Unremembered] {
        var unremembered: [Unremembered] = []
        var hasCreated = false
        let takesStarts = configuration.settings.startTimestamps && columns.isOpenMetrics1
        let makesHistograms = self.makesHistograms(columns)
        for row in columns.fresh {
            let spelling = columns.rows[Int(row)].spelling
            guard let exposed = columns.labels(ofRow: Int(row)) else {
                throw .limit("a series could not be read again")
            }
            let kind = columns.rows[Int(row)].metricKind
            let role = takesStarts || makesHistograms ? MetricGroups.role(exposed, kind: kind) : nil
            let isCreated = takesStarts && role?.part == .created
            hasCreated = hasCreated || isCreated
            let stored = isCreated ? nil : try labeler.stored(exposed)
            let key = stored.map(ScrapeKeys.key)
            if let stored { out.keepFresh(row, stored) }
            if Int(spelling) >= reader.capacity {
                let slot = key.flatMap { slots.contains($0) }
                if key != nil, slot == nil { report.added += 1 }
                unremembered.append(Unremembered(key: key, slot: slot))
                continue
            }
            let (slot, isNew) = key.map { slots.take($0) } ?? (SeriesSlots.dropped, false)
            if isNew { report.added += 1 }
            if slotOf.count <= Int(spelling) {
                slotOf += Array(repeating: SeriesSlots.dropped, count: Int(spelling) + 1 - slotOf.count)
            }
            slotOf[Int(spelling)] = slot
        }
        if makesHistograms || (takesStarts && (hasCreated || !groups.isEmpty)) { joinGroups(columns) }
        return unremembered
    }

    func makesHistograms(_ columns: ExpositionColumns) -> Bool {
        target.histograms.customBuckets && columns.isClassicText
    }

    private mutating func joinGroups(_ columns: ExpositionColumns) {
        for row in columns.fresh {
            let place = columns.rows[Int(row)]
            guard Int(place.spelling) < reader.capacity, let exposed = columns.labels(ofRow: Int(row)),
                let role = MetricGroups.role(exposed, kind: place.metricKind)
            else { continue }
            groups.join(place.spelling, exposed, role)
        }
    }

    /// Gives back what ``readFresh`` took.
    private mutating func discard(_ columns: ExpositionColumns) {
        for row in columns.fresh { forget(columns.rows[Int(row)].spelling) }
        _ = groups.takeCollected()
        reader.discard(columns)
    }

    func slot(_ spelling: UInt32) -> UInt32 {
        Int(spelling) < slotOf.count ? slotOf[Int(spelling)] : SeriesSlots.dropped
    }

    mutating func forget(_ spelling: UInt32) {
        guard Int(spelling) < slotOf.count else { return }
        slots.release(slotOf[Int(spelling)])
        slotOf[Int(spelling)] = SeriesSlots.dropped
        groups.leave(spelling)
    }
}
