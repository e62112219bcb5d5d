import Foundation
import Storage
import Telemetry
import Testing

@testable import TraceQL

/// Jaeger's own storage suite: each query and the traces that it must find, among all of them.
@Suite struct JaegerConformanceTests {
    private static var folder: URL? {
        let root =
            ProcessInfo.processInfo.environment["NEEDLETAIL_CONFORMANCE"].map { URL(fileURLWithPath: $0) }
            ?? URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("shared/conformance")
        let folder = root.appendingPathComponent("jaeger")
        return FileManager.default.fileExists(atPath: folder.appendingPathComponent("queries.json").path) ? folder : nil
    }

    private struct Case: Decodable {
        struct Query: Decodable {
            var ServiceName: String
            var OperationName: String
            var Tags: [String: Scalar]?
            var StartTimeMin: String
            var StartTimeMax: String
            var DurationMin: Int64
            var DurationMax: Int64
            var NumTraces: Int
        }
        var Caption: String
        var Query: Query
        var ExpectedFixtures: [String]
    }

    private struct Scalar: Decodable {
        var value: AttributeValue
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                value = .bool(flag)
            } else if let number = try? container.decode(Int64.self) {
                value = .int(number)
            } else if let number = try? container.decode(Double.self) {
                value = .double(number)
            } else {
                value = .string(try container.decode(String.self))
            }
        }
    }

    @Test func jaegersQueriesFindTheirTraces() async throws {
        guard let folder = JaegerConformanceTests.folder else {
            print("skipped: the Jaeger fixtures are not there")
            return
        }
        var batch = EventBatch()
        var ids: [String: Set<TraceID>] = [:]
        let files = try FileManager.default.contentsOfDirectory(
            at: folder.appendingPathComponent("traces"), includingPropertiesForKeys: nil)
        // The two files for a wildcard and an escape need a search engine's query language.
        for file in files where file.pathExtension == "json" && !file.lastPathComponent.contains("wildcard") {
            let name = file.deletingPathExtension().lastPathComponent
            ids[name] = try OTLPFixture.append(try Data(contentsOf: file), to: &batch)
        }
        let cases = try JSONDecoder().decode(
            [Case].self, from: try Data(contentsOf: folder.appendingPathComponent("queries.json")))
        #expect(cases.count == 25)
        var off = TraceQLEngine.Options()
        off.pushesDown = false
        let reader = MemoryReader(batch: batch)
        for one in cases {
            let tags = (one.Query.Tags ?? [:]).sorted { $0.key < $1.key }.map { Attribute($0.key, $0.value.value) }
            let texts = tags.map { Attribute($0.key, .string(Static($0.value).text)) }
            let range = TimeRange(
                start: try nanoseconds(one.Query.StartTimeMin), end: try nanoseconds(one.Query.StartTimeMax) + 1)
            let expected = one.ExpectedFixtures.reduce(into: Set<TraceID>()) { $0.formUnion(ids[$1] ?? []) }
            for tags in [tags, texts] {
                let filter = TraceSearchFilter(
                    service: one.Query.ServiceName, operation: one.Query.OperationName, tags: tags,
                    minDuration: one.Query.DurationMin, maxDuration: one.Query.DurationMax)
                // What is built is a query like any other.
                #expect(try TraceQLEngine.parse(filter.jaegerQuery.description) == filter.jaegerQuery, "\(one.Caption)")
                for engine in [TraceQLEngine(reader: reader), TraceQLEngine(reader: reader, options: off)] {
                    let found = try await engine.search(
                        filter.jaegerQuery, range: range, limit: one.Query.NumTraces, context: QueryContext())
                    #expect(Set(found.map(\.traceID)) == Set(expected.map(\.hex)), "\(one.Caption)")
                }
            }
        }
    }

    private func nanoseconds(_ text: String) throws -> Int64 {
        let whole = try #require(ISO8601DateFormatter().date(from: String(text.prefix(19)) + "Z"))
        let fraction = text.dropFirst(20).dropLast()
        let padded = String((fraction + "000000000").prefix(9))
        return Int64(whole.timeIntervalSince1970) * 1_000_000_000 + (Int64(padded) ?? 0)
    }
}

/// As much of OTLP's JSON as the fixtures have.
enum OTLPFixture {
    static func append(_ data: Data, to batch: inout EventBatch) throws -> Set<TraceID> {
        var ids: Set<TraceID> = []
        let document = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        for resourceSpans in objects(document?["resourceSpans"]) {
            let resource = attributes((resourceSpans["resource"] as? [String: Any])?["attributes"])
            for scopeSpans in objects(resourceSpans["scopeSpans"]) {
                let scope = scopeSpans["scope"] as? [String: Any] ?? [:]
                var shared = resource.map { Attribute("resource." + $0.key, $0.value) }
                if let name = scope["name"] as? String {
                    shared.append(Attribute("instrumentation:name", .string(name)))
                }
                if let version = scope["version"] as? String {
                    shared.append(Attribute("instrumentation:version", .string(version)))
                }
                shared += attributes(scope["attributes"]).map { Attribute("instrumentation." + $0.key, $0.value) }
                let group = batch.addGroup(EventGroup(labels: .empty, shared: shared))
                for span in objects(scopeSpans["spans"]) { ids.formUnion(append(span, group, to: &batch)) }
            }
        }
        return ids
    }

    private static func append(_ span: [String: Any], _ group: UInt32, to batch: inout EventBatch) -> Set<TraceID> {
        guard let trace = (span["traceId"] as? String).flatMap({ TraceID(hex: $0) }),
            let id = (span["spanId"] as? String).flatMap({ SpanID(hex: $0) })
        else { return [] }
        let start = number(span["startTimeUnixNano"])
        let row = batch.addRow(timestamp: start, group: group)
        batch.set(EventColumnName.traceID, row: row, .bytes(trace.bytes))
        batch.set(EventColumnName.spanID, row: row, .bytes(id.bytes))
        if let parent = (span["parentSpanId"] as? String).flatMap({ SpanID(hex: $0) }) {
            batch.set(EventColumnName.parentID, row: row, .bytes(parent.bytes))
        }
        batch.set(EventColumnName.spanName, row: row, .string(span["name"] as? String ?? ""))
        batch.set(EventColumnName.duration, row: row, .int(max(0, number(span["endTimeUnixNano"]) - start)))
        for attribute in attributes(span["attributes"]) {
            batch.set("span." + attribute.key, row: row, attribute.value)
        }
        let events = objects(span["events"]).map { event in
            AttributeValue.map([
                Attribute("name", .string(event["name"] as? String ?? "")),
                Attribute("time", .int(number(event["timeUnixNano"]))),
                Attribute("attributes", .map(attributes(event["attributes"]))),
            ])
        }
        if !events.isEmpty { batch.set(EventColumnName.events, row: row, .array(events)) }
        let links = objects(span["links"]).map { link in
            AttributeValue.map([
                Attribute("traceID", .bytes(TraceID(hex: link["traceId"] as? String ?? "")?.bytes ?? [])),
                Attribute("spanID", .bytes(SpanID(hex: link["spanId"] as? String ?? "")?.bytes ?? [])),
                Attribute("attributes", .map(attributes(link["attributes"]))),
            ])
        }
        if !links.isEmpty { batch.set(EventColumnName.links, row: row, .array(links)) }
        return [trace]
    }

    private static func objects(_ value: Any?) -> [[String: Any]] { value as? [[String: Any]] ?? [] }
    private static func number(_ value: Any?) -> Int64 { (value as? String).flatMap { Int64($0) } ?? 0 }

    private static func attributes(_ value: Any?) -> [Attribute] {
        objects(value).compactMap { pair in
            guard let key = pair["key"] as? String, let value = pair["value"] as? [String: Any] else { return nil }
            if let text = value["stringValue"] as? String { return Attribute(key, .string(text)) }
            if value["intValue"] != nil { return Attribute(key, .int(number(value["intValue"]))) }
            if let flag = value["boolValue"] as? Bool { return Attribute(key, .bool(flag)) }
            if let double = value["doubleValue"] as? Double { return Attribute(key, .double(double)) }
            return Attribute(key, .bytes([]))
        }
    }
}
