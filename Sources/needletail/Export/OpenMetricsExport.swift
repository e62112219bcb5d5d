import Storage
import Telemetry

/// Walks the families one after the other, and holds a million samples at most.
struct OpenMetricsExport {
    private static let mostAtOnce = 1_000_000

    let source: any ExportSource
    let matcherSets: [[Matcher]]
    let range: TimeRange
    let out: ExportOutput
    private(set) var families = 0
    private(set) var series = 0
    private(set) var samples = 0
    private(set) var exemplars = 0
    private(set) var leftOut = 0
    private var text = OpenMetricsText()

    init(source: any ExportSource, matcherSets: [[Matcher]], range: TimeRange, out: ExportOutput) {
        self.source = source
        self.matcherSets = matcherSets
        self.range = range
        self.out = out
    }

    mutating func run() async throws {
        let names = try await source.metricNames(matcherSets, range: range)
        for family in MetricFamilies.plan(names, try await source.metadata()) { try await write(family) }
        text.end()
        try out.write(text.take())
        try out.finish()
    }

    /// What selects one metric of the family; several where there are several `--match`.
    private func selections(_ metric: String) -> [[Matcher]] {
        let name = Matcher("__name__", .equal, metric)
        return matcherSets.isEmpty ? [[name]] : matcherSets.map { $0 + [name] }
    }

    private mutating func write(_ family: MetricFamily) async throws {
        let before = samples
        var hasHeader = false
        var size = 0
        for metric in family.metrics {
            for selection in selections(metric) { size += try await source.count(selection, range: range) }
        }
        guard size > 0 else { return }
        let exemplars = try await exemplars(of: family)
        if size <= OpenMetricsExport.mostAtOnce {
            var columns: [SeriesColumns] = []
            var seen: Set<LabelSet> = []
            for metric in family.metrics {
                for selection in selections(metric) {
                    for one in try await source.load(selection, range: range) where seen.insert(one.labels).inserted {
                        columns.append(one)
                    }
                }
            }
            let groups = Dictionary(grouping: columns) { OpenMetricsExport.group($0.labels, family) }
            for key in groups.keys.sorted() {
                try write(groups[key] ?? [], family, exemplars, &hasHeader)
            }
            series += columns.count
        } else {
            try await writeByGroup(family, exemplars, &hasHeader)
        }
        if samples > before { families += 1 }
    }

    /// The labels that a histogram's or a summary's series have in common: their points stand together.
    private static func group(_ labels: LabelSet, _ family: MetricFamily) -> LabelSet {
        switch family.kind {
        case .histogram: labels.filter { $0 != "__name__" && $0 != "le" }
        case .summary: labels.filter { $0 != "__name__" && $0 != "quantile" }
        default: labels
        }
    }

    /// For a family that is too large to be held: each of its groups by itself, and by pieces of time.
    private mutating func writeByGroup(
        _ family: MetricFamily, _ exemplars: [LabelSet: [Exemplar]], _ hasHeader: inout Bool
    ) async throws {
        let all = Set(try await source.series(family.metrics.flatMap(selections), range: range))
        let groups = Dictionary(grouping: all) { OpenMetricsExport.group($0, family) }
        for key in groups.keys.sorted() {
            let members = (groups[key] ?? []).sorted()
            var size = 0
            for one in members { size += try await source.count(OpenMetricsExport.matchers(one), range: range) }
            series += members.count
            let pieces = Int64(size / OpenMetricsExport.mostAtOnce + 1)
            let length = max(1, (range.end - range.start) / pieces + 1)
            var start = range.start
            while start < range.end {
                let piece = TimeRange(start: start, end: min(range.end, start + length))
                var columns: [SeriesColumns] = []
                for one in members {
                    let found = try await source.load(OpenMetricsExport.matchers(one), range: piece)
                    // Matchers cannot say that there is no further label.
                    columns += found.filter { $0.labels == one }
                }
                try write(columns, family, exemplars, &hasHeader)
                start += length
            }
        }
    }

    private static func matchers(_ labels: LabelSet) -> [Matcher] {
        labels.labels.map { Matcher($0.name, .equal, $0.value) }
    }

    private func exemplars(of family: MetricFamily) async throws -> [LabelSet: [Exemplar]] {
        // OpenMetrics has them on buckets and counters alone.
        let metrics = family.metrics.filter {
            family.kind == .histogram && $0.hasSuffix("_bucket") || family.kind == .counter
        }
        var found: [LabelSet: [Exemplar]] = [:]
        for metric in metrics {
            for selection in selections(metric) {
                for (labels, list) in try await source.exemplars(selection, range: range) {
                    found[labels] = list.sorted { $0.timestamp < $1.timestamp }
                }
            }
        }
        return found
    }

    // MARK: Lines

    private struct Line {
        var prefix: [UInt8]
        var columns: SeriesColumns
        var exemplars: [Exemplar]
        /// Buckets by their bound, then the count, then the sum.
        var order: Double
        var next = 0
        var nextExemplar = 0

        init(_ columns: SeriesColumns, _ exemplars: [Exemplar]) {
            prefix = OpenMetricsText.prefix(columns.labels)
            self.columns = columns
            self.exemplars = exemplars
            let bound = columns.labels["le"] ?? columns.labels["quantile"]
            let name = columns.labels.metricName ?? ""
            order = bound.flatMap { $0 == "+Inf" ? 1e308 : Double($0) } ?? (name.hasSuffix("_count") ? .infinity : .nan)
        }

        var time: Int64? { next < columns.timestamps.count ? columns.timestamps[next] : nil }

        /// The newest exemplar up to this sample that no sample before has taken.
        mutating func exemplar(upTo time: Int64) -> Exemplar? {
            var found: Exemplar?
            while nextExemplar < exemplars.count, exemplars[nextExemplar].timestamp <= time {
                found = exemplars[nextExemplar]
                nextExemplar += 1
            }
            return found
        }
    }

    private static func earliest(_ lines: [Line]) -> Int64? {
        var earliest: Int64?
        for i in lines.indices {
            if let time = lines[i].time { earliest = min(earliest ?? time, time) }
        }
        return earliest
    }

    private mutating func write(
        _ columns: [SeriesColumns], _ family: MetricFamily, _ exemplars: [LabelSet: [Exemplar]],
        _ hasHeader: inout Bool
    ) throws {
        var lines = columns.map { Line($0, exemplars[$0.labels] ?? []) }
        lines.sort { a, b in
            if a.order.isNaN || b.order.isNaN { return !a.order.isNaN && b.order.isNaN }
            return a.order < b.order
        }
        leftOut += columns.reduce(0) { $0 + $1.histograms.count }
        while let time = OpenMetricsExport.earliest(lines) {
            for i in lines.indices where lines[i].time == time {
                let value = lines[i].columns.values[lines[i].next]
                lines[i].next += 1
                if SpecialValue.isStaleMarker(value) { continue }
                if !hasHeader {
                    text.header(family)
                    hasHeader = true
                }
                let exemplar = lines[i].exemplar(upTo: time)
                if exemplar != nil { self.exemplars += 1 }
                text.sample(lines[i].prefix, value, time, exemplar)
                samples += 1
            }
            if text.bytes.count >= 1 << 20 { try out.write(text.take()) }
        }
    }
}
