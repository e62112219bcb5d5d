package import Storage
package import Telemetry

/// A field that lines of a query have, whether or not the query parses them: what Logs Drilldown offers to filter by.
package struct DetectedField: Sendable {
    package enum Kind: String, Sendable { case string, int, float, boolean, duration, bytes }

    package var name: String
    package var kind: Kind
    package var values: Set<String>
    /// `json` or `logfmt`; none for structured metadata, which needs no parser.
    package var parsers: [String]
    /// The keys from the object's root, where it was read from JSON.
    package var jsonPath: [String]
}

extension LogQLEngine {
    /// The fields of the newest `lineLimit` lines that the query shows, sorted by name: structured metadata, what the
    /// query's parsers extract and, where it has none, what `json` or else `logfmt` reads.
    package func detectedFields(
        _ query: String, range: TimeRange, lineLimit: Int, context: QueryContext
    ) async throws -> (fields: [DetectedField], warnings: [String]) {
        guard case .log(let expression) = try LogQLEngine.parse(query) else {
            throw LogQLError.unsupported("the query has numbers as its answer, not log lines")
        }
        let result = try await logs(
            expression, range: range, limit: lineLimit, direction: .backward, context: context)
        var detection = try FieldDetection(queryParsers: FieldDetection.parsers(expression.stages))
        for entry in result.entries { detection.add(entry) }
        return (detection.fields.values.sorted { $0.name < $1.name }, result.warnings)
    }
}

struct FieldDetection {
    private(set) var fields: [String: DetectedField] = [:]
    private let queryParsers: [String]
    private var record = Record()
    private var pipelines: [LogPipeline]

    init(queryParsers: [String]) throws(LogQLError) {
        self.queryParsers = queryParsers
        pipelines = [
            try LogPipeline([.json([])], names: &record.names),
            try LogPipeline([.logfmt(strict: false, keepEmpty: false, [])], names: &record.names),
        ]
    }

    static func parsers(_ stages: [Stage]) -> [String] {
        var names: [String] = []
        for stage in stages {
            switch stage {
            case .json: names.append("json")
            case .logfmt: names.append("logfmt")
            case .regexp: names.append("regexp")
            case .pattern: names.append("pattern")
            case .unpack: names.append("unpack")
            default: continue
            }
        }
        return names
    }

    mutating func add(_ entry: LogEntry) {
        for label in entry.structuredMetadata.labels { note(label, parser: nil, path: []) }
        if !queryParsers.isEmpty {
            let paths = queryParsers.contains("json") ? JSONPaths.of(entry.line[...]) : [:]
            for label in entry.parsed.labels { note(label, parser: queryParsers[0], path: paths[label.name] ?? []) }
            return
        }
        for label in entry.parsed.labels { note(label, parser: nil, path: []) }
        if let first = entry.line.first(where: { $0 != 32 && $0 != 9 }), first == UInt8(ascii: "{") {
            let labels = parsed(entry, with: 0)
            guard labels.isEmpty || labels["__error__"] != nil else {
                let paths = JSONPaths.of(entry.line[...])
                for label in labels.labels { note(label, parser: "json", path: paths[label.name] ?? []) }
                return
            }
        }
        for label in parsed(entry, with: 1).labels { note(label, parser: "logfmt", path: []) }
    }

    private mutating func parsed(_ entry: LogEntry, with number: Int) -> LabelSet {
        record.begin(timestamp: entry.timestamp, line: entry.line[...])
        guard pipelines[number].run(&record) else { return .empty }
        return record.entry(stream: .empty).parsed
    }

    private mutating func note(_ label: Label, parser: String?, path: [String]) {
        guard !label.name.hasPrefix("__") else { return }
        var field =
            fields[label.name]
            ?? DetectedField(
                name: label.name, kind: FieldDetection.kind(label.value), values: [],
                parsers: parser.map { [$0] } ?? [], jsonPath: path)
        if let parser, !field.parsers.contains(parser) { field.parsers.append(parser) }
        if field.values.insert(label.value).inserted {
            let kind = FieldDetection.kind(label.value)
            if kind != field.kind { field.kind = FieldDetection.common(field.kind, kind) }
        }
        fields[label.name] = field
    }

    /// Numbers of both kinds are floats; whatever else differs is text.
    private static func common(_ a: DetectedField.Kind, _ b: DetectedField.Kind) -> DetectedField.Kind {
        Set([a, b]) == [.int, .float] ? .float : .string
    }

    /// In the order that Loki tries them.
    static func kind(_ text: String) -> DetectedField.Kind {
        if Int64(text) != nil { return .int }
        let bytes = Array(text.utf8)
        let isNumeric = bytes.allSatisfy { ($0 >= 48 && $0 <= 57) || "+-.eE".utf8.contains($0) }
        if isNumeric, Double(text) != nil { return .float }
        if ["true", "false", "TRUE", "FALSE", "True", "False"].contains(text) { return .boolean }
        if DurationText.parse(bytes, calendarUnits: false) != nil { return .duration }
        if ByteCountText.parse(bytes, unitNeeded: true) != nil { return .bytes }
        return .string
    }
}

/// Which keys lead to the leaf that `json` gives a flattened name.
enum JSONPaths {
    static func of(_ line: ArraySlice<UInt8>) -> [String: [String]] {
        var found: [String: [String]] = [:]
        var scanner = JSONScanner(line)
        scanner.skipSpace()
        guard scanner.current == UInt8(ascii: "{") else { return [:] }
        collect(&scanner, [], [], &found)
        return found
    }

    private static func collect(
        _ scanner: inout JSONScanner, _ path: [String], _ name: [UInt8], _ found: inout [String: [String]]
    ) {
        guard path.count < JSONScanner.maximumDepth else { return }
        let bytes = scanner.bytes
        var inner: [(path: [String], name: [UInt8], place: Range<Int>)] = []
        _ = scanner.object(depth: path.count) { key, place in
            var text: [UInt8] = []
            if key.hasEscapes {
                JSONScanner.unescape(bytes[key.inner], into: &text)
            } else {
                text = Array(bytes[key.inner])
            }
            var full = name
            if !full.isEmpty { full.append(UInt8(ascii: "_")) }
            LabelName.append(text[...], to: &full, isStart: full.isEmpty)
            inner.append((path + [String(decoding: text, as: UTF8.self)], full, place))
            return true
        }
        for (path, name, place) in inner {
            if bytes[place.lowerBound] == UInt8(ascii: "{") {
                var child = JSONScanner(bytes[place])
                collect(&child, path, name, &found)
            } else {
                found[String(decoding: name, as: UTF8.self)] = path
            }
        }
    }
}
