import Storage
import Telemetry

@testable import TraceQL

/// Spans in memory behind the seam. It gives exactly the columns of the projection, small batches, and either only rows
/// that pass the predicate or, where `ignoresPredicates`, all: both are allowed to a store.
struct MemoryReader: EventReader {
    let batch: EventBatch
    var ignoresPredicates = false
    var rowsPerBatch = 5

    func scan(
        _ plan: EventScanPlan, context: QueryContext, _ body: (EventBatch) throws -> ScanDecision
    ) async throws -> ScanTrailer {
        let filter = RowFilter(plan.predicate, over: batch)
        var rows = (0..<batch.rowCount).filter {
            plan.range.contains(batch.timestamps[$0]) && (ignoresPredicates || filter.passes($0))
        }
        func before(_ a: Int, _ b: Int) -> Bool {
            batch.timestamps[a] == batch.timestamps[b] ? a < b : batch.timestamps[a] < batch.timestamps[b]
        }
        switch plan.order {
        case .oldestFirst: rows.sort { before($0, $1) }
        case .newestFirst: rows.sort { before($1, $0) }
        case .any: break
        }
        for first in stride(from: 0, to: rows.count, by: rowsPerBatch) {
            let portion = rows[first..<min(first + rowsPerBatch, rows.count)]
            if try body(copy(Array(portion), plan.projection)) == .stop { break }
        }
        return ScanTrailer()
    }

    private func copy(_ rows: [Int], _ projection: EventScanPlan.Projection) -> EventBatch {
        var out = EventBatch()
        for group in batch.groups { _ = out.addGroup(group) }
        for row in rows {
            _ = out.addRow(timestamp: batch.timestamps[row], group: batch.groupOfRow[row], sequence: UInt64(row))
        }
        for column in batch.columns {
            if case .columns(let wanted) = projection, !wanted.contains(column.name) { continue }
            let index = out.columnIndex(column.name)
            for (position, row) in rows.enumerated() {
                if let value = column.value(ofRow: row) { out.set(index, row: position, value) }
            }
        }
        return out
    }

    func labelNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String] { ["service_name"] }
    func labelValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) async throws -> [String] { [] }
    func streams(_ query: EventCatalogQuery, context: QueryContext) async throws -> [StreamSummary] { [] }

    func fieldNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String] {
        Set(batch.columns.map(\.name) + batch.groups.flatMap { $0.shared.map(\.key) }).sorted()
    }

    func fieldValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) async throws -> [AttributeValue]
    {
        var out: Set<AttributeValue> = []
        if let column = batch.column(name) { for index in 0..<column.count { out.insert(column.value(at: index)) } }
        for group in batch.groups { if let value = group.shared(name) { out.insert(value) } }
        return out.sorted { "\($0)" < "\($1)" }
    }
}

/// A span as a test writes it; times in milliseconds.
struct SpanSpec {
    var trace: UInt64
    var id: UInt64
    var parent: UInt64?
    var service: String
    var name: String
    var start: Int64 = 0
    var duration: Int64 = 1
    var kind: TraceSpan.Kind = .internal
    var status: TraceSpan.Status = .unset
    var message = ""
    var attributes: [(String, AttributeValue)] = []
    var events: [(String, Int64, [(String, AttributeValue)])] = []
    var links: [(UInt64, UInt64, [(String, AttributeValue)])] = []
}

let millisecond: Int64 = 1_000_000
let testEpoch: Int64 = 1_700_000_000_000_000_000

func makeBatch(_ specs: [SpanSpec]) -> EventBatch {
    var batch = EventBatch()
    var groups: [String: UInt32] = [:]
    for spec in specs {
        let group: UInt32
        if let known = groups[spec.service] {
            group = known
        } else {
            group = batch.addGroup(
                EventGroup(
                    labels: LabelSet(["service_name": spec.service]),
                    shared: [
                        Attribute("resource.service.name", .string(spec.service)),
                        Attribute("resource.k8s.pod.name", .string(spec.service + "-pod")),
                        Attribute("instrumentation:name", .string("lib-" + spec.service)),
                        Attribute("instrumentation:version", .string("1.0")),
                        Attribute("instrumentation.language", .string("swift")),
                    ]))
            groups[spec.service] = group
        }
        let row = batch.addRow(timestamp: testEpoch + spec.start * millisecond, group: group)
        batch.set(EventColumnName.traceID, row: row, .bytes(TraceID(low: spec.trace).bytes))
        batch.set(EventColumnName.spanID, row: row, .bytes(SpanID(spec.id).bytes))
        if let parent = spec.parent { batch.set(EventColumnName.parentID, row: row, .bytes(SpanID(parent).bytes)) }
        batch.set(EventColumnName.spanName, row: row, .string(spec.name))
        batch.set(EventColumnName.duration, row: row, .int(spec.duration * millisecond))
        if spec.kind != .unspecified { batch.set(EventColumnName.spanKind, row: row, .int(spec.kind.rawValue)) }
        if spec.status != .unset { batch.set(EventColumnName.statusCode, row: row, .int(spec.status.rawValue)) }
        if !spec.message.isEmpty { batch.set(EventColumnName.statusMessage, row: row, .string(spec.message)) }
        for (key, value) in spec.attributes { batch.set("span." + key, row: row, value) }
        if !spec.events.isEmpty { batch.set(EventColumnName.events, row: row, events(spec)) }
        if !spec.links.isEmpty { batch.set(EventColumnName.links, row: row, links(spec)) }
    }
    return batch
}

private func events(_ spec: SpanSpec) -> AttributeValue {
    .array(
        spec.events.map { name, offset, attributes in
            .map([
                Attribute("name", .string(name)),
                Attribute("time", .int(testEpoch + (spec.start + offset) * millisecond)),
                Attribute("attributes", .map(attributes.map { Attribute($0.0, $0.1) })),
            ])
        })
}

private func links(_ spec: SpanSpec) -> AttributeValue {
    .array(
        spec.links.map { trace, span, attributes in
            .map([
                Attribute("traceID", .bytes(TraceID(low: trace).bytes)),
                Attribute("spanID", .bytes(SpanID(span).bytes)),
                Attribute("attributes", .map(attributes.map { Attribute($0.0, $0.1) })),
            ])
        })
}

/// A checkout that fails at the bank, a browse that does not, a consumer that is linked to the checkout, and a piece
/// of a trace whose root has not arrived.
let shop: [SpanSpec] = [
    SpanSpec(
        trace: 1, id: 1, service: "web", name: "POST /checkout", start: 0, duration: 900, kind: .server, status: .error,
        attributes: [
            ("http.request.method", .string("POST")), ("http.response.status_code", .int(500)), ("vip", .bool(true)),
        ]),
    SpanSpec(
        trace: 1, id: 2, parent: 1, service: "cart", name: "GET /cart", start: 10, duration: 50, kind: .server,
        attributes: [
            ("http.request.method", .string("GET")), ("http.response.status_code", .int(200)), ("items", .int(3)),
            ("skus", .array([.string("apple"), .string("pear")])),
        ]),
    SpanSpec(
        trace: 1, id: 3, parent: 2, service: "cart", name: "SELECT carts", start: 15, duration: 20, kind: .client,
        attributes: [("db.system.name", .string("mysql")), ("rows", .int(3)), ("cost", .double(0.5))]),
    SpanSpec(
        trace: 1, id: 4, parent: 1, service: "payment", name: "POST /pay", start: 70, duration: 800, kind: .server,
        status: .error,
        message: "bank said no", attributes: [("http.response.status_code", .int(502)), ("amount", .double(12.5))]),
    SpanSpec(
        trace: 1, id: 5, parent: 4, service: "payment", name: "bank call", start: 80, duration: 700, kind: .client,
        status: .error,
        attributes: [("http.response.status_code", .int(503)), ("http.request.resend_count", .int(2))],
        events: [("exception", 600, [("exception.type", .string("Timeout"))]), ("retry", 300, [("attempt", .int(1))])]),
    SpanSpec(
        trace: 1, id: 6, parent: 1, service: "web", name: "send order", start: 880, duration: 5, kind: .producer,
        status: .ok),
    SpanSpec(
        trace: 2, id: 1, service: "web", name: "GET /browse", start: 2000, duration: 120, kind: .server, status: .ok,
        attributes: [
            ("http.request.method", .string("GET")), ("http.response.status_code", .int(200)), ("vip", .bool(false)),
        ]),
    SpanSpec(
        trace: 2, id: 2, parent: 1, service: "catalogue", name: "list", start: 2010, duration: 90, kind: .server,
        attributes: [("items", .int(40)), ("service.name", .string("shadow"))]),
    SpanSpec(
        trace: 2, id: 3, parent: 2, service: "catalogue", name: "SELECT items", start: 2020, duration: 60,
        kind: .client,
        attributes: [("db.system.name", .string("mongodb")), ("rows", .int(40)), ("odd name", .string("x y"))]),
    SpanSpec(
        trace: 3, id: 1, service: "dispatch", name: "process order", start: 5000, duration: 30, kind: .consumer,
        links: [(1, 6, [("reason", .string("order"))])]),
    SpanSpec(trace: 4, id: 8, parent: 7, service: "ratings", name: "rate", start: 7000, duration: 10),
    SpanSpec(trace: 4, id: 9, parent: 7, service: "ratings", name: "store", start: 7002, duration: 5, status: .error),
]

let shopRange = TimeRange(start: testEpoch - millisecond, end: testEpoch + 10_000 * millisecond)
