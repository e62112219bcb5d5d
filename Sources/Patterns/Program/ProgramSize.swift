/// How many instructions a node becomes, counted before any is emitted: `(\pL{500}|\pN){500}` is refused at once.
struct ProgramSize {
    private var sets: [ScalarSet: Int] = [:]

    mutating func estimate(_ node: Node) -> Int {
        switch node {
        case .empty: return 0
        case .literal(let scalars): return scalars.count
        case .scalars(let set): return estimate(set)
        case .assertion: return 1
        case .capture(_, let inner): return estimate(inner) &+ 2
        case .repetition(let inner, let least, let most, _):
            let copies = max(1, most ?? least)
            let (product, overflows) = (estimate(inner) + 1).multipliedReportingOverflow(by: copies)
            return overflows ? Compiler.maximumInstructions + 1 : product
        case .concatenation(let parts): return sum(parts)
        // Literals share their beginnings: the trie is counted as it grows.
        case .alternation(let branches):
            return sum(branches.filter { if case .literal = $0 { false } else { true } })
        }
    }

    private mutating func sum(_ nodes: [Node]) -> Int {
        var total = 0
        for node in nodes where total <= Compiler.maximumInstructions { total += estimate(node) }
        return total
    }

    private mutating func estimate(_ set: ScalarSet) -> Int {
        if let known = sets[set] { return known }
        // Half of the ranges share their tails.
        let size = UTF8Ranges.sequences(set).count / 2 + 1
        sets[set] = size
        return size
    }
}
