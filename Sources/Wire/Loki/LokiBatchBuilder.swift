import Telemetry

/// Collects streams and entries of a push, whichever form they came in, and applies Loki's rules to them.
struct LokiBatchBuilder {
    var result = LokiPushResult()
    private let now: Int64
    private let limits: LokiPushLimits
    private var groups: [LabelSet: UInt32] = [:]
    private var group: UInt32?
    private var labels = LabelSet.empty
    private var level: LogLevel?
    private var defect: (reason: LokiPushResult.Reason, message: String)?
    private var rejected: [LokiPushResult.Reason: Int] = [:]
    private var columns = EventColumns(prefix: "")

    init(now: Int64, limits: LokiPushLimits) {
        self.now = now
        self.limits = limits
    }

    // MARK: Streams

    /// Starts a stream; entries that follow belong to it. `error` is set where its label string could not be read.
    mutating func beginStream(_ received: [Label], error: String? = nil) {
        let given = received.map { Label(LabelNames.sanitised($0.name), $0.value) }
        rejected.removeAll(keepingCapacity: true)
        group = nil
        defect = error.map { (.invalidLabels, $0) } ?? check(given)
        var all = given.filter { !$0.value.isEmpty }
        if !all.contains(where: { $0.name == "service_name" }) {
            all.append(Label("service_name", LogMapping.service(of: all)))
        }
        labels = LabelSet(all)
        level = LogLevel(labels: labels)
    }

    private func check(_ given: [Label]) -> (LokiPushResult.Reason, String)? {
        guard !given.isEmpty else {
            return (.missingLabels, "error at least one label pair is required per stream")
        }
        // For messages only: spelling it costs more than everything else here.
        var shown: String { LabelSet(given).description }
        if given.count > limits.labelNames {
            return (
                .tooManyLabels,
                "entry for stream '\(shown)' has \(given.count) label names; limit \(limits.labelNames)"
            )
        }
        for (number, label) in given.enumerated() {
            if label.name.isEmpty {
                return (.invalidLabels, "Error parsing labels '\(shown)' with error: a label has no name")
            }
            if given[..<number].contains(where: { $0.name == label.name }) {
                return (.duplicateLabelNames, "stream '\(shown)' has duplicate label name: '\(label.name)'")
            }
            if label.name.utf8.count > limits.labelNameBytes {
                return (
                    .labelNameTooLong,
                    "stream '\(shown.prefix(4096))' has label name too long: '\(label.name.prefix(4096))'"
                )
            }
            if label.value.utf8.count > limits.labelValueBytes {
                return (
                    .labelValueTooLong,
                    "stream '\(shown.prefix(4096))' has label value too long: '\(label.value.prefix(4096))'"
                )
            }
        }
        return nil
    }

    // MARK: Entries

    /// `line` is a range of `bytes`; `metadata` are name and value, spelled as received.
    mutating func add(time: Int64, _ line: ArraySlice<UInt8>, metadata: [Label]) {
        result.entries += 1
        if let defect { return reject(defect.reason, line.count, defect.message) }
        if time > now.addingReportingOverflow(limits.futureGrace).partialValue {
            return reject(
                .tooFarInFuture, line.count,
                "entry for stream '\(labels)' has timestamp too new: \(RFC3339.format(nanoseconds: time))")
        }
        if line.count > limits.lineBytes {
            return reject(
                .lineTooLong, line.count,
                "max entry size '\(limits.lineBytes)' bytes exceeded for stream '\(labels)' while adding an entry with "
                    + "length '\(line.count)' bytes")
        }
        if metadata.count > limits.metadataEntries {
            return reject(
                .metadataTooMany, line.count,
                "stream '\(labels)' has too many structured metadata labels: '\(metadata.count)', limit: "
                    + "'\(limits.metadataEntries)'"
            )
        }
        let size = metadata.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        if size > limits.metadataBytes {
            return reject(
                .metadataTooLarge, line.count,
                "stream '\(labels)' has structured metadata too large: '\(size)' bytes, limit: "
                    + "'\(limits.metadataBytes)' bytes")
        }
        append(time, line, metadata)
    }

    private mutating func append(_ time: Int64, _ line: ArraySlice<UInt8>, _ metadata: [Label]) {
        let row = result.batch.addRow(timestamp: time, group: currentGroup())
        columns.set(&result.batch, .line, row, .string, line)
        var found = level
        for field in metadata where !field.name.isEmpty && !field.value.isEmpty {
            result.batch.set(field.name, row: row, .string(field.value))
            if found == nil, LogLevel.fieldNames.contains(field.name) { found = LogLevel(word: field.value) }
        }
        let detected = found ?? severityNumber(metadata) ?? LogLevel(line: line)
        columns.set(&result.batch, .detectedLevel, row, .string, detected.bytes)
    }

    private func severityNumber(_ metadata: [Label]) -> LogLevel? {
        metadata.first { $0.name == "severity_number" }.flatMap { Int64($0.value) }.flatMap {
            LogLevel(severityNumber: $0)
        }
    }

    private mutating func currentGroup() -> UInt32 {
        if let group { return group }
        let index = groups[labels] ?? result.batch.addGroup(EventGroup(labels: labels))
        groups[labels] = index
        group = index
        return index
    }

    /// One rejection for each reason and stream, with a count.
    private mutating func reject(_ reason: LokiPushResult.Reason, _ bytes: Int, _ message: String) {
        if let index = rejected[reason] {
            result.rejections[index].entries += 1
            result.rejections[index].bytes += bytes
        } else {
            rejected[reason] = result.rejections.count
            result.rejections.append(
                LokiPushResult.Rejection(reason: reason, entries: 1, bytes: bytes, message: message))
        }
    }
}
