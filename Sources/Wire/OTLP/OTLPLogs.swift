import Telemetry

package struct OTLPLogsResult: Sendable {
    /// For the table `logs`.
    package var batch = EventBatch()
    package private(set) var rejections: [LokiPushResult.Rejection] = []
    /// Whether every record came with a time: only then two equal requests are one that was sent twice.
    package var isTimed = true

    package var rejected: Int { rejections.reduce(0) { $0 + $1.entries } }
    package var rejectionMessage: String? { rejections.first?.message }

    mutating func reject(_ reason: LokiPushResult.Reason, bytes: Int, _ message: String) {
        if let index = rejections.firstIndex(where: { $0.reason == reason }) {
            rejections[index].entries += 1
            rejections[index].bytes += bytes
        } else {
            rejections.append(.init(reason: reason, entries: 1, bytes: bytes, message: message))
        }
    }
}

/// ExportLogsServiceRequest to columns, with the mapping that Loki documents for it.
package enum OTLPLogs {
    /// `now` (nanoseconds) stamps records that carry no time at all.
    package static func decode(
        protobuf bytes: [UInt8], now: Int64, mapping: OTLPLogMapping = OTLPLogMapping()
    ) throws(WireError) -> OTLPLogsResult {
        var decoder = LogDecoder(now: now, mapping: mapping)
        try decoder.request(bytes)
        return decoder.result
    }

    package static func decode(
        json: [UInt8], now: Int64, mapping: OTLPLogMapping = OTLPLogMapping()
    ) throws(WireError) -> OTLPLogsResult {
        try decode(protobuf: try OTLPSchemas.logs(json), now: now, mapping: mapping)
    }
}

private struct LogDecoder {
    var result = OTLPLogsResult()
    private let now: Int64
    private let mapping: OTLPLogMapping
    private let limits = LogLimits()
    private var columns = EventColumns(prefix: "")
    private var payload = ValuePayloadWriter()
    private var text: [UInt8] = []

    init(now: Int64, mapping: OTLPLogMapping) {
        self.now = now
        self.mapping = mapping
    }

    mutating func request(_ bytes: [UInt8]) throws(WireError) {
        var cursor = ProtobufCursor(bytes)
        while try cursor.next(bytes) {
            if cursor.field == 1 {
                if let inner = try cursor.message(bytes) { try resourceLogs(bytes, inner) }
            } else {
                try cursor.skip(bytes)
            }
        }
    }

    private mutating func resourceLogs(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        let resource = try OTLPOwner(bytes, message, prefix: "", schemaURL: nil, dropped: nil, attributeField: 1)
        var labels: [Label] = []
        var shared: [Attribute] = []
        for attribute in resource.fields { place(attribute, mapping.resource, &labels, &shared) }
        if !labels.contains(where: { $0.name == "service_name" }) {
            labels.append(Label("service_name", LogMapping.service(of: labels)))
        }
        let stream = LabelSet(labels)
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 2 else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            try scopeLogs(bytes, inner, EventGroup(labels: stream, shared: shared))
        }
    }

    private mutating func scopeLogs(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ resourceGroup: EventGroup
    ) throws(WireError) {
        let scope = try OTLPOwner(
            bytes, message, prefix: "", schemaURL: nil, dropped: "scope_dropped_attributes_count", attributeField: 3)
        var group = resourceGroup
        if !scope.name.isEmpty { group.shared.append(Attribute("scope_name", .string(scope.name))) }
        if !scope.version.isEmpty { group.shared.append(Attribute("scope_version", .string(scope.version))) }
        var labels: [Label] = []
        for attribute in scope.fields { place(attribute, mapping.scope, &labels, &group.shared) }
        if !labels.isEmpty { group.labels = LogDecoder.adding(labels, to: group.labels) }
        var seen: Set<String> = []
        group.shared.removeAll { !seen.insert($0.key).inserted }
        let groupLevel = LogLevel(labels: group.labels) ?? LogMetadata.level(group.shared)
        var indices: [LabelSet: UInt32] = [:]
        var index: UInt32?
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 2 else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            var level = groupLevel
            if mapping.dividesScopes {
                let stream = try stream(of: bytes, inner, group.labels)
                index = indices[stream] ?? result.batch.addGroup(EventGroup(labels: stream, shared: group.shared))
                indices[stream] = index
                level = LogLevel(labels: stream) ?? groupLevel
            }
            let groupIndex = index ?? result.batch.addGroup(group)
            index = groupIndex
            try record(bytes, inner, groupIndex, level)
        }
    }

    /// Where an attribute of a resource or a scope goes.
    private func place(
        _ attribute: Attribute, _ rules: [OTLPLogMapping.Rule], _ labels: inout [Label], _ shared: inout [Attribute]
    ) {
        switch OTLPLogMapping.action(rules, for: attribute.key) {
        case .indexLabel: LogDecoder.add(attribute.key, attribute.value, to: &labels)
        case .structuredMetadata:
            LogMetadata.flatten(attribute.key, attribute.value) { shared.append(Attribute($0, $1)) }
        case .drop: break
        }
    }

    private static func add(_ key: String, _ value: AttributeValue, to labels: inout [Label]) {
        LogMetadata.flatten(key, value) { name, flat in
            let text = flat.text
            if !name.isEmpty, !text.isEmpty { labels.append(Label(LabelNames.sanitised(name), text)) }
        }
    }

    /// Labels that are there stay as they are.
    private static func adding(_ labels: [Label], to known: LabelSet) -> LabelSet {
        var all = known.labels
        for label in labels where !all.contains(where: { $0.name == label.name }) { all.append(label) }
        return LabelSet(all)
    }

    /// Where attributes of records are labels: that of one record.
    private func stream(
        of bytes: [UInt8], _ message: ProtobufCursor, _ known: LabelSet
    ) throws(WireError) -> LabelSet {
        var labels: [Label] = []
        var cursor = message
        while try cursor.next(bytes) {
            if cursor.field == 6, let inner = try cursor.message(bytes) {
                let attribute = try OTLPValue.attribute(bytes, inner)
                guard OTLPLogMapping.action(mapping.log, for: attribute.key) == .indexLabel else { continue }
                LogDecoder.add(attribute.key, attribute.value, to: &labels)
            } else if cursor.field == 3, mapping.severityTextIsLabel, let range = try cursor.range(bytes) {
                LogDecoder.add("severity_text", .string(UTF8Text.string(bytes, range)), to: &labels)
            } else if cursor.field != 3, cursor.field != 6 {
                try cursor.skip(bytes)
            } else if cursor.field == 3, !mapping.severityTextIsLabel {
                try cursor.skip(bytes)
            }
        }
        return labels.isEmpty ? known : LogDecoder.adding(labels, to: known)
    }

    private mutating func record(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ group: UInt32, _ groupLevel: LogLevel?
    ) throws(WireError) {
        let head = try LogHead(bytes, message)
        try line(bytes, head.body)
        let time = head.timestamp(now: now)
        if let (reason, sentence) = try defect(bytes, time, message, head.attributeBytes) {
            return result.reject(reason, bytes: text.count, sentence)
        }
        if head.time == 0, head.observed == 0 { result.isTimed = false }
        let row = result.batch.addRow(timestamp: time, group: group)
        columns.set(&result.batch, .line, row, .string, text[...])
        known(bytes, head, row)
        var level = groupLevel
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 6, let inner = try cursor.message(bytes) else {
                if cursor.field != 6 { try cursor.skip(bytes) }
                continue
            }
            let pair = try OTLPValue.keyValue(bytes, inner)
            payload.removeAll()
            let kind = try OTLPValue.encode(bytes, pair.value, to: &payload)
            let isKept =
                mapping.log.isEmpty
                || OTLPLogMapping.action(mapping.log, for: UTF8Text.string(bytes, pair.key)) == .structuredMetadata
            if isKept { attribute(bytes, pair.key, kind, row) }
            if level == nil, kind == .string, LogMetadata.mayNameLevel(pair.key.count),
                LogLevel.fieldNames.contains(UTF8Text.string(bytes, pair.key))
            {
                level = LogLevel(word: payload.bytes[...])
            }
        }
        let detected =
            level ?? LogLevel(word: bytes[head.severityText]) ?? LogLevel(severityNumber: head.severityNumber)
            ?? LogLevel(line: text[...])
        columns.set(&result.batch, .detectedLevel, row, .string, Array(detected.rawValue.utf8)[...])
    }

    /// The limits of every way in.
    private func defect(
        _ bytes: [UInt8], _ time: Int64, _ message: ProtobufCursor, _ attributeBytes: Int
    ) throws(WireError) -> (LokiPushResult.Reason, String)? {
        if time > now.addingReportingOverflow(limits.futureGrace).partialValue {
            return (.tooFarInFuture, "the timestamp \(RFC3339.format(nanoseconds: time)) is too far in the future")
        }
        if text.count > limits.lineBytes {
            return (.lineTooLong, "a line of \(text.count) bytes is longer than \(limits.lineBytes)")
        }
        // A field takes more bytes than this, so that what is shorter need not be looked through.
        guard attributeBytes > 6 * limits.metadataEntries else { return nil }
        let (fields, size) = try metadataSize(bytes, message)
        if fields > limits.metadataEntries {
            return (.metadataTooMany, "\(fields) attributes, \(limits.metadataEntries) are allowed")
        }
        if size > limits.metadataBytes {
            return (.metadataTooLarge, "attributes have \(size) bytes, \(limits.metadataBytes) are allowed")
        }
        return nil
    }

    /// Fields that the attributes become, and the bytes of their names and values.
    private func metadataSize(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> (Int, Int) {
        var fields = 0
        var size = 0
        var payload = ValuePayloadWriter()
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 6, let inner = try cursor.message(bytes) else {
                if cursor.field != 6 { try cursor.skip(bytes) }
                continue
            }
            let pair = try OTLPValue.keyValue(bytes, inner)
            payload.removeAll()
            let kind = try OTLPValue.encode(bytes, pair.value, to: &payload)
            let value = AttributeValue(kind: kind, bytes: payload.bytes[...])
            LogMetadata.flatten(UTF8Text.string(bytes, pair.key), value) { name, flat in
                fields += 1
                size += name.utf8.count + flat.text.utf8.count
            }
        }
        return (fields, size)
    }

    /// The body becomes the line, which is left in `text`.
    private mutating func line(_ bytes: [UInt8], _ body: ProtobufCursor?) throws(WireError) {
        payload.removeAll()
        let kind = try OTLPValue.encode(bytes, body, to: &payload)
        text.removeAll(keepingCapacity: true)
        if kind == .string {
            text.append(contentsOf: payload.bytes)
        } else {
            AttributeValue(kind: kind, bytes: payload.bytes[...]).appendText(to: &text)
        }
    }

    private mutating func known(_ bytes: [UInt8], _ head: LogHead, _ row: Int) {
        if head.traceID.count == 16, bytes[head.traceID].contains(where: { $0 != 0 }) {
            columns.set(&result.batch, .logTraceID, row, .string, hexadecimal(bytes[head.traceID])[...])
        }
        if head.spanID.count == 8, bytes[head.spanID].contains(where: { $0 != 0 }) {
            columns.set(&result.batch, .logSpanID, row, .string, hexadecimal(bytes[head.spanID])[...])
        }
        if head.severityNumber != 0 { columns.setInt(&result.batch, .severityNumber, row, head.severityNumber) }
        if !head.severityText.isEmpty, !mapping.severityTextIsLabel {
            string(bytes, .severityText, head.severityText, row)
        }
        if head.observed != 0 {
            columns.setInt(&result.batch, .observedTimestamp, row, Int64(clamping: head.observed))
        }
        if head.flags != 0 { columns.setInt(&result.batch, .logFlags, row, Int64(head.flags)) }
        if head.dropped != 0 { columns.setInt(&result.batch, .logDroppedAttributes, row, head.dropped) }
        if !head.eventName.isEmpty { string(bytes, .eventName, head.eventName, row) }
    }

    private mutating func string(_ bytes: [UInt8], _ column: EventColumns.Known, _ range: Range<Int>, _ row: Int) {
        payload.removeAll()
        payload.text(bytes, range)
        columns.set(&result.batch, column, row, .string, payload.bytes[...])
    }

    private func hexadecimal(_ id: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(32)
        HexText.append(id, to: &out)
        return out
    }

    /// The value is in `payload`; scalars go to the column as they are.
    private mutating func attribute(_ bytes: [UInt8], _ key: Range<Int>, _ kind: ValueKind, _ row: Int) {
        guard !key.isEmpty else { return }
        switch kind {
        case .empty: break
        case .string, .int, .double, .bool:
            columns.setAttribute(&result.batch, bytes, key, row, kind, payload.bytes[...])
        case .bytes, .array, .map:
            let value = AttributeValue(kind: kind, bytes: payload.bytes[...])
            LogMetadata.flatten(UTF8Text.string(bytes, key), value) { name, flat in
                result.batch.set(name, row: row, flat)
            }
        }
    }
}

/// The scalar fields of a log record.
private struct LogHead {
    var time: UInt64 = 0
    var observed: UInt64 = 0
    var severityNumber: Int64 = 0
    var severityText = 0..<0
    var body: ProtobufCursor?
    var dropped: Int64 = 0
    var flags: UInt32 = 0
    var traceID = 0..<0
    var spanID = 0..<0
    var eventName = 0..<0
    /// All attributes together, as they are encoded.
    var attributeBytes = 0

    init(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: time = try cursor.fixed64(bytes) ?? time
            case 2:
                severityNumber = try cursor.varint(bytes).map { Int64(Int32(truncatingIfNeeded: $0)) } ?? severityNumber
            case 3: severityText = try cursor.range(bytes) ?? severityText
            case 5: body = try cursor.message(bytes) ?? body
            case 6: attributeBytes += try cursor.range(bytes)?.count ?? 0
            case 7: dropped = try cursor.varint(bytes).map { Int64(UInt32(truncatingIfNeeded: $0)) } ?? dropped
            case 8: flags = try cursor.fixed32(bytes) ?? flags
            case 9: traceID = try cursor.range(bytes) ?? traceID
            case 10: spanID = try cursor.range(bytes) ?? spanID
            case 11: observed = try cursor.fixed64(bytes) ?? observed
            case 12: eventName = try cursor.range(bytes) ?? eventName
            default: try cursor.skip(bytes)
            }
        }
    }

    func timestamp(now: Int64) -> Int64 {
        if time != 0 { return Int64(clamping: time) }
        return observed != 0 ? Int64(clamping: observed) : now
    }
}
