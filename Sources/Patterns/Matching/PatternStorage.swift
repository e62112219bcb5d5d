import Synchronization

/// One reference to pass from pool to borrower and back, where the value would be a dozen.
///
/// Unchecked, because an instance is either in a pool, where a mutex guards it, or with the one call that took it out
/// of there: never both, and never two calls.
final class Borrowed<Value: Sendable>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) { self.value = value }
}

/// What all copies of a pattern share. The automata are borrowed for the length of a call, so that two tasks never
/// build the same one, and no lock is held while a text is read.
final class PatternStorage: Sendable {
    private static let pooled = 4

    let program: Program
    let captureNames: [String?]
    let literalSet: [String]?
    let requiredLiterals: [[UInt8]]
    var prefix: [UInt8] { program.prefix }
    let matchesEverything: Bool
    private let literals: LiteralTable?
    private let wholeShortcut: Shortcut?
    private let anywhereShortcut: Shortcut?
    /// The longest of the required literals: texts without it are turned away before the automaton reads them.
    let needle: [UInt8]
    private let wholePool = Mutex<[Borrowed<Automaton>]>([])
    private let anywherePool = Mutex<[Borrowed<Automaton>]>([])
    private let idlePool = Mutex<[Borrowed<Automaton>]>([])
    private let simulationPool = Mutex<[Borrowed<Simulation>]>([])

    init(_ node: Node, _ program: Program, _ captureNames: [String?]) {
        self.program = program
        self.captureNames = captureNames
        let set = Literals.finiteSet(Literals.withoutOuterAnchors(node))
        literalSet = set?.map { String(decoding: $0, as: UTF8.self) }
        literals = set.map(LiteralTable.init)
        let required = Literals.required(node).filter { !$0.isEmpty }
        requiredLiterals = required
        needle = required.max { $0.count < $1.count } ?? []
        wholeShortcut = Shortcut(node, .whole)
        anywhereShortcut = Shortcut(node, .anywhere)
        matchesEverything = Literals.isEverything(node)
    }

    func answer(_ question: Automaton.Question, _ text: Span<UInt8>) -> Bool {
        if let quick = quickAnswer(question, text) { return quick }
        let borrowed = borrow(question)
        defer { giveBack(question, borrowed) }
        return run(&borrowed.value, text)
    }

    /// nil where the automaton has to read the text.
    func quickAnswer(_ question: Automaton.Question, _ text: Span<UInt8>) -> Bool? {
        let shortcut = question == .whole ? wholeShortcut : anywhereShortcut
        if let shortcut, let result = shortcut.matches(text) { return result }
        if question == .whole, let literals { return literals.contains(text) }
        if needle.count > 1, ByteSearch.find(needle, in: text) == nil { return false }
        return nil
    }

    func run(_ automaton: inout Automaton, _ text: Span<UInt8>) -> Bool {
        if program.matchesReplacement, !ValidText.isValid(text) {
            return automaton.matches(ValidText(repairing: text).bytes.span)
        }
        return automaton.matches(text)
    }

    // MARK: Pools

    func borrow(_ question: Automaton.Question) -> Borrowed<Automaton> {
        let pooled =
            switch question {
            case .whole: wholePool.withLock { $0.popLast() }
            case .anywhere: anywherePool.withLock { $0.popLast() }
            }
        return pooled ?? Borrowed(Automaton(program, question))
    }

    func giveBack(_ question: Automaton.Question, _ automaton: Borrowed<Automaton>) {
        func put(_ pool: inout [Borrowed<Automaton>]) {
            if pool.count < PatternStorage.pooled { pool.append(automaton) }
        }
        switch question {
        case .whole: wholePool.withLock { put(&$0) }
        case .anywhere: anywherePool.withLock { put(&$0) }
        }
    }

    /// Of ``IdleScanner``.
    func borrowIdle() -> Borrowed<Automaton> {
        idlePool.withLock { $0.popLast() } ?? Borrowed(Automaton(program, .anywhere, findsIdle: true))
    }

    func giveBackIdle(_ automaton: Borrowed<Automaton>) {
        idlePool.withLock { pool in
            if pool.count < PatternStorage.pooled { pool.append(automaton) }
        }
    }

    func borrowSimulation() -> Borrowed<Simulation> {
        simulationPool.withLock { $0.popLast() } ?? Borrowed(Simulation(program))
    }

    func giveBack(_ simulation: Borrowed<Simulation>) {
        simulationPool.withLock { pool in
            if pool.count < PatternStorage.pooled { pool.append(simulation) }
        }
    }
}

extension Literals {
    /// Outer `^` and `$` add nothing to a whole match.
    static func withoutOuterAnchors(_ node: Node) -> Node {
        guard case .concatenation(var parts) = node else { return node }
        while case .assertion(.beginText)? = parts.first { parts.removeFirst() }
        while case .assertion(.endText)? = parts.last { parts.removeLast() }
        return Parser.concatenation(parts)
    }

    static func isEverything(_ node: Node) -> Bool {
        switch withoutOuterAnchors(node) {
        case .repetition(.scalars(let set), 0, nil, _): set == .all
        case .capture(_, let inner): isEverything(inner)
        default: false
        }
    }
}
