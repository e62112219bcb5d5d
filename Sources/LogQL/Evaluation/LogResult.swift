package import Telemetry

/// One line of an answer.
package struct LogEntry: Hashable, Sendable {
    /// Nanoseconds.
    package var timestamp: Int64
    package var line: [UInt8]
    /// Labels of the stream, as the pipeline left them.
    package var stream: LabelSet
    package var structuredMetadata: LabelSet
    /// What parsers and formatters made, `__error__` included.
    package var parsed: LabelSet

    /// Everything that a query sees as labels.
    package var labels: LabelSet {
        if structuredMetadata.isEmpty, parsed.isEmpty { return stream }
        return LabelSet(keepingEmpty: stream.labels + structuredMetadata.labels + parsed.labels)
    }
}

/// The entries of one stream, by their index in ``LogResult/entries``.
package struct LogStream: Hashable, Sendable {
    package var labels: LabelSet
    package var entries: [Int]
}

package struct LogResult: Sendable {
    /// In the order that was asked for.
    package var entries: [LogEntry]
    /// Some part of the range could not be read.
    package var partial: Bool
    package var warnings: [String]

    package init(entries: [LogEntry], partial: Bool = false, warnings: [String] = []) {
        self.entries = entries
        self.partial = partial
        self.warnings = warnings
    }

    /// Streams sorted by their labels. Without `categorised`, structured metadata and parsed labels split the streams;
    /// with it (`X-Loki-Response-Encoding-Flags: categorize-labels`) only stream labels do.
    package func streams(categorised: Bool) -> [LogStream] {
        var index: [LabelSet: Int] = [:]
        var out: [LogStream] = []
        for (i, entry) in entries.enumerated() {
            let labels = categorised ? entry.stream : entry.labels
            if let at = index[labels] {
                out[at].entries.append(i)
            } else {
                index[labels] = out.count
                out.append(LogStream(labels: labels, entries: [i]))
            }
        }
        return out.sorted { $0.labels < $1.labels }
    }
}

package enum LogDirection: String, Hashable, Sendable { case forward, backward }

extension Record {
    /// The labels of some categories, sorted.
    func labelSet(_ wanted: (Category) -> Bool, withError: Bool) -> LabelSet {
        var labels: [Label] = []
        for field in fields where wanted(field.category) {
            labels.append(
                Label(
                    String(decoding: names.value(field.name), as: UTF8.self),
                    String(decoding: value(of: field), as: UTF8.self)))
        }
        if withError {
            if !error.isEmpty { labels.append(Label("__error__", error)) }
            if !errorDetails.isEmpty { labels.append(Label("__error_details__", errorDetails)) }
        }
        return LabelSet(keepingEmpty: labels)
    }

    /// `stream` is what the labels of the stream were before the pipeline.
    func entry(stream: LabelSet) -> LogEntry {
        LogEntry(
            timestamp: timestamp, line: Array(line),
            stream: streamIsUntouched ? stream : labelSet({ $0 == .stream }, withError: false),
            structuredMetadata: labelSet({ $0 == .metadata }, withError: false),
            parsed: labelSet({ $0 == .parsed }, withError: true))
    }
}
