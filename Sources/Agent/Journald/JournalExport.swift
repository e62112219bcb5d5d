/// One entry of the journal: its fields in their order.
package struct JournalEntry: Sendable, Hashable {
    package struct Field: Sendable, Hashable {
        package var name: String
        package var value: [UInt8]

        package init(name: String, value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    package var fields: [Field] = []

    package init() {}

    package subscript(name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }

    package func text(_ name: String) -> String? { self[name].map { String(decoding: $0, as: UTF8.self) } }

    package var cursor: String? { text("__CURSOR") }

    /// Nanoseconds since 1970: when the journal received it.
    package var time: Int64? {
        guard let microseconds = text("__REALTIME_TIMESTAMP").flatMap({ Int64($0) }) else { return nil }
        let (nanoseconds, overflow) = microseconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? nil : nanoseconds
    }

    /// `emerg` to `debug` in the words that levels have elsewhere.
    package var level: String? {
        switch text("PRIORITY") {
        case "0", "1", "2": "critical"
        case "3": "error"
        case "4": "warn"
        case "5", "6": "info"
        case "7": "debug"
        default: nil
        }
    }
}

/// Reads systemd's journal export format, in pieces as they come: `NAME=value` lines; `NAME`, a length of eight bytes,
/// the bytes and a line feed for values that are no text; an empty line after each entry.
package struct JournalExportReader: Sendable {
    /// Longest value that is kept whole; the rest of a longer one is passed over.
    private let longest: Int
    private var buffer: [UInt8] = []
    private var at = 0
    private var entry = JournalEntry()
    /// Bytes of a value that is passed over.
    private var skipping = 0
    /// After a value with a length there is a line feed.
    private var mustEndLine = false
    /// The rest of a line of text that was too long.
    private var skipsLine = false
    /// Bytes consumed since the beginning: where the next entry starts, after one was emitted.
    package private(set) var consumed = 0
    /// Places that were not in the format and were passed over up to the next empty line.
    package private(set) var problems = 0
    private var isLost = false

    static let mostFields = 1_024

    package init(longest: Int) { self.longest = max(1_024, longest) }

    /// `emit` gets each entry and the count of bytes up to its end.
    package mutating func feed(_ bytes: [UInt8], _ emit: (JournalEntry, _ end: Int) -> Void) {
        buffer.append(contentsOf: bytes)
        while step(emit) {}
        if at > 0 {
            buffer.removeFirst(at)
            at = 0
        }
        if buffer.isEmpty, buffer.capacity > 1 << 20 { buffer = [] }
    }

    /// False where more bytes are needed.
    private mutating func step(_ emit: (JournalEntry, Int) -> Void) -> Bool {
        if skipping > 0 {
            let now = min(skipping, buffer.count - at)
            move(now)
            skipping -= now
            return skipping == 0 && now > 0
        }
        if skipsLine {
            let end = buffer[at...].firstIndex(of: 0x0a)
            move((end.map { $0 + 1 } ?? buffer.count) - at)
            skipsLine = end == nil
            return end != nil
        }
        if mustEndLine {
            guard at < buffer.count else { return false }
            if buffer[at] == 0x0a { move(1) } else { lose() }
            mustEndLine = false
            return true
        }
        guard let end = buffer[at...].firstIndex(of: 0x0a) else {
            // A line of text longer than the limit: kept up to it. Its name is known by then.
            if buffer.count - at > longest + 4_096 { cutLine() }
            return false
        }
        let line = buffer[at..<end]
        if line.isEmpty {
            move(1)
            isLost = false
            if !entry.fields.isEmpty { emit(entry, consumed) }
            entry = JournalEntry()
            return true
        }
        if let equals = line.firstIndex(of: 0x3d) {
            add(line[..<equals], Array(line[(equals + 1)...].prefix(longest)))
            move(end + 1 - at)
            return true
        }
        return binary(line, end)
    }

    private mutating func binary(_ name: ArraySlice<UInt8>, _ end: Int) -> Bool {
        if isLost {
            move(end + 1 - at)
            return true
        }
        guard buffer.count - end > 8 else { return false }
        var length: UInt64 = 0
        for index in 0..<8 { length |= UInt64(buffer[end + 1 + index]) << (8 * UInt64(index)) }
        guard length < 1 << 32 else {
            lose()
            move(end + 1 - at)
            return true
        }
        let size = Int(length)
        let start = end + 9
        if size <= longest {
            guard buffer.count >= start + size + 1 else { return false }
            let value = Array(buffer[start..<(start + size)])
            add(name, value)
            move(start + size - at)
        } else {
            guard buffer.count >= start + longest else { return false }
            add(name, LineSplitter.marked(Array(buffer[start..<(start + longest)]), total: size))
            move(start + longest - at)
            skipping = size - longest
        }
        mustEndLine = true
        return true
    }

    private mutating func cutLine() {
        let line = buffer[at...]
        if let equals = line.firstIndex(of: 0x3d), equals - at < 4_096 {
            add(line[..<equals], LineSplitter.marked(Array(line[(equals + 1)...].prefix(longest)), total: line.count))
        }
        skipsLine = true
        move(line.count)
    }

    private mutating func add(_ name: ArraySlice<UInt8>, _ value: [UInt8]) {
        guard !isLost else { return }
        guard !name.isEmpty, name.count <= 256, entry.fields.count < JournalExportReader.mostFields else { return }
        entry.fields.append(.init(name: String(decoding: name, as: UTF8.self), value: value))
    }

    private mutating func lose() {
        problems += 1
        isLost = true
    }

    private mutating func move(_ count: Int) {
        at += count
        consumed += count
    }
}
