package import Storage
package import Telemetry

package struct TraceTagScope: Hashable, Sendable {
    package var name: String
    /// Sorted.
    package var tags: [String]
}

package struct TraceTagValue: Hashable, Sendable {
    /// string, int, float, bool, duration or keyword.
    package var type: String
    package var value: String
}

/// Names and values for those who write queries.
extension TraceQLEngine {
    /// Rows that are read where the store keeps no catalog: attributes of events and links, names of roots.
    private static let maximumRows = 50_000

    /// Tempo's list, in both spellings.
    package static let intrinsicNames: [String] =
        (["duration", "kind", "name", "rootName", "rootServiceName", "status", "statusMessage", "traceDuration"]
        + Intrinsic.scoped.keys.filter { $0 != "span:childCount" }).sorted()

    package struct Operation: Hashable, Sendable {
        package var name: String
        package var kind: TraceSpan.Kind
    }

    /// Names and kinds of a service's spans, sorted by name: Jaeger's operations. Of very many spans the newest count.
    package func operations(
        of service: String, kind: TraceSpan.Kind? = nil, range: TimeRange, limit: Int = 0, context: QueryContext
    ) async throws -> [Operation] {
        let most = limit > 0 ? limit : 10_000
        var found: Set<Operation> = []
        let condition = TraceSearchFilter(service: service).condition
        try await sample(PredicatePlanner.predicate(of: condition), [], range, context) { span in
            if span.serviceName == service, kind == nil || span.kind == kind {
                found.insert(Operation(name: span.name, kind: span.kind))
            }
            return found.count < most
        }
        return found.sorted { $0.name == $1.name ? $0.kind.rawValue < $1.kind.rawValue : $0.name < $1.name }
    }

    /// Nil for all scopes; of `none` there is nothing. Scopes without names are left out.
    package func tagNames(
        scope: String? = nil, range: TimeRange, limit: Int = 0, context: QueryContext
    ) async throws -> [TraceTagScope] {
        var byScope: [String: Set<String>] = [:]
        if scope == nil || ["span", "resource", "instrumentation"].contains(scope) {
            for name in try await reader.fieldNames(EventCatalogQuery(table: .spans, range: range), context: context) {
                for prefix in ["span", "resource", "instrumentation"] where name.hasPrefix(prefix + ".") {
                    byScope[prefix, default: []].insert(String(name.dropFirst(prefix.utf8.count + 1)))
                }
            }
        }
        if scope == nil || scope == "event" || scope == "link" {
            for kind in ["event", "link"] where scope == nil || scope == kind {
                let names = try await nestedNames(kind, range, context)
                if !names.isEmpty { byScope[kind] = names }
            }
        }
        if scope == nil || scope == "intrinsic" { byScope["intrinsic"] = Set(TraceQLEngine.intrinsicNames) }
        return ["resource", "span", "event", "link", "instrumentation", "intrinsic"].compactMap { name in
            guard scope == nil || scope == name, let tags = byScope[name] else { return nil }
            let sorted = tags.sorted()
            return TraceTagScope(name: name, tags: limit > 0 ? Array(sorted.prefix(limit)) : sorted)
        }
    }

    private func nestedNames(_ scope: String, _ range: TimeRange, _ context: QueryContext) async throws -> Set<String> {
        let column = scope == "event" ? EventColumnName.events : EventColumnName.links
        var out: Set<String> = []
        try await sample(.exists(column: column), [column], range, context) { span in
            for event in span.events { for attribute in event.attributes { out.insert(attribute.key) } }
            for link in span.links { for attribute in link.attributes { out.insert(attribute.key) } }
            return true
        }
        return out
    }

    /// Values of a scoped or unscoped name, sorted by type and text. With `filter` (a possibly incomplete query) those
    /// of the spans that match what can be understood of it.
    package func tagValues(
        _ name: String, filter: String? = nil, range: TimeRange, limit: Int = 0, context: QueryContext
    ) async throws -> [TraceTagValue] {
        guard let field = FieldReference.parse(name) else { throw TraceQLError.badParameter("a tag name is missing") }
        let most = limit > 0 ? limit : 10_000
        var found: Set<TraceTagValue> = []
        func add(_ value: Static) {
            switch value {
            case .nil: break
            case .array(let elements): for element in elements { add(element) }
            default: found.insert(TraceTagValue(type: value.typeName, value: value.text))
            }
        }
        let condition = filter.flatMap { LenientFilter.condition(in: $0) }
        if condition == nil, let fixed = TraceQLEngine.fixedValues(of: field) {
            fixed.forEach(add)
        } else if condition == nil, let columns = TraceQLEngine.catalogColumns(of: field) {
            for column in columns {
                var query = EventCatalogQuery(table: .spans, range: range)
                query.limit = most
                for value in try await reader.fieldValues(column, query, context: context) { add(Static(value)) }
            }
        } else {
            try await sampleValues(of: field, condition, range, context) { value in
                add(value)
                return found.count < most
            }
        }
        return Array(found.sorted { $0.type == $1.type ? $0.value < $1.value : $0.type < $1.type }.prefix(most))
    }

    private static func fixedValues(of field: FieldReference) -> [Static]? {
        switch field.intrinsic {
        case .status: TraceSpan.Status.allCases.map { .status($0) }
        case .kind: TraceSpan.Kind.allCases.map { .kind($0) }
        case .duration, .traceDuration, .eventTimeSinceStart, .nestedSetLeft, .nestedSetRight, .nestedSetParent,
            .childCount, .parent:
            []
        default: nil
        }
    }

    private static func catalogColumns(of field: FieldReference) -> [String]? {
        switch field.intrinsic {
        case nil: field.isMultiple || field.ofParent ? nil : PredicatePlanner.columns(of: field)
        case .name: [EventColumnName.spanName]
        case .statusMessage: [EventColumnName.statusMessage]
        case .instrumentationName: [EventColumnName.scopeName]
        case .instrumentationVersion: [EventColumnName.scopeVersion]
        default: nil
        }
    }

    private func sampleValues(
        of field: FieldReference, _ condition: FieldExpression?, _ range: TimeRange, _ context: QueryContext,
        _ take: (Static) -> Bool
    ) async throws {
        var fields = QueryFields()
        fields.add(.field(field))
        var predicate = EventPredicate.everything
        var filter: CompiledField?
        if let condition {
            fields.add(condition)
            filter = try CompiledField(condition)
            predicate = PredicatePlanner.predicate(of: condition)
        }
        // What a root is called its own row says.
        let ofRoot: Intrinsic? =
            field.intrinsic == .rootName || field.intrinsic == .rootServiceName ? field.intrinsic : nil
        if ofRoot != nil {
            predicate = PredicatePlanner.conjunction([predicate, .not(.exists(column: EventColumnName.parentID))])
        }
        let test = filter
        try await sample(predicate, fields.columns, range, context) { span in
            if let test, try !test.holds(span, in: nil, at: 0) { return true }
            switch ofRoot {
            case .rootName: return span.parentID != nil || take(.string(span.name))
            case .rootServiceName: return span.parentID != nil || take(.string(span.serviceName))
            default: return take(field.value(of: span, in: nil, at: 0))
            }
        }
    }

    /// The newest spans that pass, until there are enough or `body` has had its fill.
    private func sample(
        _ predicate: EventPredicate, _ columns: Set<String>, _ range: TimeRange, _ context: QueryContext,
        _ body: (TraceSpan) throws -> Bool
    ) async throws {
        let plan = EventScanPlan(
            table: .spans, range: range, predicate: predicate,
            projection: .columns(columns.union(QueryFields.always).union(predicate.columns)), order: .newestFirst)
        var rows = 0
        _ = try await reader.scan(plan, context: context) { batch in
            try context.check()
            let decoder = SpanDecoder(batch)
            let filter = RowFilter(predicate, over: batch)
            for row in 0..<batch.rowCount where filter.passes(row) {
                rows += 1
                guard let span = decoder.span(row: row) else { continue }
                if try !body(span) || rows >= TraceQLEngine.maximumRows { return .stop }
            }
            return .goOn
        }
    }
}
