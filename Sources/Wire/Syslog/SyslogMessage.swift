import Telemetry

/// One syslog message taken apart: RFC 5424, RFC 3164 and what passes for it. Ranges are of the message's bytes.
struct SyslogMessage {
    enum Format: String { case rfc5424, rfc3164, unknown }

    var format = Format.unknown
    var priority = -1
    var time: Int64?
    var hostname = 0..<0
    var appName = 0..<0
    var processID = 0..<0
    var messageID = 0..<0
    /// With its brackets.
    var structuredData = 0..<0
    var line: Range<Int>

    static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
        "security", "console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
        "local7",
    ]
    static let severities = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]

    private let end: Int
    private var index: Int

    /// `zone` is in seconds east of UTC, for times that do not say theirs.
    init(_ bytes: [UInt8], _ range: Range<Int>, now: Int64, zone: Int64) {
        line = range
        index = range.lowerBound
        end = range.upperBound
        guard readPriority(bytes) else { return }
        let afterPriority = index
        if readVersion(bytes) {
            if read5424(bytes) {
                format = .rfc5424
                return
            }
            // It said it was 5424 and is not: kept whole.
            forget()
            line = range
            return
        }
        index = afterPriority
        read3164(bytes, now: now, zone: zone)
        format = .rfc3164
    }

    private mutating func forget() {
        (time, hostname, appName, processID, messageID, structuredData) = (nil, 0..<0, 0..<0, 0..<0, 0..<0, 0..<0)
    }

    private mutating func readPriority(_ bytes: [UInt8]) -> Bool {
        guard index < end, bytes[index] == UInt8(ascii: "<") else { return false }
        var cursor = index + 1
        var value = 0
        while cursor < end, bytes[cursor] &- 0x30 < 10, cursor - index <= 3 {
            value = value * 10 + Int(bytes[cursor] &- 0x30)
            cursor += 1
        }
        guard cursor > index + 1, cursor < end, bytes[cursor] == UInt8(ascii: ">"), value <= 191 else { return false }
        priority = value
        index = cursor + 1
        return true
    }

    // MARK: RFC 5424

    private mutating func readVersion(_ bytes: [UInt8]) -> Bool {
        guard end - index >= 2, bytes[index] == UInt8(ascii: "1"), bytes[index + 1] == 0x20 else { return false }
        index += 2
        return true
    }

    private mutating func read5424(_ bytes: [UInt8]) -> Bool {
        guard let stamp = word(bytes) else { return false }
        if !isNil(bytes, stamp) {
            guard let found = TimestampText.parse(bytes, stamp), stamp.count >= 20 else { return false }
            time = found
        }
        guard let host = word(bytes), let app = word(bytes), let process = word(bytes), let message = word(bytes) else {
            return false
        }
        hostname = isNil(bytes, host) ? 0..<0 : host
        appName = isNil(bytes, app) ? 0..<0 : app
        processID = isNil(bytes, process) ? 0..<0 : process
        messageID = isNil(bytes, message) ? 0..<0 : message
        guard index < end else { return false }
        if bytes[index] == UInt8(ascii: "-") {
            index += 1
        } else {
            let start = index
            guard SyslogStructuredData.end(bytes, &index, end) else { return false }
            structuredData = start..<index
        }
        if index < end {
            guard bytes[index] == 0x20 else { return false }
            index += 1
        }
        if end - index >= 3, bytes[index] == 0xef, bytes[index + 1] == 0xbb, bytes[index + 2] == 0xbf { index += 3 }
        line = index..<end
        return true
    }

    private func isNil(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        range.count == 1 && bytes[range.lowerBound] == UInt8(ascii: "-")
    }

    /// Up to the next space, and over it.
    private mutating func word(_ bytes: [UInt8]) -> Range<Int>? {
        let start = index
        while index < end, bytes[index] != 0x20 { index += 1 }
        guard index > start, index < end else { return nil }
        defer { index += 1 }
        return start..<index
    }

    // MARK: RFC 3164

    private mutating func read3164(_ bytes: [UInt8], now: Int64, zone: Int64) {
        skipCiscoCounter(bytes)
        let hasTime = readTime(bytes, now: now, zone: zone)
        skipSpaces(bytes)
        let content = index
        // Without a time there is no header: the first word is then the tag or text already.
        if hasTime {
            let start = index
            while index < end, bytes[index] != 0x20 { index += 1 }
            let candidate = start..<index
            let isTag = candidate.isEmpty || bytes[candidate.upperBound - 1] == UInt8(ascii: ":")
            let isCisco = !candidate.isEmpty && bytes[candidate.lowerBound] == UInt8(ascii: "%")
            if !isTag, !isCisco, index < end, !bytes[candidate].contains(UInt8(ascii: "[")) {
                hostname = candidate
                skipSpaces(bytes)
            } else {
                index = content
            }
        }
        readTag(bytes)
        line = index..<end
    }

    private mutating func skipSpaces(_ bytes: [UInt8]) {
        while index < end, bytes[index] == 0x20 { index += 1 }
    }

    /// `123: ` or `123: *` before the time, as routers send.
    private mutating func skipCiscoCounter(_ bytes: [UInt8]) {
        var cursor = index
        while cursor < end, bytes[cursor] &- 0x30 < 10 { cursor += 1 }
        guard cursor > index, cursor + 1 < end, bytes[cursor] == UInt8(ascii: ":"), bytes[cursor + 1] == 0x20 else {
            return
        }
        index = cursor + 2
    }

    private mutating func readTime(_ bytes: [UInt8], now: Int64, zone: Int64) -> Bool {
        var cursor = index
        if cursor < end, bytes[cursor] == UInt8(ascii: "*") || bytes[cursor] == UInt8(ascii: ".") { cursor += 1 }
        if end - cursor >= 19, bytes[cursor] &- 0x30 < 10 {
            var stop = cursor
            while stop < end, bytes[stop] != 0x20 { stop += 1 }
            let last = stop > cursor && bytes[stop - 1] == UInt8(ascii: ":") ? stop - 1 : stop
            guard last - cursor >= 19, let found = TimestampText.parse(bytes, cursor..<last) else { return false }
            // A time of the calendar without a zone is that of the sender, whose zone is taken to be ours.
            let hasZone = last - cursor > 19 && hasZoneText(bytes, cursor + 19..<last)
            time =
                hasZone ? found : plausible(found.subtractingReportingOverflow(zone * 1_000_000_000).partialValue, now)
            index = stop
            return true
        }
        guard let found = SyslogClock.time(bytes, &cursor, end, now: now, zone: zone) else { return false }
        time = found.hasZone ? found.time : plausible(found.time, now)
        index = cursor
        return true
    }

    /// A time without a zone that lies ahead by hours is that of a sender in another zone: when it came is nearer to
    /// the truth, and no reason to refuse the line.
    private func plausible(_ time: Int64, _ now: Int64) -> Int64? {
        let ahead = time.subtractingReportingOverflow(now).partialValue
        return ahead > SyslogClock.tolerance && ahead <= SyslogClock.day ? nil : time
    }

    private func hasZoneText(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        range.contains {
            bytes[$0] | 0x20 == UInt8(ascii: "z") || bytes[$0] == UInt8(ascii: "+") || bytes[$0] == UInt8(ascii: "-")
        }
    }

    /// `tag: `, `tag[pid]: `, or `%FACILITY-SEVERITY-MNEMONIC: ` (which stays in the line, where routers' manuals have
    /// it).
    private mutating func readTag(_ bytes: [UInt8]) {
        let start = index
        var cursor = index
        while cursor < end, isTagByte(bytes[cursor]) { cursor += 1 }
        guard cursor > start, cursor - start <= 255 else { return }
        let name = start..<cursor
        var process = 0..<0
        if cursor < end, bytes[cursor] == UInt8(ascii: "[") {
            let open = cursor + 1
            while cursor < end, bytes[cursor] != UInt8(ascii: "]") { cursor += 1 }
            guard cursor < end else { return }
            process = open..<cursor
            cursor += 1
        }
        guard cursor < end, bytes[cursor] == UInt8(ascii: ":") else { return }
        if bytes[name.lowerBound] == UInt8(ascii: "%") {
            appName = name
            return
        }
        // A colon inside a word (an address, a Windows path) is no tag's end.
        guard cursor + 1 == end || bytes[cursor + 1] == 0x20 || !process.isEmpty else { return }
        appName = name
        processID = process
        index = cursor + 1
        if index < end, bytes[index] == 0x20 { index += 1 }
    }

    private func isTagByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != UInt8(ascii: "[") && byte != UInt8(ascii: ":") && byte != 0x7f
    }
}

/// `Mmm dd hh:mm:ss`, with a year and a fraction where they are given.
enum SyslogClock {
    private static let months: [[UInt8]] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ].map { Array($0.utf8) }
    static let day: Int64 = 86_400_000_000_000
    /// As far ahead clocks differ within one zone.
    static let tolerance: Int64 = 600_000_000_000

    static func time(
        _ bytes: [UInt8], _ index: inout Int, _ end: Int, now: Int64, zone: Int64
    ) -> (time: Int64, hasZone: Bool)? {
        var cursor = index
        guard end - cursor >= 12, bytes[cursor + 3] == 0x20,
            let month = months.firstIndex(where: { name in (0..<3).allSatisfy { bytes[cursor + $0] | 0x20 == name[$0] }
            })
        else { return nil }
        cursor += 4
        if bytes[cursor] == 0x20 { cursor += 1 }
        guard let dayOfMonth = number(bytes, &cursor, end), skipSpace(bytes, &cursor, end) else { return nil }
        var year: Int64?
        if end - cursor > 5, bytes[cursor + 4] == 0x20, let found = TimestampText.digits(bytes, cursor, 4) {
            year = found
            cursor += 5
        }
        guard let (time, fraction) = TimestampText.timeOfDay(bytes, &cursor, end) else { return nil }
        if year == nil, end - cursor > 5, bytes[cursor] == 0x20, let found = TimestampText.digits(bytes, cursor + 1, 4),
            found >= 1970, bytes[cursor + 5] == 0x20 || bytes[cursor + 5] == UInt8(ascii: ":")
        {
            year = found
            cursor += 5
        }
        let isUniversal = zoneName(bytes, &cursor, end)
        if cursor < end, bytes[cursor] == UInt8(ascii: ":") { cursor += 1 }
        let zone = isUniversal ? 0 : zone
        guard let found = date(year, Int64(month) + 1, dayOfMonth, now: now, zone: zone, seconds: time) else {
            return nil
        }
        index = cursor
        return ((found + time - zone) * 1_000_000_000 + fraction, isUniversal)
    }

    /// ` UTC:` as Cisco's routers write it. Over any name that is followed by a colon; true for those of UTC.
    private static func zoneName(_ bytes: [UInt8], _ index: inout Int, _ end: Int) -> Bool {
        var cursor = index + 1
        guard index < end, bytes[index] == 0x20 else { return false }
        while cursor < end, bytes[cursor] &- 0x41 < 26 { cursor += 1 }
        guard (3...5).contains(cursor - index - 1), cursor < end, bytes[cursor] == UInt8(ascii: ":") else {
            return false
        }
        let name = bytes[index + 1..<cursor]
        index = cursor
        return name.elementsEqual("UTC".utf8) || name.elementsEqual("GMT".utf8)
    }

    /// Seconds from 1970 to the day. Where no year is written, of this one and its neighbours the latest that does not
    /// lie more than a day ahead.
    private static func date(
        _ year: Int64?, _ month: Int64, _ day: Int64, now: Int64, zone: Int64, seconds: Int64
    ) -> Int64? {
        if let year { return TimestampText.days(year: year, month: month, day: day).map { $0 * 86_400 } }
        let present = self.year(of: now.addingReportingOverflow(zone * 1_000_000_000).partialValue)
        let latest = (now.addingReportingOverflow(self.day).partialValue) / 1_000_000_000
        return [present + 1, present, present - 1].lazy.compactMap {
            TimestampText.days(year: $0, month: month, day: day).map { $0 * 86_400 }
        }.first { $0 + seconds - zone <= latest }
    }

    private static func number(_ bytes: [UInt8], _ index: inout Int, _ end: Int) -> Int64? {
        var value: Int64 = 0
        let start = index
        while index < end, bytes[index] &- 0x30 < 10, index - start < 2 {
            value = value * 10 + Int64(bytes[index] &- 0x30)
            index += 1
        }
        return index > start ? value : nil
    }

    private static func skipSpace(_ bytes: [UInt8], _ index: inout Int, _ end: Int) -> Bool {
        guard index < end, bytes[index] == 0x20 else { return false }
        index += 1
        return true
    }

    private static func year(of time: Int64) -> Int64 {
        let text = RFC3339.format(nanoseconds: time)
        return Int64(text.prefix(4)) ?? 1970
    }
}
