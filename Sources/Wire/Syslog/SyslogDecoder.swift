import Telemetry

/// Syslog messages to rows. Fields are named as VictoriaLogs names them; the stream is hostname and app_name.
package struct SyslogDecoder: Sendable {
    package static let mapping = LogMapping(
        line: [], time: [],
        labels: [LogMapping.LabelSource("hostname", ["hostname"]), LogMapping.LabelSource("app_name", ["app_name"])],
        service: [])

    private var builder: LogBatchBuilder
    private let origin: LogBatchBuilder.Origin
    private var record = FlatRecord()
    private var now: Int64
    private var zone: Int64

    /// `zone` is in seconds east of UTC, for RFC 3164, which does not write it.
    package init(now: Int64, zone: Int64, limits: LogLimits = LogLimits()) {
        builder = LogBatchBuilder(now: now, mapping: SyslogDecoder.mapping, limits: limits)
        origin = builder.origin([])
        self.now = now
        self.zone = zone
    }

    /// The clock of the messages that follow.
    package mutating func set(now: Int64, zone: Int64) {
        self.now = now
        self.zone = zone
    }

    package var rowCount: Int { builder.entries.batch.rowCount }
    package mutating func take(now: Int64) -> LogEntries { builder.take(now: now) }

    package mutating func rejectTooLong(_ bytes: Int) {
        builder.reject(
            LogDefect(.lineTooLong, "a line of \(bytes) bytes is longer than \(builder.limits.lineBytes)"), bytes: bytes
        )
    }

    package mutating func add(_ bytes: [UInt8], _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let message = SyslogMessage(bytes, range, now: now, zone: zone)
        record.removeAll()
        record.text("format", message.format.rawValue)
        if message.priority >= 0 {
            let facility = message.priority >> 3
            let severity = message.priority & 7
            record.int("priority", Int64(message.priority))
            record.int("facility", Int64(facility))
            record.text("facility_keyword", SyslogMessage.facilities[facility])
            record.int("severity", Int64(severity))
            record.text("level", SyslogMessage.severities[severity])
        }
        if message.format != .unknown {
            field("hostname", bytes, message.hostname)
            field("app_name", bytes, message.appName)
            field("proc_id", bytes, message.processID)
            field("msg_id", bytes, message.messageID)
            structuredData(bytes, message.structuredData)
        }
        _ = builder.prepare(record)
        _ = builder.add(record, from: origin, time: message.time, line: bytes[message.line])
    }

    private mutating func field(_ name: StaticString, _ bytes: [UInt8], _ range: Range<Int>) {
        if !range.isEmpty { record.text(name, bytes, range) }
    }

    private mutating func structuredData(_ bytes: [UInt8], _ range: Range<Int>) {
        SyslogStructuredData.forEach(bytes, range) { id, name, value in
            var plain: [UInt8] = []
            SyslogStructuredData.unescape(bytes, value, to: &plain)
            let mark = record.enter(bytes[id])
            record.text(bytes[name], plain, 0..<plain.count)
            record.leave(mark)
        }
    }
}
