/// Structural operators, each in one pass over the tree.
enum Structure {
    /// The indices of `right` that have (or, negated, have not) a partner in `left`; for a union, the partners of both
    /// sides. Ascending.
    static func apply(
        _ relation: Relation, _ form: SpansetOperator.Form, _ left: [Int], _ right: [Int], in trace: Trace
    ) -> [Int] {
        let found = related(relation, to: left, in: trace)
        switch form {
        case .plain: return right.filter { found[$0] }
        case .negated: return right.filter { !found[$0] }
        case .union:
            let back = related(inverse(relation), to: right, in: trace)
            var member = [Bool](repeating: false, count: trace.spans.count)
            for index in right where found[index] { member[index] = true }
            for index in left where back[index] { member[index] = true }
            return member.indices.filter { member[$0] }
        }
    }

    private static func inverse(_ relation: Relation) -> Relation {
        switch relation {
        case .child: .parent
        case .parent: .child
        case .descendant: .ancestor
        case .ancestor: .descendant
        case .sibling: .sibling
        }
    }

    /// For each span whether it is a child, descendant, … of one of `origins`.
    private static func related(_ relation: Relation, to origins: [Int], in trace: Trace) -> [Bool] {
        let tree = trace.tree
        var isOrigin = [Bool](repeating: false, count: trace.spans.count)
        for index in origins { isOrigin[index] = true }
        var found = [Bool](repeating: false, count: trace.spans.count)
        switch relation {
        case .child:
            for index in found.indices where tree.parent[index] != TraceTree.none {
                found[index] = isOrigin[tree.parent[index]]
            }
        case .descendant:
            for index in tree.depthFirst where tree.parent[index] != TraceTree.none {
                found[index] = isOrigin[tree.parent[index]] || found[tree.parent[index]]
            }
        case .parent:
            for index in origins where tree.parent[index] != TraceTree.none { found[tree.parent[index]] = true }
        case .ancestor:
            for index in tree.depthFirst.reversed() where tree.parent[index] != TraceTree.none {
                if isOrigin[index] || found[index] { found[tree.parent[index]] = true }
            }
        case .sibling: siblings(of: origins, isOrigin, trace, &found)
        }
        return found
    }

    /// Orphans of one missing parent are siblings; roots are not.
    private static func siblings(of origins: [Int], _ isOrigin: [Bool], _ trace: Trace, _ found: inout [Bool]) {
        enum Key: Hashable {
            case span(Int)
            case missing(SpanID)
        }
        func key(_ index: Int) -> Key? {
            let parent = trace.tree.parent[index]
            return parent == TraceTree.none ? trace.spans[index].parentID.map { .missing($0) } : .span(parent)
        }
        var counts: [Key: Int] = [:]
        for index in origins {
            if let key = key(index) { counts[key, default: 0] += 1 }
        }
        for index in found.indices {
            guard let key = key(index), let count = counts[key] else { continue }
            found[index] = count > (isOrigin[index] ? 1 : 0)
        }
    }
}
