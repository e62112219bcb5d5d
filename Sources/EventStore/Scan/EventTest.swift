import Patterns
import Storage
import Telemetry

/// One comparison of a predicate, made ready to run on payloads.
struct EventTest: Sendable {
    enum Test: Sendable {
        case exists
        case compare(EventPredicate.Comparison, Operand)
        case isAny([Operand])
        case contains([UInt8])
        case matches(Pattern, anchored: Bool)
    }

    let column: String
    let test: Test

    /// A constant of the query.
    struct Operand: Sendable {
        let kind: ValueKind
        let payload: [UInt8]
        /// Of int and double.
        let number: Double
        let integer: Int64?

        init(_ value: AttributeValue) {
            kind = value.kind
            var bytes: [UInt8] = []
            value.encode(to: &bytes)
            payload = bytes
            switch value {
            case .int(let n):
                number = Double(n)
                integer = n
            case .double(let d):
                number = d
                integer = nil
            default:
                number = 0
                integer = nil
            }
        }

        var isNumber: Bool { kind == .int || kind == .double }
    }

    func passes(integer: Int64) -> Bool {
        switch test {
        case .exists: true
        case .compare(let comparison, let operand): EventTest.compare(integer, comparison, operand)
        case .isAny(let operands): operands.contains { EventTest.compare(integer, .equal, $0) }
        case .contains, .matches: false
        }
    }

    func passes(kind: ValueKind, payload: ArraySlice<UInt8>) -> Bool { passes(kind: kind, payload: payload, depth: 0) }

    private func passes(kind: ValueKind, payload: ArraySlice<UInt8>, depth: Int) -> Bool {
        if kind == .array, depth < EventTest.maximumDepth, anyElementPasses(payload, depth: depth) { return true }
        switch test {
        case .exists: return true
        case .compare(let comparison, let operand): return EventTest.compare(kind, payload, comparison, operand)
        case .isAny(let operands): return operands.contains { EventTest.compare(kind, payload, .equal, $0) }
        case .contains(let needle): return kind == .string && TextSearch.contains(payload, needle)
        case .matches(let pattern, let anchored):
            return kind == .string && TextSearch.matches(payload, pattern, anchored: anchored)
        }
    }

    private static let maximumDepth = 64

    /// An array passes where one of its elements does: TraceQL's rule.
    private func anyElementPasses(_ payload: ArraySlice<UInt8>, depth: Int) -> Bool {
        guard case .array(let elements) = AttributeValue(kind: .array, bytes: payload) else { return false }
        return elements.contains { element in
            var bytes: [UInt8] = []
            element.encode(to: &bytes)
            return passes(kind: element.kind, payload: bytes[...], depth: depth + 1)
        }
    }

    private static func compare(_ a: Int64, _ comparison: EventPredicate.Comparison, _ b: Operand) -> Bool {
        if let integer = b.integer {
            switch comparison {
            case .equal: return a == integer
            case .notEqual: return a != integer
            case .less: return a < integer
            case .lessOrEqual: return a <= integer
            case .greater: return a > integer
            case .greaterOrEqual: return a >= integer
            }
        }
        guard b.kind == .double else { return comparison == .notEqual }
        return compare(Double(a), comparison, b.number)
    }

    private static func compare(_ a: Double, _ comparison: EventPredicate.Comparison, _ b: Double) -> Bool {
        switch comparison {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }

    private static func compare(
        _ kind: ValueKind, _ payload: ArraySlice<UInt8>, _ comparison: EventPredicate.Comparison, _ b: Operand
    ) -> Bool {
        switch kind {
        case .int:
            guard case .int(let number) = AttributeValue(kind: .int, bytes: payload) else { return false }
            return compare(number, comparison, b)
        case .double:
            guard b.isNumber, case .double(let number) = AttributeValue(kind: .double, bytes: payload) else {
                return comparison == .notEqual
            }
            return compare(number, comparison, b.number)
        case .string, .bytes, .bool:
            guard kind == b.kind else { return comparison == .notEqual }
            switch comparison {
            case .equal: return payload.elementsEqual(b.payload)
            case .notEqual: return !payload.elementsEqual(b.payload)
            case .less: return payload.lexicographicallyPrecedes(b.payload)
            case .lessOrEqual: return !b.payload.lexicographicallyPrecedes(payload)
            case .greater: return b.payload.lexicographicallyPrecedes(payload)
            case .greaterOrEqual: return !payload.lexicographicallyPrecedes(b.payload)
            }
        case .array, .map, .empty:
            let same = kind == b.kind && payload.elementsEqual(b.payload)
            switch comparison {
            case .equal: return same
            case .notEqual: return !same
            default: return false
            }
        }
    }

    /// The operands that a value must be equal to, where there are any.
    var wanted: [Operand]? {
        switch test {
        case .compare(.equal, let operand): [operand]
        case .isAny(let operands): operands
        default: nil
        }
    }

    /// What substring filters are asked: alternatives, of which a value that passes holds all the texts of one. nil where
    /// the test says nothing that they know.
    var neededTexts: [[[UInt8]]]? {
        switch test {
        case .contains(let needle): [[needle]]
        case .compare(.equal, let operand): operand.kind == .string ? [[operand.payload]] : []
        case .isAny(let operands): operands.filter { $0.kind == .string }.map { [$0.payload] }
        case .matches(let pattern, _): [TextSearch.requiredLiterals(pattern)]
        default: nil
        }
    }

    /// Whether a number within the bounds may pass.
    func mayPass(bounds: ClosedRange<Int64>) -> Bool {
        switch test {
        case .exists: return true
        case .contains, .matches: return false
        case .isAny(let operands): return operands.contains { EventTest.mayPass(bounds, .equal, $0) }
        case .compare(let comparison, let operand): return EventTest.mayPass(bounds, comparison, operand)
        }
    }

    private static func mayPass(
        _ bounds: ClosedRange<Int64>, _ comparison: EventPredicate.Comparison, _ b: Operand
    ) -> Bool {
        switch comparison {
        case .equal:
            return compare(bounds.lowerBound, .lessOrEqual, b) && compare(bounds.upperBound, .greaterOrEqual, b)
        case .notEqual: return bounds.lowerBound != bounds.upperBound || compare(bounds.lowerBound, .notEqual, b)
        case .less, .lessOrEqual: return compare(bounds.lowerBound, comparison, b)
        case .greater, .greaterOrEqual: return compare(bounds.upperBound, comparison, b)
        }
    }
}

/// A predicate as a tree over numbered tests.
struct CompiledPredicate: Sendable {
    indirect enum Node: Sendable {
        case constant(Bool)
        case and([Node])
        case or([Node])
        case not(Node)
        case test(Int)
    }

    private(set) var tests: [EventTest] = []
    private(set) var root: Node = .constant(true)
    /// Only spans of these traces can pass.
    private(set) var traces: [TraceKey]?

    /// Deeper trees are cut off as "may pass": the evaluator checks again.
    private static let maximumDepth = 200

    init(_ predicate: EventPredicate) throws(StorageError) {
        root = try node(predicate, depth: 0)
        traces = wantedTraces(root)?.sorted()
    }

    private mutating func node(_ predicate: EventPredicate, depth: Int) throws(StorageError) -> Node {
        switch predicate {
        case .everything: return .constant(true)
        case .and(let parts), .or(let parts):
            guard depth < CompiledPredicate.maximumDepth else { throw tooDeep }
            var nodes: [Node] = []
            for part in parts { nodes.append(try node(part, depth: depth + 1)) }
            if case .and = predicate { return .and(nodes) }
            return .or(nodes)
        case .not(let part):
            guard depth < CompiledPredicate.maximumDepth else { throw tooDeep }
            return .not(try node(part, depth: depth + 1))
        case .exists(let column): return add(column, .exists)
        case .compare(let column, let comparison, let value):
            return add(column, .compare(comparison, EventTest.Operand(value)))
        case .isAny(let column, let values): return add(column, .isAny(values.map { EventTest.Operand($0) }))
        case .contains(let column, let needle): return add(column, .contains(needle))
        case .matches(let column, let pattern, let anchored):
            return add(column, .matches(try TextSearch.compile(pattern), anchored: anchored))
        }
    }

    private var tooDeep: StorageError {
        .unsupported("the condition is nested deeper than \(CompiledPredicate.maximumDepth) levels")
    }

    private mutating func add(_ column: String, _ test: EventTest.Test) -> Node {
        tests.append(EventTest(column: column, test: test))
        return .test(tests.count - 1)
    }

    private func wantedTraces(_ node: Node) -> Set<TraceKey>? {
        switch node {
        case .test(let i):
            guard tests[i].column == EventColumnName.traceID, let wanted = tests[i].wanted else { return nil }
            return Set(wanted.filter { $0.kind == .bytes }.map { TraceKey($0.payload) })
        case .and(let nodes):
            let sets = nodes.compactMap { wantedTraces($0) }
            return sets.min { $0.count < $1.count }
        case .or(let nodes):
            var all: Set<TraceKey> = []
            for node in nodes {
                guard let set = wantedTraces(node) else { return nil }
                all.formUnion(set)
            }
            return nodes.isEmpty ? nil : all
        case .constant, .not: return nil
        }
    }
}
