import Codecs
import Telemetry

/// The reading of one answer: the cursor in it, the cursor in the answer before, and what was read so far.
struct ExpositionScanner {
    let body: [UInt8]
    let last: ExpositionColumns
    let format: ExpositionFormat
    let histograms: HistogramReading
    let defaultTimestamp: Int64
    let seed: UInt64
    let scrape: UInt32
    let capacity: Int

    var table = SpellingTable(capacity: 0)
    var metadata: [String: MetricMetadata] = [:]
    var out = ExpositionColumns()
    /// In the body.
    var position = 0
    /// Where in the last answer the next sample is expected, and the next comment.
    var row = 0
    var comment = 0
    var kind: UInt32 = 0
    /// Spellings that samples without one of their own are given; they come to stand behind the body.
    var spelled: [UInt8] = []

    private var line = ExpositionLine(strict: false)
    private var builder = LabelBuilder()
    private var changed: [String] = []
    private var unremembered = 0
    private var seenEnd = false
    var isInOrder = true

    init(
        body: [UInt8], last: ExpositionColumns, format: ExpositionFormat, histograms: HistogramReading,
        defaultTimestamp: Int64, seed: UInt64, scrape: UInt32, capacity: Int
    ) {
        self.body = body
        self.last = last
        self.format = format
        self.histograms = histograms
        self.defaultTimestamp = defaultTimestamp
        self.seed = seed
        self.scrape = scrape
        self.capacity = capacity
        out.rows.reserveCapacity(last.rows.count)
        out.values.reserveCapacity(last.rows.count)
        out.comments.reserveCapacity(last.comments.count)
    }

    mutating func run() throws(WireError) {
        guard body.count < 1 << 30 else { throw .exposition("an answer of a gigabyte is too long", line: 1, column: 1) }
        if format == .protobuf { return try readFamilies() }
        while position < body.count {
            readKnownLines()
            guard position < body.count else { break }
            let start = position
            do { try readLine() } catch { throw placed(error, start) }
        }
        if format.isOpenMetrics, !seenEnd { throw placed(line.failure("# EOF is missing at the end"), body.count) }
    }

    /// Lines are counted only for those who need it.
    private func placed(_ error: WireError, _ start: Int) -> WireError {
        guard case .exposition(let reason, _, let column) = error else { return error }
        let number = body[..<start].reduce(1) { $1 == 0x0a ? $0 + 1 : $0 }
        return .exposition(reason, line: number, column: column)
    }

    consuming func finished() -> ExpositionColumns {
        out.text = body
        if !spelled.isEmpty { out.text += spelled }
        out.metadata = changed.compactMap { metadata[$0] }
        out.format = format
        out.isInOrder = isInOrder
        return out
    }

    mutating func forget(_ row: UInt32) {
        let spelling = out.rows[Int(row)].spelling
        if Int(spelling) < capacity { table.remove(spelling) }
    }

    // MARK: Lines

    private mutating func readLine() throws(WireError) {
        let end = lineEnd(from: position)
        line.begin(position..<end)
        position = min(end + 1, body.count)
        if seenEnd { throw line.failure("there is text after # EOF") }
        let start = line.restRange.lowerBound
        line.skipSpace(body)
        // Windows line ends come from hand-written files of text collectors.
        line.dropCarriageReturn(body)
        guard let first = line.peek(body) else { return }
        if first == UInt8(ascii: "#") {
            let isWhole = line.restRange.lowerBound == start && end < body.count
            try readComment(isWhole ? start..<end + 1 : nil)
        } else {
            try readSample()
        }
    }

    private func lineEnd(from start: Int) -> Int {
        var index = start
        while index < body.count, body[index] != 0x0a { index &+= 1 }
        return index
    }

    private mutating func readSample() throws(WireError) {
        isInOrder = false
        let start = line.restRange.lowerBound
        guard let end = seriesEnd(from: start, to: line.restRange.upperBound) else {
            // Says what is wrong with it.
            try line.series(body, kind: ExpositionKind.kinds[Int(kind & 7)], spaced: format != .openMetrics2, &builder)
            throw line.failure("a line must begin with a metric's name")
        }
        guard end - start < ExpositionRow.longest else { throw line.failure("a series' labels are too long") }
        let hash = Hash128.hash(body, start..<end, seed: seed &+ UInt64(kind))
        if let known = table.find(hash) {
            line.move(to: end)
            let rest = try line.rest(body, format: format, defaultTimestamp: defaultTimestamp, &builder)
            if let composite = rest.composite { return try add(composite, rest, series: start..<end) }
            table.see(known, scrape: scrape)
            expectAfter(known)
            add(row: start..<end, spelling: known, rest)
            return
        }
        try line.series(body, kind: ExpositionKind.kinds[Int(kind & 7)], spaced: format != .openMetrics2, &builder)
        guard line.restRange.lowerBound >= end else { throw line.failure("a space is missing before the value") }
        line.move(to: end)
        let rest = try line.rest(body, format: format, defaultTimestamp: defaultTimestamp, &builder)
        if let composite = rest.composite { return try add(composite, rest, series: start..<end) }
        out.fresh.append(UInt32(truncatingIfNeeded: out.rows.count))
        add(row: start..<end, spelling: newSpelling(hash), rest)
    }

    /// The next sample is expected where the last scrape had it.
    private mutating func expectAfter(_ spelling: UInt32) {
        let place = Int(table.rows[Int(spelling)])
        if place < last.rows.count, last.rows[place].spelling == spelling { row = place + 1 }
    }

    private mutating func newSpelling(_ hash: Hash128.Value) -> UInt32 {
        if let spelling = table.insert(hash, scrape: scrape) { return spelling }
        unremembered += 1
        return UInt32(truncatingIfNeeded: capacity + unremembered - 1)
    }

    /// End of a name with its labels; nil where a brace or a quote is not closed, or there is no name.
    private func seriesEnd(from start: Int, to end: Int) -> Int? {
        var index = start
        while index < end {
            let byte = body[index]
            if byte == UInt8(ascii: "{") || byte == 0x20 || byte == 0x09 { break }
            index &+= 1
        }
        let name = index
        if format != .openMetrics2 {
            while index < end, body[index] == 0x20 || body[index] == 0x09 { index &+= 1 }
        }
        guard index < end, body[index] == UInt8(ascii: "{") else { return name > start ? name : nil }
        var isQuoted = false
        while index < end {
            let byte = body[index]
            index &+= 1
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == UInt8(ascii: "\\"), isQuoted {
                index &+= 1
            } else if byte == UInt8(ascii: "}"), !isQuoted {
                return index
            }
        }
        return nil
    }

    // MARK: Rows

    private mutating func add(row range: Range<Int>, spelling: UInt32, _ rest: ExpositionRest) {
        add(row: range, kind: kind, spelling: spelling, value: rest.value)
        if let time = rest.timestamp { setTime(time) }
        if rest.start != 0 { setStart(rest.start) }
        for exemplar in rest.exemplars { addExemplar(exemplar) }
    }

    @inline(__always)
    mutating func add(row range: Range<Int>, kind: UInt32, spelling: UInt32, value: Double) {
        out.rows.append(
            ExpositionRow(
                start: UInt32(truncatingIfNeeded: range.lowerBound),
                lengthAndKind: UInt32(truncatingIfNeeded: range.count) | kind << 28, spelling: spelling))
        out.values.append(value)
        if !out.timestamps.isEmpty { out.timestamps.append(ExpositionColumns.noTime) }
        if !out.startTimestamps.isEmpty { out.startTimestamps.append(0) }
    }

    /// Of the row added last.
    mutating func setTime(_ time: Int64) {
        if out.timestamps.isEmpty {
            out.timestamps = Array(repeating: ExpositionColumns.noTime, count: out.rows.count)
        }
        out.timestamps[out.timestamps.count - 1] = time
    }

    mutating func setStart(_ time: Int64) {
        if out.startTimestamps.isEmpty { out.startTimestamps = Array(repeating: 0, count: out.rows.count) }
        out.startTimestamps[out.startTimestamps.count - 1] = time
    }

    mutating func addExemplar(_ exemplar: Exemplar) {
        out.exemplars.append((UInt32(truncatingIfNeeded: out.rows.count - 1), exemplar))
    }

    private mutating func add(
        _ composite: CompositeValue, _ rest: ExpositionRest, series: Range<Int>
    ) throws(WireError) {
        guard let parts = composite.expanded(histograms, exemplars: rest.exemplars) else {
            throw line.failure(ExpositionScanner.tooManyBuckets)
        }
        line.move(to: series.lowerBound)
        try line.series(body, kind: .unknown, spaced: false, &builder)
        let base = SeriesSpelling(builder.labelSet)
        for part in parts { add(part, base, time: rest.timestamp, start: rest.start) }
    }

    static let tooManyBuckets =
        "a histogram has more buckets than native_histogram_bucket_limit at the lowest resolution"

    /// A sample whose series is not spelled in the answer.
    mutating func add(_ part: ExpandedSample, _ base: SeriesSpelling, time: Int64?, start: Int64) {
        isInOrder = false
        let begin = spelled.count
        base.append(suffix: part.suffix, label: part.label, to: &spelled)
        let hash = Hash128.hash(spelled, begin..<spelled.count, seed: seed)
        let spelling: UInt32
        if let known = table.find(hash) {
            table.see(known, scrape: scrape)
            expectAfter(known)
            spelling = known
        } else {
            out.fresh.append(UInt32(truncatingIfNeeded: out.rows.count))
            spelling = newSpelling(hash)
        }
        let value = part.value.isNaN ? SpecialValue.ordinaryNaN : part.value
        add(
            row: body.count + begin..<body.count + spelled.count, kind: 0, spelling: spelling,
            value: part.histogram == nil ? value : 0)
        if let time { setTime(time) }
        if start != 0 { setStart(start) }
        if let histogram = part.histogram {
            out.histograms.append((UInt32(truncatingIfNeeded: out.rows.count - 1), histogram))
        }
        for exemplar in part.exemplars { addExemplar(exemplar) }
    }

    // MARK: Metadata

    /// How far ahead a comment is looked for where families have come or gone.
    private static let commentLookAhead = 8

    /// `whole`: the line with its end, where it can be compared with the next scrape's.
    private mutating func readComment(_ whole: Range<Int>?) throws(WireError) {
        if let whole, skipKnownComment(whole) { return }
        var kind = ExpositionKind.unchanged
        try parseComment(&kind)
        if kind != ExpositionKind.unchanged { self.kind = kind }
        if let whole, !seenEnd {
            out.comments.append(
                ExpositionComment(
                    start: UInt32(truncatingIfNeeded: whole.lowerBound),
                    length: UInt32(truncatingIfNeeded: whole.count), kind: kind))
        }
    }

    private mutating func skipKnownComment(_ whole: Range<Int>) -> Bool {
        let end = min(comment + ExpositionScanner.commentLookAhead, last.comments.count)
        guard comment < end else { return false }
        for place in comment..<end {
            let known = last.comments[place]
            guard Int(known.length) == whole.count else { continue }
            let start = Int(known.start)
            guard last.text[start..<start + whole.count].elementsEqual(body[whole]) else { continue }
            out.comments.append(
                ExpositionComment(
                    start: UInt32(truncatingIfNeeded: whole.lowerBound), length: known.length, kind: known.kind))
            if known.kind != ExpositionKind.unchanged { kind = known.kind }
            comment = place + 1
            return true
        }
        return false
    }

    private mutating func parseComment(_ kind: inout UInt32) throws(WireError) {
        if format.isOpenMetrics, line.rest(body).elementsEqual("# EOF".utf8) {
            seenEnd = true
            return
        }
        line.advance()
        guard line.skipSeparator(body) else { return }
        let keyword = line.word(body)
        let isUnit = format.isOpenMetrics && keyword.elementsEqual("UNIT".utf8)
        let isHelp = keyword.elementsEqual("HELP".utf8)
        guard isUnit || isHelp || keyword.elementsEqual("TYPE".utf8) else { return }
        guard line.skipSeparator(body), let name = try line.metricName(body) else {
            throw line.failure("a metric name is missing")
        }
        _ = line.skipSeparator(body)
        if isHelp {
            let help = line.unescapedRest(body, quotes: format.isOpenMetrics)
            describe(name) { $0.help = help }
        } else if isUnit {
            let unit = UTF8Text.string(body, line.restRange)
            describe(name) { $0.unit = unit }
        } else {
            let word = UTF8Text.string(body, line.trimmedRest(body))
            guard let named = word == "untyped" ? .unknown : MetricMetadata.Kind(rawValue: word) else {
                throw line.failure("\"\(word)\" is not a metric type")
            }
            kind = ExpositionKind.number(named)
            describe(name) { $0.kind = named }
        }
    }

    /// As many families as a target may describe; more are scraped without.
    private static let mostFamilies = 50_000

    mutating func describe(_ name: String, _ change: (inout MetricMetadata) -> Void) {
        let before = metadata[name]
        var after = before ?? MetricMetadata(name: name, kind: .unknown)
        change(&after)
        guard after != before, before != nil || metadata.count < ExpositionScanner.mostFamilies else { return }
        metadata[name] = after
        if changed.last != name, !changed.contains(name) { changed.append(name) }
    }
}
