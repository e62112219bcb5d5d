internal import Storage
internal import Telemetry

extension LogQLEngine {
    /// How far around the range asked for context is looked for: an hour.
    private static let contextReach: Int64 = 3_600_000_000_000

    /// A log query whose last stages look at all lines: these are collected first, then cut to the limit.
    func results(
        _ expression: LogExpression, range: TimeRange, limit: Int, direction: LogDirection, context: QueryContext
    ) async throws -> LogResult {
        var lines = expression
        lines.results = []
        var result: LogResult
        if case .streamContext(let before, let after)? = expression.results.first {
            result = try await linesWithContext(lines, range: range, before: before, after: after, context: context)
            if direction == .backward { result.entries.reverse() }
        } else {
            result = try await logs(lines, range: range, limit: 0, direction: direction, context: context)
        }
        for stage in expression.results {
            switch stage {
            case .streamContext: break
            case .distinct(let names): result.entries = ResultStages.distinct(result.entries, names)
            case .sort(let keys): result.entries = ResultStages.sorted(result.entries, keys)
            case .top(let count, let names): result.entries = ResultStages.top(result.entries, count, names)
            case .facets(let count): result.entries = ResultStages.facets(result.entries, count)
            }
        }
        if limit > 0, result.entries.count > limit { result.entries.removeLast(result.entries.count - limit) }
        return result
    }

    /// The lines found and their neighbours in the stream, each once, oldest first. Neighbours are as they were stored.
    private func linesWithContext(
        _ expression: LogExpression, range: TimeRange, before: Int, after: Int, context: QueryContext
    ) async throws -> LogResult {
        var record = Record()
        var pipeline = try LogPipeline(expression.stages, names: &record.names)
        var bare = expression
        bare.stages = []
        let (low, isLow) = range.start.subtractingReportingOverflow(LogQLEngine.contextReach)
        let (high, isHigh) = range.end.addingReportingOverflow(LogQLEngine.contextReach)
        let wide = TimeRange(start: isLow ? range.start : low, end: isHigh ? range.end : high)
        var plan = try await ScanPlanner(reader: reader, pushesDown: options.pushesDown).plan(
            bare, range: wide, context: context)
        plan.order = .oldestFirst
        var entries: [LogEntry] = []
        var neighbours: [LabelSet: (last: [LogEntry], due: Int)] = [:]
        let trailer = try await reader.scan(plan, context: context) { batch in
            try context.check()
            var rows = RowSource(batch, names: &record.names)
            var bytes = 0
            for row in 0..<rows.count {
                let line = rows.line(row)
                let labels = batch.groups[rows.group(row)].labels
                record.begin(timestamp: rows.timestamp(row), line: line)
                rows.load(row, into: &record)
                let stored = record.entry(stream: labels)
                bytes += line.count + record.arena.count + 96
                var around = neighbours[labels] ?? ([], 0)
                if range.contains(rows.timestamp(row)), pipeline.prefilter(line), pipeline.run(&record) {
                    entries += around.last
                    entries.append(record.entry(stream: labels))
                    around = ([], after)
                } else if around.due > 0 {
                    entries.append(stored)
                    around.due -= 1
                } else if before > 0 {
                    if around.last.count == before { around.last.removeFirst() }
                    around.last.append(stored)
                }
                neighbours[labels] = around
            }
            try context.charge(memory: bytes)
            return .goOn
        }
        let order = entries.indices.sorted { (entries[$0].timestamp, $0) < (entries[$1].timestamp, $1) }
        return LogResult(entries: order.map { entries[$0] }, partial: trailer.partial, warnings: trailer.warnings)
    }
}

/// What `distinct`, `sort`, `top` and `facets` make of lines.
enum ResultStages {
    /// Of how many values at most the counts of a facet are kept: beyond that it is no facet but an identifier.
    private static let maximumValues = 1000

    private static func values(_ entry: LogEntry, _ names: [String]) -> [String] {
        names.map { entry.parsed[$0] ?? entry.structuredMetadata[$0] ?? entry.stream[$0] ?? "" }
    }

    /// Lines with none of the labels are equal to each other in nothing: they go.
    static func distinct(_ entries: [LogEntry], _ names: [String]) -> [LogEntry] {
        var seen: Set<[String]> = []
        return entries.filter { entry in
            let values = values(entry, names)
            return values.contains { !$0.isEmpty } && seen.insert(values).inserted
        }
    }

    static func sorted(_ entries: [LogEntry], _ keys: [SortKey]) -> [LogEntry] {
        let texts = entries.map { values($0, keys.map(\.name)) }
        let order = entries.indices.sorted { a, b in
            for (number, key) in keys.enumerated() {
                let (left, right) = (texts[a][number], texts[b][number])
                if left == right { continue }
                // What has no value comes last in either direction.
                if left.isEmpty || right.isEmpty { return right.isEmpty }
                return isLess(left, right) != key.isDescending
            }
            return a < b
        }
        return order.map { entries[$0] }
    }

    /// As numbers, durations or sizes where both are, else as text.
    private static func isLess(_ left: String, _ right: String) -> Bool {
        let (a, b) = (Array(left.utf8)[...], Array(right.utf8)[...])
        if let x = GoConversion.number(a), let y = GoConversion.number(b) { return x < y }
        if let x = GoConversion.duration(a), let y = GoConversion.duration(b) { return x < y }
        if let x = ByteCountText.parse(a), let y = ByteCountText.parse(b) { return x < y }
        return a.lexicographicallyPrecedes(b)
    }

    private struct Count {
        var values: [String]
        var hits = 0
        var latest = Int64.min
    }

    /// A line for each combination of values, with its count and the time of its newest line.
    static func top(_ entries: [LogEntry], _ count: Int, _ names: [String]) -> [LogEntry] {
        let counted = counts(entries.lazy.map { (values($0, names), $0.timestamp) })
        return counted.prefix(count).map { one in
            let labels = zip(names, one.values).map { Label($0, $1) }
            return line(labels, one)
        }
    }

    static func facets(_ entries: [LogEntry], _ count: Int) -> [LogEntry] {
        var byName: [String: [(values: [String], time: Int64)]] = [:]
        for entry in entries {
            entry.labels.forEach { name, value in
                byName[name, default: []].append(([value], entry.timestamp))
            }
        }
        var out: [LogEntry] = []
        for (name, found) in byName.sorted(by: { $0.key < $1.key }) {
            let counted = counts(found.lazy.map { ($0.values, $0.time) })
            if counted.count > maximumValues { continue }
            for one in counted.prefix(count) {
                out.append(line([Label("facet", name), Label("value", one.values.first ?? "")], one))
            }
        }
        return out
    }

    private static func counts(_ found: some Sequence<(values: [String], time: Int64)>) -> [Count] {
        var index: [[String]: Int] = [:]
        var counted: [Count] = []
        for (values, time) in found {
            let place = index[values] ?? counted.count
            if place == counted.count {
                index[values] = place
                counted.append(Count(values: values))
            }
            counted[place].hits += 1
            counted[place].latest = max(counted[place].latest, time)
        }
        return counted.sorted { a, b in
            a.hits == b.hits ? a.values.lexicographicallyPrecedes(b.values) : a.hits > b.hits
        }
    }

    private static func line(_ labels: [Label], _ count: Count) -> LogEntry {
        let all = labels + [Label("hits", String(count.hits))]
        let text = all.map { "\($0.name)=\($0.value.contains(" ") ? QuotedText.quote($0.value) : $0.value)" }
        return LogEntry(
            timestamp: count.latest, line: Array(text.joined(separator: " ").utf8), stream: LabelSet(all),
            structuredMetadata: .empty, parsed: .empty)
    }
}
