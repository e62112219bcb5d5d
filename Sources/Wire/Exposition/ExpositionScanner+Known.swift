import Codecs
import Telemetry

// The only unsafe reading of an exposition, and the only loop that runs for every line. Bounds: `index` stays at or
// below the body's length, a comparison is made only where the whole of it lies inside the body, and the spellings of
// the last answer were taken from its own text.
extension ExpositionScanner {
    /// Reads on for as long as lines are what and where they were in the last scrape, with a plain number and at most a
    /// timestamp; stops at the first that is anything else.
    mutating func readKnownLines() {
        let (body, text, rows, comments) = (body, last.text, last.rows, last.comments)
        guard !text.isEmpty else { return }
        unsafe body.withUnsafeBufferPointer { body in
            unsafe text.withUnsafeBufferPointer { text in
                guard let bytes = body.baseAddress, let old = text.baseAddress else { return }
                unsafe readKnownLines(bytes, body.count, old, rows.span, comments.span)
            }
        }
    }

    @unsafe
    private mutating func readKnownLines(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ old: UnsafePointer<UInt8>, _ rows: Span<ExpositionRow>,
        _ comments: Span<ExpositionComment>
    ) {
        var index = position
        var value = 0.0
        while index < count {
            if unsafe bytes[index] == 0x23 {
                guard comment < comments.count else { break }
                let known = comments[comment]
                let length = Int(known.length)
                guard length <= count &- index,
                    unsafe ExpositionScanner.isEqual(bytes + index, old + Int(known.start), length)
                else { break }
                out.comments.append(
                    ExpositionComment(
                        start: UInt32(truncatingIfNeeded: index), length: known.length, kind: known.kind))
                if known.kind != ExpositionKind.unchanged { kind = known.kind }
                comment &+= 1
                index &+= length
                continue
            }
            let series = unsafe knownSeries(bytes, index, count, old, rows)
            let length = series.length
            guard length > 0 else { break }
            let number = index &+ length &+ 1
            var end = unsafe DecimalReader.read(bytes, from: number, to: count, into: &value)
            if end < 0 {
                guard unsafe ExpositionScanner.isNaN(bytes, number, count) else { break }
                value = SpecialValue.ordinaryNaN
                end = number &+ 3
            }
            guard end < count else { break }
            var time = ExpositionColumns.noTime
            if unsafe bytes[end] != 0x0a {
                guard unsafe bytes[end] == 0x20,
                    let after = unsafe readTime(bytes, end &+ 1, count, into: &time)
                else { break }
                end = after
            }
            table.see(series.spelling, scrape: scrape)
            add(row: index..<index &+ length, kind: kind, spelling: series.spelling, value: value)
            if time != ExpositionColumns.noTime { setTime(time) }
            if series.next != row &+ 1 { isInOrder = false }
            row = series.next
            index = end &+ 1
        }
        position = index
    }

    private struct KnownSeries {
        var spelling: UInt32 = 0
        /// 0 where the line begins with nothing known.
        var length = 0
        /// Where the line after it is expected.
        var next = 0
    }

    /// The series that a line begins with: the one that came here in the last scrape, or any that is remembered, by
    /// its hash.
    /// A space follows it.
    @unsafe @inline(__always)
    private func knownSeries(
        _ bytes: UnsafePointer<UInt8>, _ index: Int, _ count: Int, _ old: UnsafePointer<UInt8>,
        _ rows: Span<ExpositionRow>
    ) -> KnownSeries {
        if row < rows.count {
            let known = rows[row]
            let length = known.length
            if known.kind == kind, length < count &- index, Int(known.spelling) < capacity,
                unsafe ExpositionScanner.isEqual(bytes + index, old + Int(known.start), length),
                unsafe bytes[index &+ length] == 0x20
            {
                return KnownSeries(spelling: known.spelling, length: length, next: row &+ 1)
            }
        }
        return unsafe movedSeries(bytes, index, count)
    }

    @unsafe @inline(never)
    private func movedSeries(_ bytes: UnsafePointer<UInt8>, _ index: Int, _ count: Int) -> KnownSeries {
        guard let length = unsafe seriesLength(bytes, index, count), length < ExpositionRow.longest else {
            return KnownSeries()
        }
        let hash = unsafe Hash128.hash(
            raw: UnsafeRawBufferPointer(start: bytes + index, count: length), seed: seed &+ UInt64(kind))
        guard let spelling = table.find(hash) else { return KnownSeries() }
        let place = Int(table.rows[Int(spelling)])
        // One that is remembered, but not of the last scrape, says nothing about where the next is expected.
        let isOfLast = place < last.rows.count && last.rows[place].spelling == spelling
        return KnownSeries(spelling: spelling, length: length, next: isOfLast ? place &+ 1 : row)
    }

    /// Length of a name with its labels where a space follows and nothing about it is odd: no space before a brace,
    /// none inside but in quotes.
    @unsafe @inline(__always)
    private func seriesLength(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int? {
        var index = start
        while index < count, unsafe bytes[index] > 0x20, unsafe bytes[index] != 0x7b { index &+= 1 }
        guard index < count, index > start else { return nil }
        if unsafe bytes[index] == 0x20 { return index &- start }
        guard unsafe bytes[index] == 0x7b else { return nil }
        while index < count {
            let byte = unsafe bytes[index]
            index &+= 1
            if byte == 0x22 {
                while index < count, unsafe bytes[index] != 0x22 {
                    if unsafe bytes[index] == 0x0a { return nil }
                    index &+= unsafe bytes[index] == 0x5c ? 2 : 1
                }
                index &+= 1
            } else if byte == 0x7d {
                return unsafe index < count && bytes[index] == 0x20 ? index &- start : nil
            } else if byte <= 0x20 {
                return nil
            }
        }
        return nil
    }

    /// Where the timestamp ended, at a line's end; nil where it is none or more follows.
    @unsafe
    private func readTime(
        _ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int, into time: inout Int64
    ) -> Int? {
        var end = start
        if format == .text004 {
            var number: Int64 = 0
            while end < count, unsafe bytes[end] &- 0x30 < 10, end &- start < 18 {
                number = unsafe number &* 10 &+ Int64(bytes[end] &- 0x30)
                end &+= 1
            }
            guard end > start else { return nil }
            time = number
        } else {
            var seconds = 0.0
            end = unsafe DecimalReader.read(bytes, from: start, to: count, into: &seconds)
            guard end > start else { return nil }
            time = ExpositionLine.milliseconds(seconds)
        }
        return unsafe end < count && bytes[end] == 0x0a ? end : nil
    }

    @unsafe @inline(__always)
    private static func isNaN(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Bool {
        unsafe count &- start > 3 && bytes[start] == 0x4e && bytes[start &+ 1] == 0x61 && bytes[start &+ 2] == 0x4e
    }

    @unsafe @inline(__always)
    private static func isEqual(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let (left, right) = unsafe (UnsafeRawPointer(a), UnsafeRawPointer(b))
        guard count >= 8 else {
            for index in 0..<count where unsafe a[index] != b[index] { return false }
            return true
        }
        // The end first: it is where neighbours differ. Whole words after it; the last may overlap.
        let tail = count &- 8
        if unsafe left.loadUnaligned(fromByteOffset: tail, as: UInt64.self)
            != right.loadUnaligned(fromByteOffset: tail, as: UInt64.self)
        {
            return false
        }
        var offset = 0
        while offset < tail {
            if unsafe left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            {
                return false
            }
            offset &+= 8
        }
        return true
    }
}
