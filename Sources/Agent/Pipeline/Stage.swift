import Patterns
import Telemetry

/// One step of what is done with an entry between its source and the batch.
package enum Stage: Sendable, Hashable {
    case json(Extraction)
    case logfmt(Extraction)
    /// Fields are the pattern's named groups.
    case regex(Pattern, Extraction)
    case drop(Condition)
    case keep(Condition)

    /// A text in the line.
    package enum Condition: Sendable, Hashable {
        case found(Pattern)
        case contains([UInt8])

        func holds(_ line: ArraySlice<UInt8>) -> Bool {
            switch self {
            case .found(let pattern): return pattern.isFound(in: line)
            case .contains(let text): return line.hasPart(text)
            }
        }
    }
}

/// What is taken out of a line, and what becomes of it.
package struct Extraction: Sendable, Hashable {
    package struct Target: Sendable, Hashable {
        package var name: String
        /// Index of the field.
        package var field: Int
    }

    package var labels: [Target] = []
    package var metadata: [Target] = []
    package var timestamp: (field: Int, format: TimeFormat)?
    /// The field that replaces the line.
    package var line: Int?
    package private(set) var fields: [String] = []
    package private(set) var reading = FieldReading([])

    package init() {}

    /// The index of a wanted field.
    package mutating func field(_ name: String) -> Int {
        if let known = fields.firstIndex(of: name) { return known }
        fields.append(name)
        reading = FieldReading(fields)
        return fields.count - 1
    }

    package static func == (a: Extraction, b: Extraction) -> Bool {
        a.labels == b.labels && a.metadata == b.metadata && a.line == b.line && a.fields == b.fields
            && a.timestamp?.field == b.timestamp?.field && a.timestamp?.format == b.timestamp?.format
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(fields) }
}

/// An entry under way.
package struct PipelineEntry: Sendable {
    package var line: ArraySlice<UInt8>
    package var time: Int64
    /// Whether the time came with the entry and not from our clock.
    package var hasOwnTime: Bool
    /// Beyond those of the source.
    package var labels: [Label] = []
    package var metadata: [Label]

    package init(line: ArraySlice<UInt8>, time: Int64, hasOwnTime: Bool, metadata: [Label] = []) {
        self.line = line
        self.time = time
        self.hasOwnTime = hasOwnTime
        self.metadata = metadata
    }
}

extension [Stage] {
    /// False where the entry is dropped. A line that a stage cannot read passes it unchanged.
    package func apply(_ entry: inout PipelineEntry, now: Int64) -> Bool {
        for stage in self {
            switch stage {
            case .drop(let condition): if condition.holds(entry.line) { return false }
            case .keep(let condition): if !condition.holds(entry.line) { return false }
            case .json(let extraction):
                if let values = extraction.reading.json(entry.line) { extraction.apply(values, &entry, now) }
            case .logfmt(let extraction):
                if let values = extraction.reading.logfmt(entry.line) { extraction.apply(values, &entry, now) }
            case .regex(let pattern, let extraction):
                guard let match = pattern.firstMatch(in: entry.line) else { continue }
                let names = pattern.captureNames
                let values = extraction.fields.map { field in
                    names.firstIndex { $0 == field }.flatMap { match[$0] }.map { [UInt8](entry.line[$0]) }
                }
                extraction.apply(values, &entry, now)
            }
        }
        return true
    }
}

extension Extraction {
    fileprivate func apply(_ values: [[UInt8]?], _ entry: inout PipelineEntry, _ now: Int64) {
        func value(_ index: Int) -> [UInt8]? { values.indices.contains(index) ? values[index] : nil }
        for target in labels {
            guard let found = value(target.field), !found.isEmpty else { continue }
            let label = Label(target.name, String(decoding: found.prefix(1_024), as: UTF8.self))
            entry.labels.removeAll { $0.name == label.name }
            entry.labels.append(label)
        }
        for target in metadata {
            guard let found = value(target.field), !found.isEmpty else { continue }
            entry.metadata.append(Label(target.name, String(decoding: found.prefix(16_384), as: UTF8.self)))
        }
        if let timestamp, let text = value(timestamp.field), let time = timestamp.format.parse(text[...], now: now) {
            entry.time = time
            entry.hasOwnTime = true
        }
        if let line, let text = value(line) { entry.line = text[...] }
    }
}

extension ArraySlice<UInt8> {
    func hasPart(_ text: [UInt8]) -> Bool {
        guard let first = text.first else { return true }
        guard count >= text.count else { return false }
        var index = startIndex
        while index <= endIndex - text.count {
            if self[index] == first, self[index..<(index + text.count)].elementsEqual(text) { return true }
            index += 1
        }
        return false
    }
}
