import Codecs
import Telemetry

/// Turns flattened records into rows: finds line, time and stream, applies the limits, recognises service, level and
/// trace. One for a request, or for the life of a connection.
package struct LogBatchBuilder: Sendable {
    /// Labels that all records of one origin share: an index, a tag.
    package struct Origin: Sendable, Hashable {
        fileprivate var index: Int
    }

    package private(set) var entries = LogEntries()
    package let limits: LogLimits
    private let mapping: LogMapping
    private var origins: [OriginLabels] = []
    private var now: Int64

    private var names = ByteInterner()
    private var roles: [FieldRole] = []
    private var streamKeys = ByteInterner()
    private var streams: [StreamOfBatch] = []
    private var known = KnownColumns()
    private var repeats = RepeatedLines()

    // Of the record at hand.
    private var roleOfField: [Int] = []
    private var labelField: [Int]
    private var labelPreference: [Int]
    private var lineField = -1
    private var timeField = -1
    private var serviceField = -1
    private var key: [UInt8] = []
    private var text: [UInt8] = []

    private struct OriginLabels {
        var labels: [Label]
        var defect: LogDefect?
    }

    private struct StreamOfBatch {
        var group: UInt32
        var level: LogLevel?
        var hash: UInt64
    }

    private struct KnownColumns {
        var line = -1
        var level = -1
        var trace = -1
        var span = -1
    }

    /// `now` in nanoseconds, for records without a time and for the limit on the future.
    package init(now: Int64, mapping: LogMapping, limits: LogLimits = LogLimits()) {
        self.now = now
        self.mapping = mapping
        self.limits = limits
        labelField = Array(repeating: -1, count: mapping.labels.count)
        labelPreference = Array(repeating: FieldRole.none, count: mapping.labels.count)
    }

    /// What has been collected; the next records begin a new batch.
    package mutating func take(now next: Int64) -> LogEntries {
        now = next
        guard !entries.isEmpty else { return LogEntries() }
        defer {
            entries = LogEntries()
            names = ByteInterner()
            roles.removeAll(keepingCapacity: true)
            streamKeys = ByteInterner()
            streams.removeAll(keepingCapacity: true)
            known = KnownColumns()
        }
        return entries
    }

    /// Names are sanitised, empty values are no labels. An origin stays valid until
    /// ``forgetOrigins()``.
    package mutating func origin(_ labels: [Label]) -> Origin {
        let given = labels.compactMap { label in
            label.value.isEmpty || label.name.isEmpty ? nil : Label(LabelNames.sanitised(label.name), label.value)
        }
        var defect: LogDefect?
        if given.count > limits.labelNames {
            defect = LogDefect(
                .tooManyLabels, "the stream has \(given.count) labels, \(limits.labelNames) are allowed")
        }
        for label in given where defect == nil {
            if label.name.utf8.count > limits.labelNameBytes {
                defect = LogDefect(
                    .labelNameTooLong, "a label name has more than \(limits.labelNameBytes) bytes")
            } else if label.value.utf8.count > limits.labelValueBytes {
                defect = LogDefect(
                    .labelValueTooLong, "label \(label.name) has a value of more than \(limits.labelValueBytes) bytes")
            }
        }
        origins.append(OriginLabels(labels: given, defect: defect))
        return Origin(index: origins.count - 1)
    }

    /// No origin that was handed out is valid any more; to be called after ``take(now:)``.
    package mutating func forgetOrigins() { origins = [] }

    /// An entry that could not be read at all.
    package mutating func reject(_ defect: LogDefect, entries count: Int = 1, bytes: Int) {
        entries.reject(defect, entries: count, bytes: bytes)
    }

    // MARK: One record

    /// Finds what the fields are for. True where one of them is the line: where none is, ``add(_:from:time:line:)``
    /// wants another.
    package mutating func prepare(_ record: FlatRecord) -> Bool {
        roleOfField.removeAll(keepingCapacity: true)
        lineField = -1
        timeField = -1
        serviceField = -1
        for slot in labelField.indices {
            labelField[slot] = -1
            labelPreference[slot] = FieldRole.none
        }
        var bestLine = FieldRole.none
        var bestTime = FieldRole.none
        var bestService = FieldRole.none
        for (index, field) in record.fields.enumerated() {
            let (number, isNew) = names.intern(record.bytes, field.name)
            if isNew { roles.append(FieldRole(UTF8Text.string(record.bytes, field.name), mapping)) }
            roleOfField.append(number)
            let role = roles[number]
            if role.line < bestLine {
                bestLine = role.line
                lineField = index
            }
            if role.time < bestTime {
                bestTime = role.time
                timeField = index
            }
            if role.service < bestService, isName(field) {
                bestService = role.service
                serviceField = index
            }
            if role.label != FieldRole.none, role.labelPreference < labelPreference[role.label], isName(field) {
                labelPreference[role.label] = role.labelPreference
                labelField[role.label] = index
            }
        }
        return lineField >= 0
    }

    private func isName(_ field: FlatRecord.Field) -> Bool {
        field.kind != .empty && !field.value.isEmpty && field.value.count <= limits.labelValueBytes
    }

    /// Adds the record that was prepared, or says why it cannot be kept (and counts that). `time` is that of the
    /// protocol's frame and wins over one inside; `line` is used where the record has none.
    package mutating func add(
        _ record: FlatRecord, from origin: Origin, time: Int64? = nil, line: ArraySlice<UInt8>? = nil
    ) -> LogDefect? {
        let size = lineField >= 0 ? record.fields[lineField].value.count : line?.count ?? 0
        if let defect = defect(of: record, origin, size) {
            entries.reject(defect, bytes: size)
            return defect
        }
        let stamp: (time: Int64, isOwn: Bool)
        switch self.stamp(record, time) {
        case .success(let found): stamp = found
        case .failure(let defect):
            entries.reject(defect, bytes: size)
            return defect
        }
        text.removeAll(keepingCapacity: text.capacity < 1 << 20)
        if lineField >= 0 {
            record.appendText(record.fields[lineField], to: &text)
            if roles[roleOfField[lineField]].isDecolorized { Decolorizing.remove(from: &text) }
        } else if let line {
            text.append(contentsOf: line)
        }
        if !stamp.isOwn { entries.isTimed = false }
        append(record, streamIndex(record, origin), stamp.time)
        return nil
    }

    private func defect(of record: FlatRecord, _ origin: Origin, _ size: Int) -> LogDefect? {
        if record.isOverLimit {
            return LogDefect(
                .lineTooLong, "a record of more than \(FlatRecord.longest) bytes or with too many fields is not kept")
        }
        if let defect = origins[origin.index].defect { return defect }
        if size > limits.lineBytes {
            return LogDefect(.lineTooLong, "a line of \(size) bytes is longer than \(limits.lineBytes)")
        }
        if record.fields.count > limits.metadataEntries {
            return LogDefect(
                .metadataTooMany,
                "\(record.fields.count) fields of metadata, \(limits.metadataEntries) are allowed")
        }
        if record.bytes.count - size > limits.metadataBytes {
            let lineBytes = lineField >= 0 ? record.fields[lineField].name.count : 0
            if record.bytes.count - size - lineBytes > limits.metadataBytes {
                return LogDefect(
                    .metadataTooLarge, "structured metadata has more than \(limits.metadataBytes) bytes")
            }
        }
        if roles.count > limits.columns, roleOfField.contains(where: { $0 >= limits.columns }) {
            return LogDefect(
                .metadataTooMany,
                "the request has more than \(limits.columns) different names of fields; send smaller batches")
        }
        return nil
    }

    private func stamp(_ record: FlatRecord, _ given: Int64?) -> Result<(time: Int64, isOwn: Bool), LogDefect> {
        var found = given
        if found == nil, timeField >= 0 {
            let field = record.fields[timeField]
            switch field.kind {
            case .int: found = TimestampText.epoch(Int64(bitPattern: record.word(field)))
            case .double: found = TimestampText.epoch(Double(bitPattern: record.word(field)))
            default: found = TimestampText.parse(record.bytes, field.value)
            }
            guard found != nil || field.value.isEmpty else {
                let value = field.value.prefix(100)
                let shown =
                    field.kind == .string ? UTF8Text.string(record.bytes, value.lowerBound..<value.upperBound) : ""
                return .failure(
                    LogDefect(
                        .invalidTimestamp,
                        "the time \"\(shown)\" in field \(UTF8Text.string(record.bytes, field.name)) is neither "
                            + "RFC 3339 nor a number since 1970"))
            }
        }
        guard let time = found, time != 0 else { return .success((now, false)) }
        if time > now.addingReportingOverflow(limits.futureGrace).partialValue {
            return .failure(
                LogDefect(
                    .tooFarInFuture, "the timestamp \(RFC3339.format(nanoseconds: time)) is too far in the future"))
        }
        return .success((time, true))
    }

    // MARK: Rows

    private mutating func append(_ record: FlatRecord, _ stream: Int, _ time: Int64) {
        let own = streams[stream]
        let line = text[...]
        let row = entries.batch.addRow(
            timestamp: repeats.spread(time, stream: own.hash, line: line), group: own.group)
        Self.set(&known.line, &entries.batch, EventColumnName.line, row, line)
        var level = own.level
        for (index, field) in record.fields.enumerated() {
            let number = roleOfField[index]
            let role = roles[number]
            if level == nil, role.namesLevel { level = self.level(record, field) }
            if role.isTrace, let id = Self.identity(record, field, longest: 32) {
                Self.set(&known.trace, &entries.batch, "trace_id", row, id)
            }
            if role.isSpan, let id = Self.identity(record, field, longest: 16) {
                Self.set(&known.span, &entries.batch, "span_id", row, id)
            }
            if index == lineField || index == timeField || role.isIgnored || field.value.isEmpty { continue }
            if role.label != FieldRole.none, labelField[role.label] == index { continue }
            if role.column < 0 {
                roles[number].column = entries.batch.columnIndex(UTF8Text.string(record.bytes, field.name))
            }
            if role.isDecolorized, field.kind == .string {
                var plain = Array(record.bytes[field.value])
                Decolorizing.remove(from: &plain)
                entries.batch.set(roles[number].column, row: row, kind: .string, payload: plain[...])
            } else {
                entries.batch.set(
                    roles[number].column, row: row, kind: field.kind, payload: record.bytes[field.value])
            }
        }
        let detected = level ?? LogLevel(line: line)
        Self.set(&known.level, &entries.batch, "detected_level", row, detected.bytes)
    }

    private static func set(
        _ column: inout Int, _ batch: inout EventBatch, _ name: String, _ row: Int, _ payload: ArraySlice<UInt8>
    ) {
        if column < 0 { column = batch.columnIndex(name) }
        batch.set(column, row: row, kind: .string, payload: payload)
    }

    private func level(_ record: FlatRecord, _ field: FlatRecord.Field) -> LogLevel? {
        switch field.kind {
        case .string: LogLevel(word: record.bytes[field.value])
        // Bunyan's and pino's numbers.
        case .int: LogLevel(tens: Int64(bitPattern: record.word(field)))
        default: nil
        }
    }

    /// An id of a trace or a span under the name that Loki and Grafana know, beside the name that it came with.
    private static func identity(
        _ record: FlatRecord, _ field: FlatRecord.Field, longest: Int
    ) -> ArraySlice<UInt8>? {
        guard field.kind == .string, field.value.count == 16 || field.value.count == longest else { return nil }
        var id = record.bytes[field.value]
        var isZero = true
        for index in id.indices {
            guard HexText.digit(id[index]) != nil else { return nil }
            if id[index] != 0x30 { isZero = false }
            if id[index] > 0x39 { id[index] |= 0x20 }
        }
        return isZero ? nil : id
    }

    // MARK: Streams

    /// Streams are found by the bytes that tell them apart; labels are made once for each.
    private mutating func streamIndex(_ record: FlatRecord, _ origin: Origin) -> Int {
        key.removeAll(keepingCapacity: true)
        for i in 0..<4 { key.append(UInt8(truncatingIfNeeded: origin.index >> (8 * i))) }
        for slot in labelField.indices { appendKey(record, labelField[slot]) }
        appendKey(record, serviceField)
        let (index, isNew) = streamKeys.intern(key, 0..<key.count)
        if isNew { streams.append(makeStream(record, origin)) }
        return index
    }

    private mutating func appendKey(_ record: FlatRecord, _ index: Int) {
        guard index >= 0 else { return key.append(0) }
        let field = record.fields[index]
        key.append(field.kind.rawValue &+ 1)
        for i in 0..<4 { key.append(UInt8(truncatingIfNeeded: field.value.count >> (8 * i))) }
        key.append(contentsOf: record.bytes[field.value])
    }

    private mutating func makeStream(_ record: FlatRecord, _ origin: Origin) -> StreamOfBatch {
        var all = origins[origin.index].labels
        for (slot, index) in labelField.enumerated() where index >= 0 {
            let label = Label(mapping.labels[slot].label, name(record, index))
            if !all.contains(where: { $0.name == label.name }) { all.append(label) }
        }
        if !all.contains(where: { $0.name == "service_name" }) {
            let named = serviceField >= 0 ? name(record, serviceField) : LogMapping.service(of: all)
            all.append(Label("service_name", named))
        }
        let labels = LabelSet(all)
        return StreamOfBatch(
            group: entries.batch.addGroup(EventGroup(labels: labels)), level: LogLevel(labels: labels),
            hash: Hash64.hash(labels.bytes))
    }

    private func name(_ record: FlatRecord, _ index: Int) -> String {
        var out: [UInt8] = []
        record.appendText(record.fields[index], to: &out)
        // Docker spells a container's name with a slash before it.
        return String(decoding: out.first == UInt8(ascii: "/") ? out.dropFirst() : out[...], as: UTF8.self)
    }
}

/// Equal lines with equal times, one after the other in one stream, would count as one that was sent twice. Where times
/// have no more than seconds, or come from our clock, they are not: each gets a nanosecond more than the one before.
struct RepeatedLines {
    private var stream: UInt64 = 0
    private var time = Int64.min
    private var line: UInt64 = 0
    private var count: Int64 = 0

    mutating func spread(_ time: Int64, stream: UInt64, line: ArraySlice<UInt8>) -> Int64 {
        let hash = Hash64.hash(line, seed: stream)
        guard time == self.time, stream == self.stream, hash == self.line else {
            self.time = time
            self.stream = stream
            self.line = hash
            count = 0
            return time
        }
        count &+= 1
        return time.addingReportingOverflow(count).partialValue
    }
}
