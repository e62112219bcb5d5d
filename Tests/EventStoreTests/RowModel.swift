import Glibc
import Storage
import Telemetry
import TestSupport

/// A row as a person would write it down: what the engine is compared with.
struct ModelRow: Hashable {
    var time: Int64
    var sequence: UInt64
    var group: EventGroup
    var fields: [String: Field]

    struct Field: Hashable {
        var kind: ValueKind
        var payload: [UInt8]
        var value: AttributeValue { AttributeValue(kind: kind, bytes: payload[...]) }

        init(kind: ValueKind, payload: [UInt8]) {
            self.kind = kind
            self.payload = payload
        }

        init(_ value: AttributeValue) {
            kind = value.kind
            var bytes: [UInt8] = []
            value.encode(to: &bytes)
            payload = bytes
        }
    }

    func lookup(_ column: String) -> Field? {
        if let own = fields[column] { return own }
        if let shared = group.shared(column) { return Field(shared) }
        return group.labels[column].map { Field(.string($0)) }
    }

    /// What a condition on a column may hold for: its value, and of an array every element too.
    private func candidates(_ column: String) -> [Field] { lookup(column).map { ModelRow.unfolded($0) } ?? [] }

    private static func unfolded(_ field: Field) -> [Field] {
        guard case .array(let elements) = field.value else { return [field] }
        return [field] + elements.flatMap { unfolded(Field($0)) }
    }

    func passes(_ predicate: EventPredicate) -> Bool {
        switch predicate {
        case .everything: return true
        case .and(let all): return all.allSatisfy { passes($0) }
        case .or(let any): return any.contains { passes($0) }
        case .not(let inner): return !passes(inner)
        case .exists(let column): return lookup(column) != nil
        case .compare(let column, let comparison, let value):
            return candidates(column).contains { ModelRow.compare($0, comparison, Field(value)) }
        case .isAny(let column, let values):
            return candidates(column).contains { field in
                values.contains { ModelRow.compare(field, .equal, Field($0)) }
            }
        case .contains(let column, let needle):
            return candidates(column).contains { $0.kind == .string && ModelRow.holds($0.payload, needle) }
        case .matches(let column, let pattern, let anchored):
            // The generator makes two patterns only, so that no second regex engine is needed here.
            return candidates(column).filter { $0.kind == .string }.map(\.payload).contains { text in
                switch (pattern, anchored) {
                case ("er+or", false): return ModelRow.holds(text, "error") || ModelRow.holds(text, "errror")
                case ("v[0-3]", true): return text.count == 2 && text[0] == 0x76 && (0x30...0x33).contains(text[1])
                default: fatalError("no model of \(pattern)")
                }
            }
        }
    }

    static func holds(_ text: [UInt8], _ needle: String) -> Bool { holds(text, Array(needle.utf8)) }

    static func holds(_ text: [UInt8], _ needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        return text.withUnsafeBytes { text in
            var at = 0
            while text.count - at >= needle.count, let base = text.baseAddress {
                guard let found = memchr(base + at, Int32(first), text.count - at - needle.count + 1) else {
                    return false
                }
                at = UnsafeRawPointer(found) - base
                if memcmp(found, needle, needle.count) == 0 { return true }
                at += 1
            }
            return false
        }
    }

    private static func compare(_ a: Field, _ comparison: EventPredicate.Comparison, _ b: Field) -> Bool {
        var order: Int?
        switch (a.value, b.value) {
        case (.int(let x), .int(let y)): order = x < y ? -1 : x > y ? 1 : 0
        case (.int(let x), .double(let y)): order = number(Double(x), y)
        case (.double(let x), .int(let y)): order = number(x, Double(y))
        case (.double(let x), .double(let y)): order = number(x, y)
        default:
            if a.kind == b.kind, a.payload == b.payload {
                order = 0
            } else if a.kind == b.kind, [.string, .bytes, .bool].contains(a.kind) {
                order = a.payload.lexicographicallyPrecedes(b.payload) ? -1 : 1
            }
        }
        if order == 0, [.less, .greater, .lessOrEqual, .greaterOrEqual].contains(comparison),
            [.array, .map, .empty].contains(a.kind)
        {
            return false
        }
        switch comparison {
        case .equal: return order == 0
        case .notEqual: return order != 0
        case .less: return order.map { $0 < 0 } ?? false
        case .lessOrEqual: return order.map { $0 <= 0 } ?? false
        case .greater: return order.map { $0 > 0 } ?? false
        case .greaterOrEqual: return order.map { $0 >= 0 } ?? false
        }
    }

    private static func number(_ a: Double, _ b: Double) -> Int? { a < b ? -1 : a > b ? 1 : a == b ? 0 : nil }
}

extension EventBatch {
    var modelRows: [ModelRow] {
        var rows = (0..<rowCount).map { row in
            ModelRow(
                time: timestamps[row], sequence: sequences.isEmpty ? 0 : sequences[row],
                group: groups[Int(groupOfRow[row])],
                fields: [:])
        }
        for column in columns {
            for i in 0..<column.count {
                rows[Int(column.rows[i])].fields[column.name] = ModelRow.Field(
                    kind: column.kinds[i], payload: Array(column.bytes[column.range(at: i)]))
            }
        }
        return rows
    }

    init(model rows: [ModelRow]) {
        self.init()
        var numbers: [EventGroup: UInt32] = [:]
        for row in rows {
            let group = numbers[row.group] ?? addGroup(row.group)
            numbers[row.group] = group
            let number = addRow(timestamp: row.time, group: group)
            for (name, field) in row.fields.sorted(by: { $0.key < $1.key }) {
                set(columnIndex(name), row: number, kind: field.kind, payload: field.payload)
            }
        }
    }
}

/// Random rows and questions that go well with each other.
struct RowGenerator {
    var random: SeededGenerator
    let table: EventTable
    private(set) var counter: Int64 = 0

    init(seed: UInt64, table: EventTable) {
        random = SeededGenerator(seed: seed)
        self.table = table
    }

    mutating func number(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
    mutating func chance(_ percent: Int) -> Bool { number(100) < percent }
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    static let day: Int64 = 86_400_000_000_000

    mutating func time() -> Int64 {
        switch number(20) {
        case 0: [Int64.min, .max - 1, 0, -1][number(4)]
        case 1: Int64(number(40)) * RowGenerator.day
        case 2...5: 1_700_000_000_000_000_000
        default: 1_700_000_000_000_000_000 + Int64(number(7_200)) * 1_000_000_000
        }
    }

    mutating func group() -> EventGroup {
        let service = "svc\(number(4))"
        switch table {
        case .logs:
            var shared: [Attribute] = []
            if chance(30) { shared.append(Attribute("region", .string("r\(number(2))"))) }
            if chance(10) { shared.append(Attribute("level", .string("shared"))) }
            let labels = LabelSet([Label("service", service), Label("env", ["", "prod", "dév"][number(3)])])
            return EventGroup(labels: labels, shared: shared)
        case .spans:
            return EventGroup(
                labels: LabelSet([Label("service_name", service)]),
                shared: [
                    Attribute("resource.service.name", .string(service)),
                    Attribute("resource.pid", .int(Int64(number(3)))),
                    Attribute("resource.args", .array([.string("a"), .map([Attribute("k", .double(1.5))])])),
                ])
        }
    }

    mutating func value() -> AttributeValue {
        switch number(9) {
        case 0: .string("")
        case 1: .string("v\(number(6))")
        case 2: .bool(chance(50))
        case 3: .int([Int64(number(10)), .min, .max, Int64(number(1_000_000))][number(4)])
        case 4: .double([Double(number(10)), .nan, -0.0, .infinity, 0.1][number(5)])
        case 5: .bytes(bytes(number(4)))
        case 6: .array([.int(Int64(number(3))), .string("x"), .empty])
        case 7: .map([Attribute("a", .int(Int64(number(3)))), Attribute("b", .array([.bool(true)]))])
        default: .empty
        }
    }

    mutating func line() -> [UInt8] {
        switch number(12) {
        case _ where counter == 400: Array(repeating: bytes(100), count: 12_000).flatMap { $0 }
        case 0: []
        case 1: bytes(number(40))
        case 2: [0xff, 0xfe] + Array("error".utf8)
        case 3: Array("an error happened in request \(number(1000)) of user \(number(50))".utf8)
        case 4: Array(String(repeating: "y", count: number(200)).utf8)
        default: Array("level=info msg=\"request served\" status=\(number(5)) id=\(number(100_000))".utf8)
        }
    }

    mutating func row() -> ModelRow {
        counter += 1
        var fields: [String: ModelRow.Field] = ["n": .init(.int(counter))]
        switch table {
        case .logs:
            fields[EventColumnName.line] = .init(kind: .string, payload: line())
            if chance(60) { fields["level"] = .init(.string(["info", "warn", "error"][number(3)])) }
            if chance(40) { fields["trace_id"] = .init(.string(hexadecimal(bytes(16)))) }
        case .spans:
            // Few traces, so that blocks hold runs of one.
            let trace = [UInt8](repeating: UInt8(number(40)), count: 8) + [UInt8](repeating: UInt8(number(3)), count: 8)
            if !chance(2) {
                fields[EventColumnName.traceID] = .init(.bytes(chance(2) ? Array(trace.prefix(5)) : trace))
            }
            fields[EventColumnName.spanID] = .init(.bytes(bytes(8)))
            if chance(70) { fields[EventColumnName.parentID] = .init(.bytes(bytes(8))) }
            fields[EventColumnName.spanName] = .init(.string("v\(number(6))"))
            fields[EventColumnName.spanKind] = .init(.int(Int64(number(6))))
            fields[EventColumnName.duration] = .init(.int(Int64(number(5_000_000))))
            if chance(5) { fields["resource.pid"] = .init(.string("own")) }
        }
        for key in ["a", "b", "c"] where chance(30) { fields[key] = .init(value()) }
        if chance(1) { fields["rare\(number(20))"] = .init(.string("once")) }
        return ModelRow(time: time(), sequence: 0, group: group(), fields: fields)
    }

    mutating func rows(_ count: Int) -> [ModelRow] { (0..<count).map { _ in row() } }

    func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    // MARK: Questions

    mutating func column(_ rows: [ModelRow]) -> String {
        let common = ["a", "b", "c", "n", "level", "region", "service", "service_name", "nothing", "resource.pid"]
        if chance(40), let name = rows.randomElement(using: &random)?.fields.keys.sorted().randomElement(using: &random)
        {
            return name
        }
        return common[number(common.count)]
    }

    mutating func operand(_ column: String, _ rows: [ModelRow]) -> AttributeValue {
        if chance(70), let row = rows.randomElement(using: &random), let field = row.lookup(column) {
            return field.value
        }
        return value()
    }

    mutating func predicate(_ rows: [ModelRow], depth: Int = 0) -> EventPredicate {
        let column = column(rows)
        let comparisons: [EventPredicate.Comparison] = [
            .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
        ]
        switch number(depth > 2 ? 7 : 11) {
        case 0: return chance(50) ? .everything : .exists(column: column)
        case 1, 2: return .compare(column: column, comparisons[number(6)], operand(column, rows))
        case 3: return .isAny(column: column, (0..<number(4)).map { _ in operand(column, rows) })
        case 4, 5:
            let needles = ["error", "id=77", "", "zzz", "served\" status=4 id=1", "user 7", "r"]
            let searched = chance(70) ? EventColumnName.line : column
            return .contains(column: searched, chance(10) ? [0xff, 0xfe] : Array(needles[number(needles.count)].utf8))
        case 6:
            return chance(50)
                ? .matches(column: EventColumnName.line, pattern: "er+or", anchored: false)
                : .matches(column: chance(50) ? EventColumnName.spanName : column, pattern: "v[0-3]", anchored: true)
        case 7: return .not(predicate(rows, depth: depth + 1))
        case 8: return .or((0..<number(4)).map { _ in predicate(rows, depth: depth + 1) })
        default: return .and((0..<number(4)).map { _ in predicate(rows, depth: depth + 1) })
        }
    }

    mutating func plan(_ rows: [ModelRow], withPredicate: Bool = true) -> EventScanPlan {
        var range = TimeRange.all
        if chance(60) {
            let a = time()
            let b = time()
            range = TimeRange(start: min(a, b), end: max(a, b))
        }
        let label = table == .logs ? "service" : "service_name"
        let matchers: [[Matcher]] = [
            [], [Matcher(label, .equal, "svc1")],
            [Matcher(label, .regex, "svc(0|2)"), Matcher("env", .notEqual, "prod")],
            [Matcher("env", .equal, "")], [Matcher(label, .equal, "none")],
        ]
        let orders: [EventScanPlan.Order] = [.any, .newestFirst, .oldestFirst]
        return EventScanPlan(
            table: table, range: range, matchers: chance(50) ? [] : matchers[number(matchers.count)],
            predicate: withPredicate ? predicate(rows) : .everything,
            projection: chance(70)
                ? .all : .columns([EventColumnName.line, "a", "resource.pid", EventColumnName.duration]),
            order: orders[number(3)])
    }
}

/// What a scan should answer.
func expected(_ rows: [ModelRow], _ plan: EventScanPlan) throws -> [ModelRow] {
    let matchers = try plan.matchers.map { try CompiledMatcher($0) }
    var out = rows.filter {
        plan.range.contains($0.time) && matchers.matches($0.group.labels) && $0.passes(plan.predicate)
    }
    if case .columns(let names) = plan.projection {
        for i in out.indices { out[i].fields = out[i].fields.filter { names.contains($0.key) } }
    }
    out.sort { ($0.time, $0.sequence) < ($1.time, $1.sequence) }
    if plan.order == .newestFirst { out.reverse() }
    return out
}

/// What a scan answers; rows without an order are put in order of time.
func answer(
    _ store: some EventReader, _ plan: EventScanPlan, context: QueryContext = QueryContext(), limit: Int = .max
) async throws -> [ModelRow] {
    var out: [ModelRow] = []
    let trailer = try await store.scan(plan, context: context) { batch in
        out += batch.modelRows
        return out.count >= limit ? .stop : .goOn
    }
    if trailer.partial { throw StorageError.unsupported("partial: \(trailer.warnings)") }
    if plan.order == .any { out.sort { ($0.time, $0.sequence) < ($1.time, $1.sequence) } }
    return out
}
