/// Node to program, back to front: each node is compiled for the instruction that follows it.
struct Compiler {
    static let maximumInstructions = 1 << 18

    private var instructions: [Program.Instruction] = []
    private var sets: [ByteSet] = []
    private var setIndex: [ByteSet: Int32] = [:]
    private var sequencesOf: [ScalarSet: [UTF8Ranges.Sequence]] = [:]
    private var hasLineAssertions = false
    private var hasWordAssertions = false
    private var hasAssertions = false
    private var matchesReplacement = false

    private struct TooLarge: Error {}

    /// nil where the program would be too large.
    static func compile(_ node: Node, captureCount: Int) -> Program? {
        var compiler = Compiler()
        var size = ProgramSize()
        guard size.estimate(node) <= maximumInstructions else { return nil }
        do throws(TooLarge) {
            let match = try compiler.emit(.init(operation: .match))
            // An empty match has its place between scalars: bytes that are not UTF-8 count as one each.
            compiler.matchesReplacement = node.canBeEmpty
            let start = try compiler.compile(.capture(0, node), match)
            let firstBytes = compiler.firstBytes(start)
            return Program(
                instructions: compiler.instructions, sets: compiler.sets, start: start, slotCount: captureCount * 2,
                hasLineAssertions: compiler.hasLineAssertions, hasWordAssertions: compiler.hasWordAssertions,
                hasAssertions: compiler.hasAssertions, isAnchoredAtStart: isAnchored(node),
                matchesReplacement: compiler.matchesReplacement, prefix: Literals.prefix(node),
                firstBytes: firstBytes, fewFirstBytes: firstBytes?.few)
        } catch {
            return nil
        }
    }

    private static func isAnchored(_ node: Node) -> Bool {
        switch node {
        case .assertion(.beginText): true
        case .capture(_, let inner): isAnchored(inner)
        case .concatenation(let parts): parts.first.map(isAnchored) ?? false
        case .alternation(let branches): branches.allSatisfy(isAnchored)
        case .repetition(let inner, let least, _, _): least > 0 && isAnchored(inner)
        case .empty, .literal, .scalars, .assertion: false
        }
    }

    private func firstBytes(_ start: Int32) -> ByteSet? {
        var bytes = ByteSet()
        var seen = [Bool](repeating: false, count: instructions.count)
        var stack = [start]
        while let counter = stack.popLast() {
            guard !seen[Int(counter)] else { continue }
            seen[Int(counter)] = true
            let instruction = instructions[Int(counter)]
            switch instruction.operation {
            case .range: bytes.insert(instruction.low...instruction.high)
            case .set: bytes.formUnion(sets[Int(instruction.index)])
            case .split: stack += [instruction.out, instruction.index]
            case .capture, .assertion: stack.append(instruction.out)
            case .match: return nil
            case .fail: break
            }
        }
        return bytes
    }

    private mutating func emit(_ instruction: Program.Instruction) throws(TooLarge) -> Int32 {
        guard instructions.count < Compiler.maximumInstructions else { throw TooLarge() }
        instructions.append(instruction)
        return Int32(instructions.count - 1)
    }

    private mutating func split(_ first: Int32, _ second: Int32, isGreedy: Bool) throws(TooLarge) -> Int32 {
        try emit(.init(operation: .split, out: isGreedy ? first : second, index: isGreedy ? second : first))
    }

    private mutating func compile(_ node: Node, _ next: Int32) throws(TooLarge) -> Int32 {
        switch node {
        case .empty:
            return next
        case .literal(let scalars):
            var follower = next
            for scalar in scalars.reversed() {
                if scalar == 0xfffd { matchesReplacement = true }
                for byte in UTF8Ranges.encode(scalar).reversed() {
                    follower = try emit(.init(operation: .range, low: byte, high: byte, out: follower))
                }
            }
            return follower
        case .scalars(let set):
            return try compile(set, next)
        case .assertion(let assertion):
            hasAssertions = true
            switch assertion {
            case .beginLine, .endLine: hasLineAssertions = true
            case .wordBoundary: hasWordAssertions = true
            case .notWordBoundary:
                hasWordAssertions = true
                // It holds between bytes that are not UTF-8, each of which counts as a scalar.
                matchesReplacement = true
            case .beginText, .endText: break
            }
            return try emit(.init(operation: .assertion, low: assertion.rawValue, out: next))
        case .capture(let number, let inner):
            let close = try emit(.init(operation: .capture, out: next, index: Int32(number * 2 + 1)))
            let body = try compile(inner, close)
            return try emit(.init(operation: .capture, out: body, index: Int32(number * 2)))
        case .concatenation(let parts):
            var follower = next
            for part in parts.reversed() { follower = try compile(part, follower) }
            return follower
        case .alternation(let branches):
            return try compile(alternation: branches, next)
        case .repetition(let inner, let least, let most, let isGreedy):
            return try compile(repeating: inner, least, most, isGreedy, next)
        }
    }

    private mutating func compile(alternation branches: [Node], _ next: Int32) throws(TooLarge) -> Int32 {
        var starts: [Int32] = []
        var index = 0
        while index < branches.count {
            var trie = LiteralTrie()
            var end = index
            while end < branches.count, case .literal(let scalars) = branches[end] {
                if scalars.contains(0xfffd) { matchesReplacement = true }
                trie.insert(scalars.flatMap(UTF8Ranges.encode))
                guard trie.nodes.count <= Compiler.maximumInstructions else { throw TooLarge() }
                end += 1
            }
            if end - index > 1 {
                starts.append(try compile(trie, next))
                index = end
            } else {
                starts.append(try compile(branches[index], next))
                index += 1
            }
        }
        return try choice(starts)
    }

    /// The first that leads to a match, in this order.
    private mutating func choice(_ starts: [Int32]) throws(TooLarge) -> Int32 {
        guard var result = starts.last else { return try emit(.init(operation: .fail)) }
        for start in starts.dropLast().reversed() { result = try split(start, result, isGreedy: true) }
        return result
    }

    private mutating func compile(_ trie: LiteralTrie, _ next: Int32) throws(TooLarge) -> Int32 {
        var starts = [Int32](repeating: next, count: trie.nodes.count)
        for node in trie.nodes.indices.reversed() {
            var ways: [Int32] = []
            for entry in trie.nodes[node] {
                switch entry {
                case .end: ways.append(next)
                case .child(let byte, let child):
                    ways.append(try emit(.init(operation: .range, low: byte, high: byte, out: starts[child])))
                }
            }
            starts[node] = try choice(ways)
        }
        return starts[0]
    }

    /// Whether nothing but the end of captures is between here and a match.
    private func leadsToMatch(_ start: Int32) -> Bool {
        var counter = start
        while instructions[Int(counter)].operation == .capture { counter = instructions[Int(counter)].out }
        return instructions[Int(counter)].operation == .match
    }

    private mutating func compile(
        repeating inner: Node, _ least: Int, _ most: Int?, _ isGreedy: Bool, _ next: Int32
    ) throws(TooLarge) -> Int32 {
        var follower = next
        var copies = least
        var isUniversal = false
        if case .scalars(.all) = inner, most == nil { isUniversal = leadsToMatch(next) }
        if let most {
            // x{0,3} is (x(x(x)?)?)?
            for _ in 0..<max(0, most - least) {
                let body = try compile(inner, follower)
                follower = try split(body, next, isGreedy: isGreedy)
            }
        } else if least == 0, !inner.canBeEmpty {
            let loop = try emit(.init(operation: .split))
            let body = try compile(inner, loop)
            setSplit(loop, body, next, isGreedy)
            if isUniversal { instructions[Int(loop)].low = Program.universal }
            return loop
        } else {
            // x* of an x that may be empty is (x+)?, so that the empty way through x is tried (as in Go since 1.17).
            let loop = try emit(.init(operation: .split))
            let body = try compile(inner, loop)
            setSplit(loop, body, next, isGreedy)
            if isUniversal { instructions[Int(loop)].low = Program.universal }
            follower = least == 0 ? try split(body, next, isGreedy: isGreedy) : body
            copies -= 1
        }
        for _ in 0..<max(0, copies) { follower = try compile(inner, follower) }
        return follower
    }

    private mutating func setSplit(_ split: Int32, _ body: Int32, _ next: Int32, _ isGreedy: Bool) {
        instructions[Int(split)].out = isGreedy ? body : next
        instructions[Int(split)].index = isGreedy ? next : body
    }

    /// Shares the tails of sequences, and joins all first bytes with the same tail into one instruction.
    private mutating func compile(_ set: ScalarSet, _ next: Int32) throws(TooLarge) -> Int32 {
        if set.contains(0xfffd) { matchesReplacement = true }
        struct Tail: Hashable {
            var low: UInt8
            var high: UInt8
            var out: Int32
        }
        var tails: [Tail: Int32] = [:]
        var heads: [(out: Int32, bytes: ByteSet)] = []
        var headOf: [Int32: Int] = [:]
        let sequences = sequencesOf[set] ?? UTF8Ranges.sequences(set)
        if set.ranges.count > 8 { sequencesOf[set] = sequences }
        for sequence in sequences {
            var follower = next
            for range in sequence.dropFirst().reversed() {
                let tail = Tail(low: range.lowerBound, high: range.upperBound, out: follower)
                if let known = tails[tail] {
                    follower = known
                } else {
                    follower = try emit(.init(operation: .range, low: tail.low, high: tail.high, out: tail.out))
                    tails[tail] = follower
                }
            }
            let head = headOf[follower] ?? heads.count
            if head == heads.count {
                headOf[follower] = head
                heads.append((follower, ByteSet()))
            }
            heads[head].bytes.insert(sequence[0])
        }
        var result: Int32?
        for head in heads.reversed() {
            let one: Int32
            if let range = head.bytes.singleRange {
                one = try emit(.init(operation: .range, low: range.lowerBound, high: range.upperBound, out: head.out))
            } else {
                one = try emit(.init(operation: .set, out: head.out, index: index(of: head.bytes)))
            }
            result = if let result { try split(one, result, isGreedy: true) } else { one }
        }
        if let result { return result }
        return try emit(.init(operation: .fail))
    }

    private mutating func index(of set: ByteSet) -> Int32 {
        if let known = setIndex[set] { return known }
        let index = Int32(sets.count)
        sets.append(set)
        setIndex[set] = index
        return index
    }
}
