import Telemetry
import Wire

extension ScrapeAssembly {
    mutating func assemble(
        _ columns: ExpositionColumns, timestamp: Int64, duration: Double, _ report: inout Report
    ) throws(ScrapeFailure) -> (batch: SeriesBatch, report: Report) {
        var out = ScrapeBatch(labeler: labeler, columns: columns, previous: lastColumns)
        out.reserve(columns.rows.count + reports.keys.count)
        out.addMetadata(columns.metadata)
        report.scraped = columns.rows.count
        let unremembered = try readFresh(columns, &out, &report)
        var current: [(slot: UInt32, row: UInt32)] = []
        current.reserveCapacity(columns.rows.count)
        addSamples(columns, unremembered, timestamp: timestamp, &out, &current, &report)
        let limit = configuration.settings.sampleLimit
        if limit > 0, report.kept > limit { throw .limit("sample_limit of \(limit) exceeded (\(report.kept) samples)") }
        let exemplars = unstamped.fresh(columns, timestamp: timestamp)
        if !exemplars.isEmpty { out.addExemplars(exemplars) }
        if !groups.isEmpty {
            let (groups, scrape, rows) = (groups, scrape, columns.rows)
            out.setStarts { groups.start(rows[Int($0)].spelling, scrape: scrape) }
        }
        for (slot, row) in live where slots.seen[Int(slot)] != scrape {
            out.addVanished(slots.keys[Int(slot)], row: row, timestamp: timestamp)
        }
        addMadeHistograms(columns, exemplars, timestamp: timestamp, &out, &report)
        live = current
        for spelling in reader.keep(columns) { forget(spelling) }
        lastColumns = reader.lastColumns
        out.add(reports, report, duration: duration, timestamp: timestamp)
        return (out.finished(), report)
    }

    private mutating func addSamples(
        _ columns: ExpositionColumns, _ unremembered: [Unremembered], timestamp: Int64, _ out: inout ScrapeBatch,
        _ current: inout [(slot: UInt32, row: UInt32)], _ report: inout Report
    ) {
        let honorsTime = configuration.honorTimestamps && !columns.timestamps.isEmpty
        let tracksOwnTime = configuration.trackTimestampsStaleness
        let hasGroups = !groups.isEmpty
        let hasStarts = !columns.startTimestamps.isEmpty
        let capacity = UInt32(truncatingIfNeeded: reader.capacity)
        var nextHistogram = 0
        for index in columns.rows.indices {
            let row = UInt32(truncatingIfNeeded: index)
            let spelling = columns.rows[index].spelling
            let ownTime = honorsTime ? columns.timestamps[index] : ExpositionColumns.noTime
            let hasOwnTime = ownTime != ExpositionColumns.noTime
            if hasGroups, takeIntoGroup(columns, index, hasOwnTime ? ownTime : nil) {
                report.scraped -= 1
                continue
            }
            let slot: UInt32
            let key: SeriesKey
            if spelling < capacity {
                slot = self.slot(spelling)
                guard slot != SeriesSlots.dropped else { continue }
                key = slots.keys[Int(slot)]
            } else {
                let one = unremembered[Int(spelling - capacity)]
                guard let own = one.key else { continue }
                key = own
                slot = one.slot ?? SeriesSlots.dropped
            }
            report.kept += 1
            if slot != SeriesSlots.dropped {
                if slots.seen[Int(slot)] == scrape, !hasOwnTime {
                    report.duplicates += 1
                    continue
                }
                slots.see(slot, scrape: scrape)
                if !hasOwnTime || tracksOwnTime { current.append((slot, row)) }
            }
            let series = out.addSeries(key, row: row)
            let time = hasOwnTime ? ownTime : timestamp
            let start = hasStarts ? columns.startTimestamps[index] : 0
            if nextHistogram < columns.histograms.count {
                while nextHistogram < columns.histograms.count, columns.histograms[nextHistogram].row < row {
                    nextHistogram += 1
                }
                if nextHistogram < columns.histograms.count, columns.histograms[nextHistogram].row == row {
                    let histogram = columns.histograms[nextHistogram].histogram
                    out.addHistogram(
                        .init(series: series, timestamp: time, histogram: histogram, startTimestamp: start))
                    continue
                }
            }
            out.addSample(series, timestamp: time, value: columns.values[index])
            if start != 0 { out.setStart(start) }
        }
    }

    /// True where the line is no sample of its own: when a metric began, or part of a histogram that is stored whole.
    private mutating func takeIntoGroup(_ columns: ExpositionColumns, _ row: Int, _ time: Int64?) -> Bool {
        let member = groups.member(columns.rows[row].spelling)
        switch member.part {
        case .none, .other: return false
        case .created:
            guard configuration.settings.startTimestamps else { return false }
            groups.setStart(member, seconds: columns.values[row], scrape: scrape)
            return columns.isOpenMetrics1
        case .bucket, .count, .sum:
            guard makesHistograms(columns) else { return false }
            groups.collect(
                member, columns.values[row], row: UInt32(truncatingIfNeeded: row), timestamp: time, scrape: scrape)
            return !target.histograms.alwaysClassic
        }
    }

    /// Native histograms with custom buckets out of the lines of classic ones.
    private mutating func addMadeHistograms(
        _ columns: ExpositionColumns, _ exemplars: [(row: UInt32, exemplar: Exemplar)], timestamp: Int64,
        _ out: inout ScrapeBatch, _ report: inout Report
    ) {
        var current: [SeriesKey: LabelSet] = [:]
        for (group, exposed, classic) in groups.takeCollected() {
            let buckets = classic.buckets.sorted { $0.bound < $1.bound }
            guard !buckets.isEmpty || classic.count != nil,
                let histogram = CustomBuckets.histogram(buckets, count: classic.count, sum: classic.sum),
                let labels = (try? labeler.stored(exposed)) ?? nil
            else { continue }
            let key = ScrapeKeys.key(labels)
            guard current[key] == nil else { continue }
            report.scraped += 1
            report.kept += 1
            if made[key] == nil { report.added += 1 }
            if classic.timestamp == nil || configuration.trackTimestampsStaleness { current[key] = labels }
            let series = out.addSeries(key, labels: labels)
            out.addHistogram(
                .init(
                    series: series, timestamp: classic.timestamp ?? timestamp, histogram: histogram,
                    startTimestamp: groups.start(group: group, scrape: scrape)))
            out.moveExemplars(exemplars, ofRows: classic.rows, to: series)
        }
        for (key, labels) in made where current[key] == nil {
            out.add(key, labels: labels, SpecialValue.staleMarker, timestamp: timestamp)
        }
        made = current
    }
}
