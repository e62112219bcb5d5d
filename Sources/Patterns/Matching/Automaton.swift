/// A deterministic automaton that is built from the program while it reads, and thrown away and begun anew when it
/// has grown to its budget (RE2's design). Where it is thrown away sooner than it pays, the sets of instructions are
/// followed without keeping them. Answers only yes or no.
struct Automaton: Sendable {
    enum Question: Sendable {
        /// Does the expression match the whole text?
        case whole
        /// Does it match anywhere?
        case anywhere
    }

    static let budget = 2 << 20
    private static let unknown: Int32 = -1
    private static let no: Int32 = -2
    private static let yes: Int32 = -3
    /// Back where no match has begun: a search may pass over what no match begins with.
    private static let idle: Int32 = -4
    /// A state that was read with fewer bytes than this was not worth building.
    private static let worthwhile = 10
    /// After so many bytes without states, building is tried again: the next texts may be of another kind.
    private static let retryAfter = 4 << 20

    /// What came before, as far as an assertion may ask.
    private enum Context: Int32 {
        case begin, newline, word, other

        var byte: UInt8? {
            switch self {
            case .begin: nil
            case .newline: 0x0a
            case .word: 0x61
            case .other: 0x20
            }
        }
    }

    private let program: Program
    private let question: Question
    /// Bytes that no instruction tells apart share a class. The class after the last is the end of the text.
    private let classes: [UInt8]
    private let representatives: [UInt8]
    private let stride: Int
    /// Row of state `s` begins at `s`: numbers are multiplied by the stride already.
    private var transitions: [Int32] = []
    /// Context, then sorted program counters.
    private var members: [[Int32]] = []
    private var numbers: [[Int32]: Int32] = [:]
    private var memory = 0
    private var first: Int32 = 0
    /// The state without instructions, where `idle` leads.
    private var idleState: Int32 = 0
    private let skips: Bool
    private var bytesSinceReset = 0
    /// Bytes to be read before states are built again; 0 while they are.
    private var bytesToRetry = 0
    private var marks: [UInt32]
    private var generation: UInt32 = 0
    private var stack: [Int32] = []

    /// - Parameter findsIdle: whether the state without instructions is told apart even where nothing is passed over.
    init(_ program: Program, _ question: Question, findsIdle: Bool = false) {
        self.program = program
        self.question = question
        (classes, representatives) = Automaton.byteClasses(program)
        stride = representatives.count + 1
        marks = [UInt32](repeating: 0, count: program.instructions.count)
        skips =
            question == .anywhere && (findsIdle || program.hasCandidates) && !program.hasAssertions
            && !program.isAnchoredAtStart
        reset()
    }

    private static func byteClasses(_ program: Program) -> (classes: [UInt8], representatives: [UInt8]) {
        var starts = [Bool](repeating: false, count: 257)
        starts[0] = true
        func cut(_ low: UInt8, _ high: UInt8) {
            starts[Int(low)] = true
            starts[Int(high) + 1] = true
        }
        for instruction in program.instructions where instruction.operation == .range {
            cut(instruction.low, instruction.high)
        }
        for set in program.sets {
            for byte in 1...255 where set.contains(UInt8(byte)) != set.contains(UInt8(byte - 1)) { starts[byte] = true }
        }
        if program.hasLineAssertions { cut(0x0a, 0x0a) }
        if program.hasWordAssertions {
            // `\B` holds inside a scalar, but no match begins there.
            cut(0x80, 0xbf)
            for range in NamedClasses.word.ranges { cut(UInt8(range.lowerBound), UInt8(range.upperBound)) }
        }
        var classes: [UInt8] = []
        var representatives: [UInt8] = []
        for byte in 0...255 {
            if starts[byte] { representatives.append(UInt8(byte)) }
            classes.append(UInt8(representatives.count - 1))
        }
        return (classes, representatives)
    }

    private mutating func reset() {
        transitions.removeAll(keepingCapacity: true)
        members.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        memory = 0
        bytesSinceReset = 0
        resets &+= 1
        first = number(start)
        idleState = skips ? first : Automaton.unknown
    }

    private var start: [Int32] {
        let context: Context = program.hasAssertions ? .begin : .other
        return [context.rawValue] + (question == .whole ? [program.start] : [])
    }

    private mutating func number(_ members: [Int32]) -> Int32 {
        if let known = numbers[members] { return known }
        let number = Int32(transitions.count)
        transitions.append(contentsOf: repeatElement(Automaton.unknown, count: stride))
        self.members.append(members)
        numbers[members] = number
        memory += stride * 4 + members.count * 8 + 96
        return number
    }

    mutating func matches(_ text: Span<UInt8>) -> Bool {
        unsafe text.withUnsafeBufferPointer { unsafe matches($0) }
    }

    @unsafe
    mutating func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytesToRetry == 0 else { return unsafe follow(text, from: 0, start) }
        var state = first
        var position = 0
        var counted = 0
        while true {
            if state == idleState {
                guard let candidate = unsafe program.candidate(text, from: position) else { return false }
                position = candidate
            }
            // Runs over known transitions without touching anything else.
            var special = Automaton.unknown
            unsafe classes.withUnsafeBufferPointer { classes in
                unsafe transitions.withUnsafeBufferPointer { transitions in
                    while position < text.count {
                        let next = unsafe transitions[Int(state) &+ Int(classes[Int(text[position])])]
                        if next < 0 {
                            special = next
                            return
                        }
                        state = next
                        position &+= 1
                    }
                    special = unsafe transitions[Int(state) &+ stride &- 1]
                }
            }
            if special == Automaton.unknown {
                let column = unsafe position < text.count ? Int(classes[Int(text[position])]) : stride - 1
                bytesSinceReset &+= position &- counted
                counted = position
                switch step(state, column) {
                case .to(let next): special = next
                case .gaveUp(let members): return unsafe follow(text, from: position + 1, members)
                }
            }
            if special >= 0 {
                state = special
                position &+= 1
            } else if special == Automaton.idle {
                state = idleState
                position &+= 1
            } else {
                bytesSinceReset &+= position &- counted
                return special == Automaton.yes
            }
        }
    }

    /// Whether a text that is read from the idle state leads back to it, and holds no match on its way.
    mutating func staysIdle(_ text: Span<UInt8>) -> Bool {
        guard bytesToRetry == 0 else {
            bytesToRetry = max(0, bytesToRetry - text.count - 1)
            return false
        }
        let end = walk(idleState, over: text)
        return end == idleState || end == Automaton.no
    }

    /// The state behind the bytes, `yes` or `no` where that is decided before, ``lost`` where states are not built any
    /// more.
    @inline(__always)
    private mutating func walk(_ from: Int32, over text: Span<UInt8>) -> Int32 {
        var state = from
        for position in 0..<text.count {
            let column = Int(classes[Int(text[position])])
            var next = transitions[Int(state) + column]
            if next == Automaton.unknown {
                bytesSinceReset &+= 1
                guard case .to(let made) = step(state, column) else { return Automaton.lost }
                next = made
            }
            if next == Automaton.idle {
                state = idleState
            } else if next >= 0 {
                state = next
            } else {
                return next
            }
        }
        return state
    }

    // MARK: Texts in pieces

    /// A state to go on from; states are good until ``resets`` changes.
    var idle: Int32 { idleState }
    private(set) var resets = 0

    static let found: Int32 = yes
    static let lost: Int32 = -5

    /// Goes on from a state: the state behind the bytes, ``found``, or ``lost`` where states are not built any more.
    mutating func advance(_ from: Int32, over text: Span<UInt8>) -> Int32 {
        guard bytesToRetry == 0 else { return Automaton.lost }
        let before = resets
        let end = walk(from, over: text)
        if end >= 0 { return resets == before ? end : Automaton.lost }
        return end == Automaton.yes ? Automaton.found : Automaton.lost
    }

    /// Whether a text that ends in a state matches.
    mutating func matchesAtEnd(of state: Int32) -> Bool? {
        guard bytesToRetry == 0 else { return nil }
        let known = transitions[Int(state) + stride - 1]
        if known != Automaton.unknown { return known == Automaton.yes }
        guard case .to(let answer) = step(state, stride - 1) else { return nil }
        return answer == Automaton.yes
    }

    private enum Step {
        case to(Int32)
        /// The states take more building than they are worth; these are the members of the next one.
        case gaveUp([Int32])
    }

    /// Follows the byte class `column` from `state`, and remembers where it leads.
    private mutating func step(_ state: Int32, _ column: Int) -> Step {
        var targets: [Int32] = []
        let answer = advance(members[Int(state) / stride], column, into: &targets)
        var result = answer
        if answer == Automaton.unknown {
            targets.sort()
            let next = members(after: representatives[column], targets)
            if memory > Automaton.budget {
                let isWorthwhile = bytesSinceReset / Automaton.worthwhile >= members.count
                reset()
                guard isWorthwhile else {
                    bytesToRetry = Automaton.retryAfter
                    return .gaveUp(next)
                }
                return .to(number(next))
            }
            result = skips && next.count == 1 ? Automaton.idle : number(next)
        }
        transitions[Int(state) + column] = result
        return .to(result)
    }

    /// Yes, no, or unknown: then `targets` are the instructions after the byte.
    private mutating func advance(_ from: [Int32], _ column: Int, into targets: inout [Int32]) -> Int32 {
        let isEnd = column == stride - 1
        let byte = isEnd ? nil : representatives[column]
        let context = Context(rawValue: from[0]) ?? .other
        let around = Surroundings(before: context.byte, after: byte)
        generation &+= 1
        if generation == 0 {
            for index in marks.indices { marks[index] = 0 }
            generation = 1
        }
        stack.removeAll(keepingCapacity: true)
        stack.append(contentsOf: from.dropFirst())
        if question == .anywhere, context == .begin || !program.isAnchoredAtStart, !isInsideScalar(byte) {
            stack.append(program.start)
        }
        var isMatch = false
        while let counter = stack.popLast() {
            guard marks[Int(counter)] != generation else { continue }
            marks[Int(counter)] = generation
            let instruction = program.instructions[Int(counter)]
            switch instruction.operation {
            case .split:
                if instruction.low == Program.universal { return Automaton.yes }
                stack.append(instruction.index)
                stack.append(instruction.out)
            case .capture: stack.append(instruction.out)
            case .assertion: if around.holds(instruction.low) { stack.append(instruction.out) }
            case .match: isMatch = true
            case .fail: break
            case .range:
                if let byte, byte >= instruction.low, byte <= instruction.high { targets.append(instruction.out) }
            case .set:
                if let byte, program.sets[Int(instruction.index)].contains(byte) { targets.append(instruction.out) }
            }
        }
        if isMatch, isEnd || question == .anywhere { return Automaton.yes }
        let goesOn = !targets.isEmpty || (question == .anywhere && !program.isAnchoredAtStart)
        return !isEnd && goesOn ? Automaton.unknown : Automaton.no
    }

    private func isInsideScalar(_ byte: UInt8?) -> Bool {
        guard program.hasWordAssertions, let byte else { return false }
        return byte & 0xc0 == 0x80
    }

    /// Reads the rest of the text without building states: slower for each byte, and no memory.
    @unsafe
    private mutating func follow(_ text: UnsafeBufferPointer<UInt8>, from start: Int, _ members: [Int32]) -> Bool {
        bytesToRetry = max(0, bytesToRetry - (text.count - start) - 1)
        var members = members
        var targets: [Int32] = []
        var position = start
        while true {
            let column = unsafe position < text.count ? Int(classes[Int(text[position])]) : stride - 1
            targets.removeAll(keepingCapacity: true)
            let answer = advance(members, column, into: &targets)
            guard answer == Automaton.unknown else { return answer == Automaton.yes }
            members.removeAll(keepingCapacity: true)
            members.append(context(after: representatives[column]).rawValue)
            members.append(contentsOf: targets)
            position += 1
        }
    }

    private func context(after byte: UInt8) -> Context {
        if program.hasLineAssertions, byte == 0x0a { return .newline }
        if program.hasWordAssertions, Surroundings.isWord(byte) { return .word }
        return .other
    }

    private func members(after byte: UInt8, _ targets: [Int32]) -> [Int32] {
        var result = [context(after: byte).rawValue]
        for target in targets where result.count == 1 || result.last != target { result.append(target) }
        return result
    }
}
