/// A parsed expression. Repetitions of single scalars under `(?i)` are classes already.
indirect enum Node: Sendable {
    case empty
    case literal([UInt32])
    case scalars(ScalarSet)
    case assertion(Assertion)
    case capture(Int, Node)
    /// `most` nil is unbounded.
    case repetition(Node, least: Int, most: Int?, isGreedy: Bool)
    case concatenation([Node])
    case alternation([Node])

    var canBeEmpty: Bool {
        switch self {
        case .empty, .assertion: true
        case .literal, .scalars: false
        case .capture(_, let inner): inner.canBeEmpty
        case .repetition(let inner, let least, _, _): least == 0 || inner.canBeEmpty
        case .concatenation(let parts): parts.allSatisfy(\.canBeEmpty)
        case .alternation(let branches): branches.contains(where: \.canBeEmpty)
        }
    }
}

enum Assertion: UInt8, Sendable {
    case beginText, endText, beginLine, endLine, wordBoundary, notWordBoundary
}
