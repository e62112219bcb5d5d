/// Finds where an expression matches, with captures: leftmost, then the alternative that comes first, as RE2 and Go.
/// Small texts are searched by backtracking that never tries a (instruction, position) pair twice, larger ones by
/// Pike's simulation. Both take time linear in the text.
struct Simulation: Sendable {
    /// Bits of the backtracker's memory of what it has tried.
    private static let backtrackLimit = 1 << 18

    private let program: Program
    private var slots: [Int]

    // Backtracking
    private var visited: [UInt64] = []
    private var jobs: [Job] = []

    // Pike
    private var spareLists = (ThreadList(), ThreadList())
    private var stack: [(counter: Int32, value: Int)] = []

    init(_ program: Program) {
        self.program = program
        slots = [Int](repeating: -1, count: program.slotCount)
    }

    /// Slots of the first match that begins at `start` or later; nil if there is none. Assertions see the text before
    /// `start`.
    @unsafe
    mutating func firstMatch(_ text: UnsafeBufferPointer<UInt8>, from start: Int, isWhole: Bool) -> [Int]? {
        let length = text.count - start + 1
        if length <= Simulation.backtrackLimit / program.instructions.count {
            return unsafe backtrack(text, from: start, isWhole: isWhole)
        }
        return unsafe simulate(text, from: start, isWhole: isWhole)
    }

    @unsafe @inline(__always)
    private static func around(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Surroundings {
        unsafe Surroundings(
            before: position > 0 ? text[position - 1] : nil, after: position < text.count ? text[position] : nil)
    }

    @unsafe @inline(__always)
    private static func isInsideScalar(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Bool {
        unsafe position < text.count && text[position] & 0xc0 == 0x80
    }

    // MARK: Backtracking

    @unsafe
    private mutating func backtrack(_ text: UnsafeBufferPointer<UInt8>, from start: Int, isWhole: Bool) -> [Int]? {
        let columns = text.count - start + 1
        let words = (columns * program.instructions.count + 63) / 64
        // Taken out of self, so that nothing in the loops asks who else holds them.
        var visited: [UInt64] = []
        swap(&visited, &self.visited)
        defer { swap(&visited, &self.visited) }
        if visited.count < words { visited = [UInt64](repeating: 0, count: words) }
        var jobs: [Job] = []
        swap(&jobs, &self.jobs)
        defer { swap(&jobs, &self.jobs) }
        var slots = slots
        let isAnchored = isWhole || program.isAnchoredAtStart
        let isFound = unsafe visited.withUnsafeMutableBufferPointer { visited in
            unsafe program.instructions.withUnsafeBufferPointer { instructions in
                unsafe program.sets.withUnsafeBufferPointer { sets in
                    unsafe visited[..<words].update(repeating: 0)
                    let tried = unsafe Tried(bits: visited, start: start, columns: columns)
                    let code = unsafe Code(instructions: instructions, sets: sets, start: program.start)
                    var position = start
                    while position <= text.count {
                        if !isAnchored {
                            guard let candidate = unsafe program.candidate(text, from: position) else { return false }
                            position = candidate
                        }
                        if unsafe !Simulation.isInsideScalar(text, position),
                            unsafe Simulation.tryAt(position, text, code, tried, isWhole, &jobs, &slots)
                        {
                            return true
                        }
                        if isAnchored { return false }
                        position += 1
                    }
                    return false
                }
            }
        }
        return isFound ? slots : nil
    }

    /// A way not taken yet, or (below zero) the complement of a slot and what it held before.
    private typealias Job = (counter: Int32, position: Int)

    @unsafe
    private struct Code {
        let instructions: UnsafeBufferPointer<Program.Instruction>
        let sets: UnsafeBufferPointer<ByteSet>
        let start: Int32
    }

    /// Which (instruction, position) pairs have been tried: what failed once fails again.
    @unsafe
    private struct Tried {
        let bits: UnsafeMutableBufferPointer<UInt64>
        let start: Int
        let columns: Int

        /// False the second time.
        @inline(__always)
        func insert(_ counter: Int, _ position: Int) -> Bool {
            let bit = unsafe counter &* columns &+ (position &- start)
            let mask: UInt64 = 1 &<< UInt64(bit & 63)
            guard unsafe bits[bit >> 6] & mask == 0 else { return false }
            unsafe bits[bit >> 6] |= mask
            return true
        }
    }

    @unsafe
    private static func tryAt(
        _ origin: Int, _ text: UnsafeBufferPointer<UInt8>, _ code: Code, _ tried: Tried, _ isWhole: Bool,
        _ jobs: inout [Job], _ slots: inout [Int]
    ) -> Bool {
        for slot in slots.indices { slots[slot] = -1 }
        jobs.removeAll(keepingCapacity: true)
        unsafe jobs.append((code.start, origin))
        while let job = jobs.popLast() {
            if job.counter < 0 {
                slots[Int(~job.counter)] = job.position
                continue
            }
            var counter = Int(job.counter)
            var position = job.position
            while unsafe tried.insert(counter, position) {
                let instruction = unsafe code.instructions[counter]
                var goesOn = true
                switch instruction.operation {
                case .match:
                    if !isWhole || position == text.count { return true }
                    goesOn = false
                case .fail: goesOn = false
                case .split: jobs.append((instruction.index, position))
                case .capture:
                    let slot = Int(instruction.index)
                    jobs.append((~instruction.index, slots[slot]))
                    slots[slot] = position
                case .assertion: goesOn = unsafe around(text, position).holds(instruction.low)
                case .range:
                    goesOn =
                        unsafe position < text.count
                        && text[position] &- instruction.low <= instruction.high &- instruction.low
                    position &+= 1
                case .set:
                    goesOn =
                        unsafe position < text.count
                        && code.sets[Int(instruction.index)].contains(text[position])
                    position &+= 1
                }
                guard goesOn else { break }
                counter = Int(instruction.out)
            }
        }
        return false
    }

    @inline(__always)
    private func accepts(_ instruction: Program.Instruction, _ byte: UInt8) -> Bool {
        instruction.operation == .range
            ? byte >= instruction.low && byte <= instruction.high
            : program.sets[Int(instruction.index)].contains(byte)
    }

    // MARK: Pike

    struct ThreadList: Sendable {
        var counters: [Int32] = []
        /// `slotCount` for each thread.
        var slots: [Int] = []
        /// The generation in which an instruction was last added.
        var marks: [Int] = []
    }

    @unsafe
    private mutating func simulate(_ text: UnsafeBufferPointer<UInt8>, from start: Int, isWhole: Bool) -> [Int]? {
        let slotCount = program.slotCount
        var (current, next) = spareLists
        spareLists = (ThreadList(), ThreadList())
        defer { spareLists = (current, next) }
        current.marks = [Int](repeating: -1, count: program.instructions.count)
        next.marks = current.marks
        current.counters.removeAll(keepingCapacity: true)
        current.slots.removeAll(keepingCapacity: true)
        var best: [Int]?
        var position = start
        while true {
            let isAnchored = isWhole || program.isAnchoredAtStart
            if best == nil, !isAnchored, current.counters.isEmpty {
                guard let candidate = unsafe program.candidate(text, from: position) else { break }
                position = candidate
            }
            let mayStart = best == nil && (position == start || !isAnchored)
            if mayStart, unsafe !Simulation.isInsideScalar(text, position) {
                for slot in slots.indices { slots[slot] = -1 }
                unsafe add(program.start, position, text, to: &current)
            }
            if current.counters.isEmpty, best != nil || isAnchored { break }
            next.counters.removeAll(keepingCapacity: true)
            next.slots.removeAll(keepingCapacity: true)
            for index in current.counters.indices {
                let instruction = program.instructions[Int(current.counters[index])]
                if instruction.operation == .match {
                    guard !isWhole || position == text.count else { continue }
                    best = Array(current.slots[(index * slotCount)..<((index + 1) * slotCount)])
                    // Threads behind this one have lower priority.
                    break
                }
                guard position < text.count, unsafe accepts(instruction, text[position]) else { continue }
                for slot in 0..<slotCount { slots[slot] = current.slots[index * slotCount + slot] }
                unsafe add(instruction.out, position + 1, text, to: &next)
            }
            swap(&current, &next)
            position += 1
            if position > text.count { break }
        }
        return best
    }

    /// Adds what is reachable from `counter` without reading a byte, in order of priority.
    @unsafe
    private mutating func add(
        _ counter: Int32, _ position: Int, _ text: UnsafeBufferPointer<UInt8>, to list: inout ThreadList
    ) {
        stack.removeAll(keepingCapacity: true)
        stack.append((counter, 0))
        while let (entry, value) = stack.popLast() {
            if entry < 0 {
                slots[Int(~entry)] = value
                continue
            }
            guard list.marks[Int(entry)] != position else { continue }
            list.marks[Int(entry)] = position
            let instruction = program.instructions[Int(entry)]
            switch instruction.operation {
            case .split:
                stack.append((instruction.index, 0))
                stack.append((instruction.out, 0))
            case .capture:
                let slot = Int(instruction.index)
                stack.append((~instruction.index, slots[slot]))
                slots[slot] = position
                stack.append((instruction.out, 0))
            case .assertion:
                if unsafe Simulation.around(text, position).holds(instruction.low) {
                    stack.append((instruction.out, 0))
                }
            case .range, .set, .match:
                list.counters.append(entry)
                list.slots.append(contentsOf: slots)
            case .fail: break
            }
        }
    }
}
