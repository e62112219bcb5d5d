import Telemetry

/// How the lines of a request are read: VictoriaLogs' parameters.
package struct JSONLinesOptions: Sendable {
    /// In order of preference; empty for what shippers use.
    package var messageFields: [String] = []
    package var timeFields: [String] = []
    package var streamFields: [String] = []
    /// Names, or prefixes that end in `*`.
    package var ignoredFields: [String] = []
    package var decolorizedFields: [String] = []
    /// Added to every line.
    package var extraFields: [Label] = []

    package init() {}

    var mapping: LogMapping {
        var mapping = LogMapping.shippers
        // What the sender names comes first; what everybody uses is found all the same.
        mapping.line = messageFields + ["_msg"] + mapping.line
        mapping.time = timeFields.isEmpty ? ["_time"] + mapping.time : timeFields
        if !streamFields.isEmpty {
            mapping.labels = streamFields.map { LogMapping.LabelSource(LabelNames.sanitised($0), [$0]) }
        }
        mapping.ignored = ignoredFields
        mapping.decolorized = decolorizedFields
        return mapping
    }
}

package struct JSONLinesResult: Sendable {
    package var entries: LogEntries
    package var accepted = 0
    package var rejected = 0
    /// Of the first line that was not taken, counted from 1.
    package var firstErrorLine = 0
    package var firstError = ""
}

/// One JSON object in each line.
package enum JSONLines {
    package static func decode(
        _ bytes: [UInt8], options: JSONLinesOptions = JSONLinesOptions(), now: Int64, limits: LogLimits = LogLimits()
    ) -> JSONLinesResult {
        var builder = LogBatchBuilder(now: now, mapping: options.mapping, limits: limits)
        let origin = builder.origin([])
        var result = JSONLinesResult(entries: LogEntries())
        var record = FlatRecord()
        var start = 0
        var number = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != 0x0a { end += 1 }
            let line = trimmed(bytes, start..<end)
            start = end + 1
            number += 1
            if line.isEmpty { continue }
            var defect: LogDefect?
            do throws(WireError) {
                var reader = JSONReader(bytes, line)
                record.removeAll()
                try RecordJSON.read(&reader, into: &record)
                try reader.finish()
                for field in options.extraFields { record.text(field.name, field.value) }
                let hasLine = builder.prepare(record)
                defect = builder.add(record, from: origin, line: hasLine ? nil : bytes[line])
            } catch {
                let found = LogDefect(.malformed, error.description)
                builder.reject(found, bytes: line.count)
                defect = found
            }
            guard let defect else {
                result.accepted += 1
                continue
            }
            result.rejected += 1
            if result.firstErrorLine == 0 {
                result.firstErrorLine = number
                result.firstError = defect.message
            }
        }
        result.entries = builder.take(now: now)
        return result
    }

    private static func trimmed(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while upper > lower, bytes[upper - 1] == 0x0d || bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x09 {
            upper -= 1
        }
        while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower += 1 }
        return lower..<upper
    }
}
