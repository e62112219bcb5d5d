import Telemetry

/// systemd's Journal Export Format, as `systemd-journal-upload` streams it without end: bytes go in, rows come out.
package struct JournalExport: Sendable {
    /// By these two an entry is known that comes a second time. Of all that the journal says of its own keeping (`__*`)
    /// they alone are kept; journals before systemd 254 say them in `__CURSOR` only.
    package static let journalField = "__SEQNUM_ID"
    package static let numberField = "__SEQNUM"

    package static let mapping = LogMapping(
        line: ["MESSAGE"], time: [],
        labels: ["_MACHINE_ID", "_HOSTNAME", "_SYSTEMD_UNIT"].map { LogMapping.LabelSource($0, [$0]) },
        service: ["SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_COMM"])

    private var builder: LogBatchBuilder
    private let origin: LogBatchBuilder.Origin
    private var record = FlatRecord()
    private var buffer: [UInt8] = []
    private var start = 0
    private var searched = 0
    /// Bytes of a value that is too long, still to be passed over.
    private var skipping = 0
    private var hasFields = false
    private var isTooLong = false
    private var defect: LogDefect?

    package init(now: Int64, limits: LogLimits = LogLimits()) {
        builder = LogBatchBuilder(now: now, mapping: JournalExport.mapping, limits: limits)
        origin = builder.origin([])
    }

    package var rowCount: Int { builder.entries.batch.rowCount }
    package var heldBytes: Int { buffer.count - start }
    package mutating func take(now: Int64) -> LogEntries { builder.take(now: now) }

    /// Reads what is whole. Throws where the stream is not in this format: nothing after it can be understood then.
    package mutating func receive(_ bytes: some Sequence<UInt8>) throws(WireError) {
        buffer.append(contentsOf: bytes)
        while try field() {}
        if start > 0 {
            buffer.removeFirst(start)
            searched = max(0, searched - start)
            start = 0
            if buffer.isEmpty, buffer.capacity > 1 << 20 { buffer = [] }
        }
    }

    /// The stream is over; an entry may lack the empty line behind it.
    package mutating func finish() throws(WireError) {
        if start < buffer.count, skipping == 0 { try receive([0x0a]) }
        endEntry()
    }

    /// One field or the end of an entry; false where more bytes are needed.
    private mutating func field() throws(WireError) -> Bool {
        if skipping > 0 {
            let step = min(skipping, buffer.count - start)
            start += step
            searched = start
            skipping -= step
            return skipping == 0 && start < buffer.count
        }
        searched = max(searched, start)
        while searched < buffer.count, buffer[searched] != 0x0a { searched += 1 }
        guard searched < buffer.count else {
            guard buffer.count - start <= FlatRecord.longest else {
                throw .request("a field of more than \(FlatRecord.longest) bytes has no end")
            }
            return false
        }
        let line = start..<searched
        if line.isEmpty {
            start = searched + 1
            endEntry()
            return true
        }
        guard let equals = buffer[line].firstIndex(of: UInt8(ascii: "=")) else { return try binaryField(line) }
        add(line.lowerBound..<equals, equals + 1..<line.upperBound)
        start = searched + 1
        return true
    }

    /// `NAME`, then eight bytes of length (little-endian), the value and a line feed.
    private mutating func binaryField(_ name: Range<Int>) throws(WireError) -> Bool {
        guard isName(name) else {
            let shown = UTF8Text.string(buffer, name.lowerBound..<min(name.upperBound, name.lowerBound + 64))
            throw .request("not in the journal's export format: \"\(shown)\" is no field")
        }
        let lengthAt = name.upperBound + 1
        guard buffer.count - lengthAt >= 8 else { return false }
        var length: UInt64 = 0
        for i in 0..<8 { length |= UInt64(buffer[lengthAt + i]) << UInt64(8 * i) }
        guard length < 1 << 40 else { throw .request("a field says it has \(length) bytes") }
        let value = lengthAt + 8
        let end = value + Int(length)
        if length > UInt64(FlatRecord.longest) {
            isTooLong = true
            hasFields = true
            // With the line feed behind it.
            skipping = Int(length) + 1
            start = value
            searched = start
            return buffer.count > start
        }
        guard buffer.count > end else { return false }
        guard buffer[end] == 0x0a else { throw .request("a field with a length has no line feed behind it") }
        add(name, value..<end)
        start = end + 1
        searched = start
        return true
    }

    private func isName(_ range: Range<Int>) -> Bool {
        range.count <= 256
            && range.allSatisfy {
                let byte = buffer[$0]
                return byte &- 0x41 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: "_")
            }
    }

    private mutating func add(_ name: Range<Int>, _ value: Range<Int>) {
        hasFields = true
        if name.count > 2, buffer[name].starts(with: "__".utf8) { return keeping(name, value) }
        if UTF8Text.equals(buffer, name, "PRIORITY"), value.count == 1, buffer[value.lowerBound] &- 0x30 < 8 {
            record.text("level", SyslogMessage.severities[Int(buffer[value.lowerBound] &- 0x30)])
        }
        record.text(buffer[name], buffer, value)
    }

    private mutating func keeping(_ name: Range<Int>, _ value: Range<Int>) {
        if UTF8Text.equals(buffer, name, "__REALTIME_TIMESTAMP") {
            number(value)
        } else if UTF8Text.equals(buffer, name, "__SEQNUM") {
            sequence.number = Int64(UTF8Text.string(buffer, value))
        } else if UTF8Text.equals(buffer, name, "__SEQNUM_ID") {
            sequence.journal = journal(value)
        } else if UTF8Text.equals(buffer, name, "__CURSOR"), value.count < 512 {
            // s=ID;i=NUMBER;b=…, the number in hexadecimal.
            for part in buffer[value].split(separator: UInt8(ascii: ";")) {
                let text = part.startIndex + 2..<max(part.startIndex + 2, part.endIndex)
                if part.starts(with: "s=".utf8) { sequence.journal = sequence.journal ?? journal(text) }
                if part.starts(with: "i=".utf8) {
                    sequence.number = sequence.number ?? Int64(UTF8Text.string(buffer, text), radix: 16)
                }
            }
        }
    }

    /// 128 bits in hexadecimal.
    private func journal(_ value: Range<Int>) -> String? {
        guard value.count == 32, value.allSatisfy({ HexText.digit(buffer[$0]) != nil }) else { return nil }
        return UTF8Text.string(buffer, value)
    }

    /// Microseconds, as nanoseconds: a small number must not be taken for seconds.
    private mutating func number(_ value: Range<Int>) {
        guard let micros = Int64(UTF8Text.string(buffer, value)) else {
            defect = LogDefect(.invalidTimestamp, "__REALTIME_TIMESTAMP is no number of microseconds")
            return
        }
        time = TimestampText.seconds(micros / 1_000_000, nanoseconds: micros % 1_000_000 * 1000)
        if time == nil { defect = LogDefect(.invalidTimestamp, "__REALTIME_TIMESTAMP is out of range") }
    }

    private var time: Int64?
    private var sequence: (journal: String?, number: Int64?) = (nil, nil)

    private mutating func endEntry() {
        defer {
            record.removeAll()
            sequence = (nil, nil)
            hasFields = false
            isTooLong = false
            defect = nil
            time = nil
        }
        guard hasFields else { return }
        if isTooLong {
            return builder.reject(
                LogDefect(.lineTooLong, "a field is longer than \(FlatRecord.longest) bytes"), bytes: record.bytes.count
            )
        }
        if let defect { return builder.reject(defect, bytes: record.bytes.count) }
        if let journal = sequence.journal, let number = sequence.number {
            record.text("__SEQNUM_ID", journal)
            record.int("__SEQNUM", number)
        }
        let hasLine = builder.prepare(record)
        _ = builder.add(record, from: origin, time: time, line: hasLine ? nil : [])
    }
}
