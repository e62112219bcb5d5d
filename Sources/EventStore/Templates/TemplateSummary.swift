import Storage
import Telemetry

/// Which patterns some rows have, how many rows of each there are by group, level and time, and when the first and the
/// last was.
struct TemplateSummary: Sendable {
    struct Bucket: Sendable, Equatable {
        /// Time divided by the summary's ``TemplateSummary/bucketLength``, rounded down.
        var number: Int64
        var rows: Int
    }

    struct Series: Sendable {
        var pattern: UInt32
        /// Of the part or of memory.
        var group: UInt32
        var level: UInt16
        var rows = 0
        var firstTime = Int64.max
        var lastTime = Int64.min
        /// Ascending.
        var buckets: [Bucket] = []
    }

    /// As fine as Loki counts patterns.
    static let bucketNanoseconds: Int64 = 10_000_000_000

    /// Nanoseconds.
    var bucketLength = bucketNanoseconds
    var patterns: [[UInt8]] = []
    var levels: [[UInt8]] = []
    var series: [Series] = []

    /// Bytes that holding it costs.
    var footprint: Int {
        patterns.reduce(256) { $0 + $1.count + 32 } + series.reduce(0) { $0 + 80 + $1.buckets.count * 16 }
    }

    static func bucket(of time: Int64, length: Int64 = bucketNanoseconds) -> Int64 {
        let (quotient, remainder) = time.quotientAndRemainder(dividingBy: length)
        return remainder < 0 ? quotient - 1 : quotient
    }

    private struct Key: Hashable {
        var pattern: UInt32
        var group: UInt32
        var level: UInt16
    }

    init() {}

    /// - Parameters:
    ///   - rows: of each line its row; nil where every row has a line.
    ///   - levels: code of each row, index into `names`.
    ///   - wanted: rows that count; nil for all.
    init(
        _ lines: LinePatterns, rows: [UInt32]?, times: [Int64], groups: [UInt32], levels: RowLevels, wanted: RowMask?
    ) {
        patterns = lines.patterns
        self.levels = levels.names
        var places: [Key: Int] = [:]
        for (line, pattern) in lines.numbers.enumerated() {
            let row = rows.map { Int($0[line]) } ?? line
            guard row < times.count, wanted?[row] != false else { continue }
            let key = Key(pattern: pattern, group: groups[row], level: levels.code(row))
            series[place(of: key, &places)].add(times[row])
        }
        for at in series.indices { series[at].settle() }
    }

    /// Where the series of a key is; a new one where there is none.
    private mutating func place(of key: Key, _ places: inout [Key: Int]) -> Int {
        if let known = places[key] { return known }
        places[key] = series.count
        series.append(Series(pattern: key.pattern, group: key.group, level: key.level))
        return series.count - 1
    }

    /// Of several with the same groups, in longer buckets.
    init(merging all: [TemplateSummary], bucketLength: Int64) {
        self.bucketLength = bucketLength
        var patternNumbers: [[UInt8]: UInt32] = [:]
        var levelNumbers: [[UInt8]: UInt16] = [:]
        var places: [Key: Int] = [:]
        for summary in all {
            let ofPattern = summary.patterns.map { pattern -> UInt32 in
                if let known = patternNumbers[pattern] { return known }
                let number = UInt32(truncatingIfNeeded: patterns.count)
                patternNumbers[pattern] = number
                patterns.append(pattern)
                return number
            }
            let ofLevel = summary.levels.map { level -> UInt16 in
                if let known = levelNumbers[level] { return known }
                // Of more levels than that nobody speaks: they count as none, which every block has first.
                guard levels.count < 60_000 else { return 0 }
                let number = UInt16(truncatingIfNeeded: levels.count)
                levelNumbers[level] = number
                levels.append(level)
                return number
            }
            for one in summary.series {
                let key = Key(
                    pattern: ofPattern[Int(one.pattern)], group: one.group, level: ofLevel[Int(one.level)])
                series[place(of: key, &places)].add(one, from: summary.bucketLength, to: bucketLength)
            }
        }
        for at in series.indices { series[at].settle() }
    }
}

extension TemplateSummary.Series {
    fileprivate mutating func add(_ time: Int64) {
        rows += 1
        firstTime = min(firstTime, time)
        lastTime = max(lastTime, time)
        let bucket = TemplateSummary.bucket(of: time)
        if let last = buckets.indices.last, buckets[last].number == bucket {
            buckets[last].rows += 1
        } else {
            buckets.append(TemplateSummary.Bucket(number: bucket, rows: 1))
        }
    }

    fileprivate mutating func add(_ other: TemplateSummary.Series, from length: Int64, to longer: Int64) {
        rows += other.rows
        firstTime = min(firstTime, other.firstTime)
        lastTime = max(lastTime, other.lastTime)
        for bucket in other.buckets {
            let number = TemplateSummary.bucket(of: bucket.number &* length, length: longer)
            if let last = buckets.indices.last, buckets[last].number == number {
                buckets[last].rows += bucket.rows
            } else {
                buckets.append(TemplateSummary.Bucket(number: number, rows: bucket.rows))
            }
        }
    }

    /// Rows of memory are not always in the order of their times.
    fileprivate mutating func settle() {
        guard buckets.indices.dropFirst().contains(where: { buckets[$0].number <= buckets[$0 - 1].number }) else {
            return
        }
        buckets.sort { $0.number < $1.number }
        var out: [TemplateSummary.Bucket] = []
        for bucket in buckets {
            if let last = out.indices.last, out[last].number == bucket.number {
                out[last].rows += bucket.rows
            } else {
                out.append(bucket)
            }
        }
        buckets = out
    }
}

/// The level of each row of a block.
struct RowLevels {
    static let column = "detected_level"

    /// The first is of rows without a level.
    private(set) var names: [[UInt8]] = [[]]
    /// Empty: no row has one.
    private var codes: [UInt16] = []
    private var known: [[UInt8]: UInt16] = [:]

    init() {}

    init(_ column: DecodedColumn?, rows: Int) {
        guard let column else { return }
        codes = [UInt16](repeating: 0, count: rows)
        switch column.values {
        case .constant(_, let bytes):
            let code = code(of: bytes)
            for i in 0..<column.count { codes[column.row(at: i)] = code }
        case .dictionary(let kinds, let ends, let bytes, let entries):
            let all = kinds.indices.map { code(of: Array(bytes[column.range($0, ends)])) }
            for (i, entry) in entries.enumerated() { codes[column.row(at: i)] = all[Int(entry)] }
        case .integers: break
        case .plain(_, _, let ends, let bytes):
            for i in 0..<column.count { codes[column.row(at: i)] = code(of: Array(bytes[column.range(i, ends)])) }
        }
    }

    /// The level of the next row.
    mutating func append(_ name: [UInt8]) { codes.append(name.isEmpty ? 0 : code(of: name)) }

    func code(_ row: Int) -> UInt16 { codes.isEmpty ? 0 : codes[row] }

    /// There are a handful; what comes beyond a thousand has no level.
    private mutating func code(of name: [UInt8]) -> UInt16 {
        if let code = known[name] { return code }
        guard names.count < 1000 else { return 0 }
        let code = UInt16(truncatingIfNeeded: names.count)
        names.append(name)
        known[name] = code
        return code
    }
}
