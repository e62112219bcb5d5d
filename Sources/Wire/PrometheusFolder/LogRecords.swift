import Telemetry

/// Takes what the records of a log say. Times are milliseconds; a start timestamp of 0 is none.
package protocol LogRecordSink {
    /// Whether `sample`, `histogram` and `exemplar` are wanted at all: one that only looks for series is much faster.
    var wantsSamples: Bool { get }
    mutating func series(_ reference: UInt64, _ labels: LabelSet)
    mutating func sample(_ reference: UInt64, _ time: Int64, _ value: Double, start: Int64)
    mutating func histogram(_ reference: UInt64, _ time: Int64, _ histogram: NativeHistogram, start: Int64)
    mutating func exemplar(_ reference: UInt64, _ exemplar: Exemplar)
    mutating func tombstone(_ reference: UInt64, _ minTime: Int64, _ maxTime: Int64)
    mutating func metadata(_ reference: UInt64, _ kind: MetricMetadata.Kind, unit: String, help: String)
    /// A histogram that cannot be kept, or a kind of record that is not known.
    mutating func skipped(_ reason: String)
}

/// The records of Prometheus' log (tsdb/record).
package enum LogRecords {
    package static func read(
        _ record: LogRecordBytes, into sink: inout some LogRecordSink
    ) throws(PrometheusFolderError) {
        guard let type = record.bytes.first else { return }
        var cursor = FolderCursor(record.bytes, of: record.file, at: record.offset)
        try cursor.skip(1)
        switch type {
        case 1: try series(&cursor, &sink)
        case 3: try tombstones(&cursor, &sink)
        case 6: try metadata(&cursor, &sink)
        case 5, 14: break
        case 2, 4, 7, 8, 9, 10, 11, 12, 13:
            guard sink.wantsSamples, !cursor.isAtEnd else { return }
            switch type {
            case 2: try samples(&cursor, &sink)
            case 4: try exemplars(&cursor, &sink)
            case 7, 9: try histograms(&cursor, &sink, isInteger: true, hasStart: false)
            case 8, 10: try histograms(&cursor, &sink, isInteger: false, hasStart: false)
            case 11: try samplesWithStart(&cursor, &sink)
            case 12: try histograms(&cursor, &sink, isInteger: true, hasStart: true)
            default: try histograms(&cursor, &sink, isInteger: false, hasStart: true)
            }
        default: sink.skipped("records of type \(type), which is not known here")
        }
    }

    private static func series(
        _ cursor: inout FolderCursor, _ sink: inout some LogRecordSink
    ) throws(PrometheusFolderError) {
        var builder = LabelBuilder()
        while !cursor.isAtEnd {
            let reference = try cursor.fixed64()
            try cursor.labels(&builder)
            if let labels = LabelSet(checking: builder.canonical) {
                sink.series(reference, labels)
            } else {
                sink.skipped("series whose labels are not UTF-8")
            }
        }
    }

    private static func samples(
        _ cursor: inout FolderCursor, _ sink: inout some LogRecordSink
    ) throws(PrometheusFolderError) {
        let reference = try cursor.fixed64()
        let time = Int64(bitPattern: try cursor.fixed64())
        while !cursor.isAtEnd {
            let one = reference &+ UInt64(bitPattern: try cursor.varint())
            let at = time &+ (try cursor.varint())
            sink.sample(one, at, try cursor.double(), start: 0)
        }
    }

    /// References are differences to the sample before, times to the first one.
    private struct Place {
        var reference: Int64
        var time: Int64
        var start: Int64
        private let firstTime: Int64
        private let firstStart: Int64

        init(_ cursor: inout FolderCursor) throws(PrometheusFolderError) {
            reference = try cursor.varint()
            firstTime = try cursor.varint()
            firstStart = try cursor.varint()
            (time, start) = (firstTime, firstStart)
        }

        mutating func readNext(_ cursor: inout FolderCursor) throws(PrometheusFolderError) {
            reference &+= try cursor.varint()
            time = firstTime &+ (try cursor.varint())
            switch try cursor.byte() {
            case 0: start = 0
            case 1: break
            default: start = firstStart &+ (try cursor.varint())
            }
        }
    }

    private static func samplesWithStart(
        _ cursor: inout FolderCursor, _ sink: inout some LogRecordSink
    ) throws(PrometheusFolderError) {
        var place = try Place(&cursor)
        while true {
            let value = try cursor.double()
            sink.sample(UInt64(bitPattern: place.reference), place.time, value, start: place.start)
            if cursor.isAtEnd { return }
            try place.readNext(&cursor)
        }
    }

    private static func tombstones(
        _ cursor: inout FolderCursor, _ sink: inout some LogRecordSink
    ) throws(PrometheusFolderError) {
        while !cursor.isAtEnd {
            let reference = try cursor.fixed64()
            let minTime = try cursor.varint()
            sink.tombstone(reference, minTime, try cursor.varint())
        }
    }

    private static func exemplars(
        _ cursor: inout FolderCursor, _ sink: inout some LogRecordSink
    ) throws(PrometheusFolderError) {
        let reference = try cursor.fixed64()
        let time = Int64(bitPattern: try cursor.fixed64())
        var builder = LabelBuilder()
        while !cursor.isAtEnd {
            let one = reference &+ UInt64(bitPattern: try cursor.varint())
            let at = time &+ (try cursor.varint())
            let value = try cursor.double()
            try cursor.labels(&builder)
            if let labels = LabelSet(checking: builder.canonical) {
                sink.exemplar(one, Exemplar(labels: labels, value: value, timestamp: at))
            } else {
                sink.skipped("exemplars whose labels are not UTF-8")
            }
        }
    }

    private static let kinds: [MetricMetadata.Kind] = [
        .unknown, .counter, .gauge, .histogram, .gaugehistogram, .summary, .info, .stateset,
    ]

    private static func metadata(
        _ cursor: inout FolderCursor, _ sink: inout some LogRecordSink
    ) throws(PrometheusFolderError) {
        while !cursor.isAtEnd {
            let reference = try cursor.unsignedVarint()
            let kind = Int(try cursor.byte())
            var unit = ""
            var help = ""
            for _ in 0..<(try cursor.count(ofSize: 2)) {
                let name = String(decoding: try cursor.lengthPrefixed(), as: UTF8.self)
                let value = String(decoding: try cursor.lengthPrefixed(), as: UTF8.self)
                if name == "UNIT" { unit = value } else if name == "HELP" { help = value }
            }
            sink.metadata(reference, kind < kinds.count ? kinds[kind] : .unknown, unit: unit, help: help)
        }
    }

    // MARK: Histograms

    private static func histograms(
        _ cursor: inout FolderCursor, _ sink: inout some LogRecordSink, isInteger: Bool, hasStart: Bool
    ) throws(PrometheusFolderError) {
        if hasStart {
            var place = try Place(&cursor)
            while true {
                let histogram = try histogram(&cursor, isInteger: isInteger)
                take(histogram, UInt64(bitPattern: place.reference), place.time, place.start, &sink)
                if cursor.isAtEnd { return }
                try place.readNext(&cursor)
            }
        }
        let reference = try cursor.fixed64()
        let time = Int64(bitPattern: try cursor.fixed64())
        while !cursor.isAtEnd {
            let one = reference &+ UInt64(bitPattern: try cursor.varint())
            let at = time &+ (try cursor.varint())
            take(try histogram(&cursor, isInteger: isInteger), one, at, 0, &sink)
        }
    }

    private static func take(
        _ histogram: NativeHistogram, _ reference: UInt64, _ time: Int64, _ start: Int64,
        _ sink: inout some LogRecordSink
    ) {
        var histogram = histogram
        if let defect = histogram.defectAfterReducing() {
            sink.skipped("histograms: \(defect)")
        } else {
            sink.histogram(reference, time, histogram, start: start)
        }
    }

    private static func histogram(
        _ cursor: inout FolderCursor, isInteger: Bool
    ) throws(PrometheusFolderError) -> NativeHistogram {
        var out = NativeHistogram()
        out.isInteger = isInteger
        out.resetHint = NativeHistogram.ResetHint(rawValue: try cursor.byte()) ?? .unknown
        out.schema = Int32(truncatingIfNeeded: try cursor.varint())
        out.zeroThreshold = try cursor.double()
        if isInteger {
            out.zeroCount = Double(try cursor.unsignedVarint())
            out.count = Double(try cursor.unsignedVarint())
        } else {
            out.zeroCount = try cursor.double()
            out.count = try cursor.double()
        }
        out.sum = try cursor.double()
        out.positiveSpans = try spans(&cursor)
        out.negativeSpans = try spans(&cursor)
        out.positiveBuckets = try buckets(&cursor, isInteger)
        out.negativeBuckets = try buckets(&cursor, isInteger)
        if out.schema == NativeHistogram.customBucketsSchema {
            for _ in 0..<(try cursor.count(ofSize: 8)) { out.customValues.append(try cursor.double()) }
        }
        return out
    }

    private static func spans(_ cursor: inout FolderCursor) throws(PrometheusFolderError) -> [NativeHistogram.Span] {
        var spans: [NativeHistogram.Span] = []
        for _ in 0..<(try cursor.count(ofSize: 2)) {
            let offset = Int32(truncatingIfNeeded: try cursor.varint())
            let length = UInt32(truncatingIfNeeded: try cursor.unsignedVarint())
            spans.append(NativeHistogram.Span(offset: offset, length: length))
        }
        return spans
    }

    private static func buckets(
        _ cursor: inout FolderCursor, _ isInteger: Bool
    ) throws(PrometheusFolderError) -> [Double] {
        var counts: [Double] = []
        var running: Int64 = 0
        for _ in 0..<(try cursor.count(ofSize: isInteger ? 1 : 8)) {
            if isInteger {
                running &+= try cursor.varint()
                counts.append(Double(running))
            } else {
                counts.append(try cursor.double())
            }
        }
        return counts
    }
}
