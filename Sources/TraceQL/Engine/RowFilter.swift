internal import Patterns
internal import Storage
internal import Telemetry

/// Runs a predicate over the rows of a batch, column by column: a store may hand over rows that fail it, and making
/// a span of each would be a waste. What depends on the group alone is decided once for each group.
struct RowFilter {
    private indirect enum Node {
        case always
        case all([Node])
        case any([Node])
        case not(Node)
        case test(column: Int?, byGroup: [Bool], Test)
    }

    fileprivate enum Test {
        case exists
        case compare(EventPredicate.Comparison, AttributeValue, payload: [UInt8])
        case isAny([AttributeValue])
        case contains([UInt8])
        case matches(Pattern, anchored: Bool)
    }

    private let batch: EventBatch
    private let node: Node

    init(_ predicate: EventPredicate, over batch: EventBatch) {
        self.batch = batch
        node = RowFilter.compile(predicate, batch)
    }

    var passesAll: Bool {
        if case .always = node { true } else { false }
    }

    func passes(_ row: Int) -> Bool { passes(row, node) }

    private func passes(_ row: Int, _ node: Node) -> Bool {
        switch node {
        case .always: return true
        case .all(let parts): return parts.allSatisfy { passes(row, $0) }
        case .any(let parts): return parts.contains { passes(row, $0) }
        case .not(let inner): return !passes(row, inner)
        case .test(let column, let byGroup, let test):
            if let column, let position = batch.columns[column].index(ofRow: row) {
                return test.holds(batch.columns[column], at: position)
            }
            let group = Int(batch.groupOfRow[row])
            return group < byGroup.count && byGroup[group]
        }
    }

    private static func compile(_ predicate: EventPredicate, _ batch: EventBatch) -> Node {
        switch predicate {
        case .everything: return .always
        case .and(let parts): return .all(parts.map { compile($0, batch) })
        case .or(let parts): return .any(parts.map { compile($0, batch) })
        case .not(let inner): return .not(compile(inner, batch))
        case .exists(let column): return leaf(column, .exists, batch)
        case .compare(let column, let comparison, let value):
            var payload: [UInt8] = []
            value.encode(to: &payload)
            return leaf(column, .compare(comparison, value, payload: payload), batch)
        case .isAny(let column, let values): return leaf(column, .isAny(values), batch)
        case .contains(let column, let bytes): return leaf(column, .contains(bytes), batch)
        case .matches(let column, let text, let anchored):
            guard let pattern = try? Pattern(text) else { return .always }
            return leaf(column, .matches(pattern, anchored: anchored), batch)
        }
    }

    private static func leaf(_ name: String, _ test: Test, _ batch: EventBatch) -> Node {
        let byGroup = batch.groups.map { group in
            if let value = group.shared(name) { return test.holds(value) }
            if let label = group.labels[name] { return test.holds(.string(label)) }
            return false
        }
        return .test(column: batch.columns.firstIndex { $0.name == name }, byGroup: byGroup, test)
    }
}

extension RowFilter.Test {
    fileprivate func holds(_ column: EventColumn, at position: Int) -> Bool {
        if case .exists = self { return true }
        if case .compare(.equal, let value, let payload) = self {
            let kind = column.kinds[position]
            if kind == value.kind, kind != .double {
                return column.bytes[column.range(at: position)].elementsEqual(payload)
            }
            if kind == .string || kind == .bool || kind == .bytes { return false }
        }
        if case .matches(let pattern, let anchored) = self, column.kinds[position] == .string {
            let bytes = column.bytes[column.range(at: position)]
            return anchored ? pattern.matchesWhole(bytes) : pattern.isFound(in: bytes)
        }
        return holds(column.value(at: position))
    }

    /// For an array: whether it holds for any element.
    fileprivate func holds(_ value: AttributeValue) -> Bool {
        if case .exists = self { return true }
        if case .array(let elements) = value { return elements.contains { holds($0) } }
        switch self {
        case .exists: return true
        case .compare(let comparison, let other, _): return RowFilter.compare(value, comparison, other)
        case .isAny(let others): return others.contains { RowFilter.compare(value, .equal, $0) }
        case .contains(let bytes):
            guard case .string(let text) = value else { return false }
            if bytes.isEmpty { return true }
            let haystack = Array(text.utf8)
            guard haystack.count >= bytes.count else { return false }
            return (0...haystack.count - bytes.count).contains { haystack[$0...].starts(with: bytes) }
        case .matches(let pattern, let anchored):
            guard case .string(let text) = value else { return false }
            return anchored ? pattern.matchesWhole(text) : pattern.isFound(in: text)
        }
    }
}

extension RowFilter {
    fileprivate static func compare(
        _ a: AttributeValue, _ comparison: EventPredicate.Comparison, _ b: AttributeValue
    ) -> Bool {
        let operation: FieldOperator =
            switch comparison {
            case .equal: .equal
            case .notEqual: .notEqual
            case .less: .less
            case .lessOrEqual: .lessOrEqual
            case .greater: .greater
            case .greaterOrEqual: .greaterOrEqual
            }
        if case .bytes(let left) = a, case .bytes(let right) = b {
            return operation == .equal ? left == right : operation == .notEqual && left != right
        }
        // By the seam's rule values of different kinds are unequal, which TraceQL's own comparison would deny.
        let left = Static(a)
        let right = Static(b)
        if operation == .notEqual { return !Arithmetic.compare(.equal, left, right) }
        return Arithmetic.compare(operation, left, right)
    }
}
