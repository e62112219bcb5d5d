/// A deterministic automaton that is built from the program while it reads, and thrown away and begun anew when it
/// has grown to its budget (RE2's design). Answers only yes or no.
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
    private var marks: [UInt32]
    private var generation: UInt32 = 0
    private var stack: [Int32] = []

    init(_ program: Program, _ question: Question) {
        self.program = program
        self.question = question
        (classes, representatives) = Automaton.byteClasses(program)
        stride = representatives.count + 1
        marks = [UInt32](repeating: 0, count: program.instructions.count)
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
        let context: Context = program.hasAssertions ? .begin : .other
        first = number([context.rawValue] + (question == .whole ? [program.start] : []))
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
        var state = first
        var position = 0
        while true {
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
                special = step(state, column)
                if special >= 0 {
                    state = special
                    position &+= 1
                    continue
                }
            }
            return special == Automaton.yes
        }
    }

    /// Follows the byte class `column` from `state`, and remembers where it leads.
    private mutating func step(_ state: Int32, _ column: Int) -> Int32 {
        let isEnd = column == stride - 1
        let byte = isEnd ? nil : representatives[column]
        let from = members[Int(state) / stride]
        let context = Context(rawValue: from[0]) ?? .other
        let around = Surroundings(before: context.byte, after: byte)
        generation &+= 1
        if generation == 0 {
            for index in marks.indices { marks[index] = 0 }
            generation = 1
        }
        stack.removeAll(keepingCapacity: true)
        stack.append(contentsOf: from.dropFirst())
        if question == .anywhere, context == .begin || !program.isAnchoredAtStart { stack.append(program.start) }
        var targets: [Int32] = []
        var isMatch = false
        while let counter = stack.popLast() {
            guard marks[Int(counter)] != generation else { continue }
            marks[Int(counter)] = generation
            let instruction = program.instructions[Int(counter)]
            switch instruction.operation {
            case .split:
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
        var result = Automaton.no
        if isMatch, isEnd || question == .anywhere {
            result = Automaton.yes
        } else if let byte, !targets.isEmpty || (question == .anywhere && !program.isAnchoredAtStart) {
            let next = members(after: byte, targets)
            if memory > Automaton.budget {
                reset()
                return number(next)
            }
            result = number(next)
        }
        transitions[Int(state) + column] = result
        return result
    }

    private func members(after byte: UInt8, _ targets: [Int32]) -> [Int32] {
        var context = Context.other
        if program.hasLineAssertions, byte == 0x0a { context = .newline }
        if program.hasWordAssertions, Surroundings.isWord(byte) { context = .word }
        var result = [context.rawValue]
        for target in targets.sorted() where result.count == 1 || result.last != target { result.append(target) }
        return result
    }
}
