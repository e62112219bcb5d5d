internal import Storage
internal import Telemetry
internal import Vectors

/// Turns a pipeline into what a store is asked for. A store may hold back only rows that the pipeline would drop.
struct ScanPlanner {
    let reader: any EventReader
    let pushesDown: Bool

    /// - Parameter needed: names of the labels that matter for the answer; nil if all do.
    func plan(
        _ logs: LogExpression, range: TimeRange, needed: Set<String>? = nil, context: QueryContext
    ) async throws -> EventScanPlan {
        var plan = EventScanPlan(table: .logs, range: range, matchers: logs.matchers)
        guard pushesDown else { return plan }
        var conditions: [EventPredicate] = []
        for stage in logs.stages {
            if ScanPlanner.changesLine(stage) { break }
            if case .lineFilter(let filter) = stage, let condition = ScanPlanner.predicate(filter) {
                conditions.append(condition)
            }
        }
        let filters = ScanPlanner.earlyFilters(logs.stages)
        let names = Set(filters.flatMap { $0.equalityNames })
        var spelling: Spelling?
        if !names.isEmpty || needed?.contains(where: { !$0.hasPrefix("__") && $0.utf8.contains(95) }) ?? false {
            spelling = try await Spelling(reader, logs.matchers, range, context)
        }
        if let spelling {
            for filter in filters { if let condition = filter.predicate(spelling) { conditions.append(condition) } }
        }
        if conditions.count == 1 {
            plan.predicate = conditions[0]
        } else if !conditions.isEmpty {
            plan.predicate = .and(conditions)
        }
        if let needed { plan.projection = ScanPlanner.projection(needed, spelling) }
        return plan
    }

    private static func projection(_ needed: Set<String>, _ spelling: Spelling?) -> EventScanPlan.Projection {
        var columns: Set<String> = [EventColumnName.line]
        for name in needed {
            // A clash may have renamed it.
            for base in name.hasSuffix("_extracted") ? [name, String(name.dropLast(10))] : [name] {
                if let spelling {
                    columns.formUnion(spelling.columns(base))
                } else {
                    columns.insert(base)
                }
            }
        }
        return .columns(columns)
    }

    private static func changesLine(_ stage: Stage) -> Bool {
        switch stage {
        case .lineFormat, .unpack, .decolorize: true
        default: false
        }
    }

    /// Label filters before any stage that makes or takes labels: they see stream labels and structured metadata.
    private static func earlyFilters(_ stages: [Stage]) -> [LabelFilter] {
        var out: [LabelFilter] = []
        for stage in stages {
            switch stage {
            case .labelFilter(let filter): out.append(filter)
            case .lineFilter, .decolorize: continue
            default: return out
            }
        }
        return out
    }

    private static func predicate(_ filter: LineFilter) -> EventPredicate? {
        var alternatives: [EventPredicate] = []
        for operand in filter.operands {
            guard case .text(let text) = operand, !text.isEmpty else { return nil }
            switch filter.operation {
            case .contains, .lacks: alternatives.append(.contains(column: EventColumnName.line, Array(text.utf8)))
            case .matches, .fails:
                alternatives.append(.matches(column: EventColumnName.line, pattern: text, anchored: false))
            case .fitsPattern:
                guard let parts = literals(of: text) else { return nil }
                alternatives.append(.and(parts))
            case .misfitsPattern: return nil
            }
        }
        let any = alternatives.count == 1 ? alternatives[0] : .or(alternatives)
        return filter.operation.isNegative ? .not(any) : any
    }

    /// Whether the store's condition is the filter, no more and no less.
    static func isExact(_ filter: LineFilter) -> Bool {
        switch filter.operation {
        case .contains, .lacks, .matches, .fails: break
        case .fitsPattern, .misfitsPattern: return false
        }
        for operand in filter.operands {
            guard case .text(let text) = operand else { return false }
            // The empty text is in every line: no condition is made of it.
            if text.isEmpty { return !filter.operation.isNegative }
        }
        return true
    }

    private static func literals(of pattern: String) -> [EventPredicate]? {
        guard let parsed = try? PatternExpression(pattern, purpose: .filtering) else { return nil }
        let parts = parsed.parts.compactMap { part -> EventPredicate? in
            guard case .literal(let bytes) = part else { return nil }
            return .contains(column: EventColumnName.line, bytes)
        }
        return parts.isEmpty ? nil : parts
    }
}

/// How the names of a query are spelled in the store: `trace_id` may be a column `trace.id`.
struct Spelling {
    private var columnsOfName: [String: [String]] = [:]
    private let labels: Set<String>

    init(_ reader: any EventReader, _ matchers: [Matcher], _ range: TimeRange, _ context: QueryContext) async throws {
        let question = EventCatalogQuery(table: .logs, range: range, matchers: matchers)
        for column in try await reader.fieldNames(question, context: context) {
            columnsOfName[LabelName.sanitised(column), default: []].append(column)
        }
        labels = Set(try await reader.labelNames(question, context: context))
    }

    func columns(_ name: String) -> [String] { columnsOfName[name] ?? [] }

    /// The columns in which the label is looked up and nowhere else; nil where that is not so.
    func onlyColumns(_ name: String) -> [String]? {
        if name.hasPrefix("__") || name.hasSuffix("_extracted") || labels.contains(name) { return nil }
        return columnsOfName[name]
    }
}

extension LabelFilter {
    var equalityNames: [String] {
        switch self {
        case .and(let a, let b), .or(let a, let b): a.equalityNames + b.equalityNames
        case .text(let matcher): matcher.operation == .equal && !matcher.value.isEmpty ? [matcher.name] : []
        default: []
        }
    }

    /// A condition that holds for every row that passes the filter; nil where there is none.
    func predicate(_ spelling: Spelling) -> EventPredicate? {
        switch self {
        case .and(let a, let b):
            switch (a.predicate(spelling), b.predicate(spelling)) {
            case (let left?, let right?): return .and([left, right])
            case (let left, let right): return left ?? right
            }
        case .or(let a, let b):
            guard let left = a.predicate(spelling), let right = b.predicate(spelling) else { return nil }
            return .or([left, right])
        case .text(let matcher):
            guard matcher.operation == .equal, !matcher.value.isEmpty, let columns = spelling.onlyColumns(matcher.name),
                let values = LabelFilter.values(withText: matcher.value)
            else { return nil }
            let conditions = columns.map { EventPredicate.isAny(column: $0, values) }
            return conditions.count == 1 ? conditions[0] : .or(conditions)
        default: return nil
        }
    }

    /// Every typed value that reads as `text`; nil where these cannot be listed.
    private static func values(withText text: String) -> [AttributeValue]? {
        if text.hasPrefix("[") || text.hasPrefix("{") { return nil }
        var out: [AttributeValue] = [.string(text)]
        if let number = Int64(text) { out.append(.int(number)) }
        if let number = Double(text) { out.append(.double(number)) }
        if text == "true" || text == "false" { out.append(.bool(text == "true")) }
        if let bytes = Base64Text.decode(text) { out.append(.bytes(bytes)) }
        return out
    }
}
