import Codecs
import Storage
import Telemetry

/// What to ask of templates.
package struct LogTemplateQuery: Sendable {
    package var matchers: [Matcher]
    /// Nanoseconds, half-open. Rows are counted for each by itself; the last one's over time as well.
    package var windows: [TimeRange]
    /// Nanoseconds between samples; not less than ten seconds.
    package var step: Int64
    /// Labels of streams to keep apart by.
    package var labels: [String]
    package var separatesLevels: Bool

    package init(
        matchers: [Matcher], windows: [TimeRange], step: Int64, labels: [String] = [], separatesLevels: Bool = true
    ) {
        self.matchers = matchers
        self.windows = windows
        self.step = max(step, TemplateSummary.bucketNanoseconds)
        self.labels = labels
        self.separatesLevels = separatesLevels
    }
}

/// Lines that say the same but for their values.
package struct LogTemplate: Sendable, Equatable {
    package struct Sample: Sendable, Equatable {
        /// Nanoseconds, a multiple of the step.
        package var time: Int64
        package var rows: Int
    }

    /// `<_>` for what varies; LogQL's `|>` finds the lines by it.
    package var pattern: String
    /// Empty: none, or not asked for.
    package var level: String
    /// Those that were asked for.
    package var labels: LabelSet
    /// By window.
    package var rows: [Int]
    /// Of all windows, nanoseconds.
    package var firstTime: Int64
    package var lastTime: Int64
    /// Of the last window, ascending.
    package var samples: [Sample]
}

/// Adds up what blocks, memory and lines say, and tells it by pattern.
package struct TemplateFolding {
    private struct Key: Hashable {
        var pattern: Int
        var level: Int
        var labels: Int
    }

    private struct Count {
        var rows: [Int]
        var firstTime = Int64.max
        var lastTime = Int64.min
        /// By time, nanoseconds.
        var samples: [Int64: Int] = [:]

        mutating func add(_ other: Count) {
            for i in rows.indices { rows[i] += other.rows[i] }
            firstTime = min(firstTime, other.firstTime)
            lastTime = max(lastTime, other.lastTime)
            for (time, count) in other.samples { samples[time, default: 0] += count }
        }
    }

    private let query: LogTemplateQuery
    private var patterns: [[UInt8]] = []
    private var patternNumbers: [[UInt8]: Int] = [:]
    private var levels: [[UInt8]] = [[]]
    private var levelNumbers: [[UInt8]: Int] = [[]: 0]
    private var labelSets: [LabelSet] = []
    private var labelNumbers: [LabelSet: Int] = [:]
    private var counts: [Key: Count] = [:]

    package init(_ query: LogTemplateQuery) { self.query = query }

    /// - Parameters:
    ///   - isWanted: of a group.
    ///   - labels: of a group, those that are asked for.
    mutating func add(
        _ summary: TemplateSummary, window: Int, isWanted: (UInt32) -> Bool, labels: (UInt32) throws -> LabelSet
    ) rethrows {
        var numbers = [Int](repeating: -1, count: summary.patterns.count)
        var groups: [UInt32: Int] = [:]
        for series in summary.series where isWanted(series.group) {
            let pattern = Int(series.pattern)
            if numbers[pattern] < 0 { numbers[pattern] = number(of: summary.patterns[pattern]) }
            let group: Int
            if let known = groups[series.group] {
                group = known
            } else {
                group = number(of: query.labels.isEmpty ? .empty : try labels(series.group))
                groups[series.group] = group
            }
            let level = query.separatesLevels ? number(ofLevel: summary.levels[Int(series.level)]) : 0
            let key = Key(pattern: numbers[pattern], level: level, labels: group)
            var count = counts.removeValue(forKey: key) ?? Count(rows: [Int](repeating: 0, count: query.windows.count))
            count.rows[window] += series.rows
            count.firstTime = min(count.firstTime, series.firstTime)
            count.lastTime = max(count.lastTime, series.lastTime)
            if window == query.windows.count - 1 {
                for bucket in series.buckets {
                    let time = bucket.number &* summary.bucketLength
                    count.samples[TemplateFolding.floor(time, query.step), default: 0] += bucket.rows
                }
            }
            counts[key] = count
        }
    }

    /// A line with what is known of it.
    package struct Line: Sendable {
        package var text: [UInt8]
        package var time: Int64
        package var level: String
        /// Of its stream.
        package var labels: LabelSet

        package init(text: [UInt8], time: Int64, level: String, labels: LabelSet) {
            self.text = text
            self.time = time
            self.level = level
            self.labels = labels
        }
    }

    /// Lines that a filter left of a window's rows.
    package mutating func add(_ lines: [Line], window: Int) {
        var bytes: [UInt8] = []
        var ends: [UInt32] = []
        var numbers: [LabelSet: UInt32] = [:]
        var labels: [LabelSet] = []
        var groups: [UInt32] = []
        var levels = RowLevels()
        for line in lines {
            bytes.append(contentsOf: line.text)
            ends.append(UInt32(truncatingIfNeeded: bytes.count))
            let kept = LabelSet(line.labels.labels.filter { query.labels.contains($0.name) })
            let number = numbers[kept] ?? UInt32(truncatingIfNeeded: labels.count)
            if Int(number) == labels.count {
                numbers[kept] = number
                labels.append(kept)
            }
            groups.append(number)
            levels.append(Array(line.level.utf8))
        }
        let summary = TemplateSummary(
            TextMiner.mine(bytes, ends: ends, as: .line), rows: nil, times: lines.map(\.time), groups: groups,
            levels: levels, wanted: nil)
        add(summary, window: window, isWanted: { _ in true }, labels: { labels[Int($0)] })
    }

    private static func floor(_ time: Int64, _ step: Int64) -> Int64 {
        let remainder = time % step
        return time &- (remainder < 0 ? remainder + step : remainder)
    }

    private mutating func number(of pattern: [UInt8]) -> Int {
        if let known = patternNumbers[pattern] { return known }
        patternNumbers[pattern] = patterns.count
        patterns.append(pattern)
        return patterns.count - 1
    }

    private mutating func number(ofLevel level: [UInt8]) -> Int {
        if let known = levelNumbers[level] { return known }
        levelNumbers[level] = levels.count
        levels.append(level)
        return levels.count - 1
    }

    private mutating func number(of labels: LabelSet) -> Int {
        if let known = labelNumbers[labels] { return known }
        labelNumbers[labels] = labelSets.count
        labelSets.append(labels)
        return labelSets.count - 1
    }

    /// Bytes that it holds, roughly.
    var footprint: Int {
        patterns.reduce(0) { $0 + $1.count * 2 + 100 } + counts.reduce(0) { $0 + 150 + $1.value.samples.count * 24 }
    }

    /// The most frequent of the last window first.
    package var templates: [LogTemplate] {
        let merged = PatternMerging.run(patterns)
        struct Name: Hashable {
            var pattern: [UInt8]
            var level: Int
            var labels: Int
        }
        var sums: [Name: Count] = [:]
        for (key, count) in counts {
            let name = Name(pattern: merged[key.pattern], level: key.level, labels: key.labels)
            sums[name, default: Count(rows: [Int](repeating: 0, count: query.windows.count))].add(count)
        }
        return sums.map { name, count in
            LogTemplate(
                pattern: String(decoding: name.pattern, as: UTF8.self),
                level: String(decoding: levels[name.level], as: UTF8.self), labels: labelSets[name.labels],
                rows: count.rows, firstTime: count.firstTime, lastTime: count.lastTime,
                samples: count.samples.sorted { $0.key < $1.key }.map {
                    LogTemplate.Sample(time: $0.key, rows: $0.value)
                }
            )
        }.sorted { a, b in
            let (x, y) = (a.rows.last ?? 0, b.rows.last ?? 0)
            if x != y { return x > y }
            if a.pattern != b.pattern { return a.pattern < b.pattern }
            return a.level == b.level ? a.labels < b.labels : a.level < b.level
        }
    }
}
