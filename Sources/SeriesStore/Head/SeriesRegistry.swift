import Codecs
internal import Storage
internal import Telemetry

/// The series of the head: from label sets and senders' keys to slots, and the inverted index over them.
///
/// A slot is a small number that stays while the series is in memory; it goes to another series only after ``keep(_:)``
/// freed it, which happens while nobody appends.
struct SeriesRegistry {
    private(set) var pairs = LabelPairTable()
    private var table = SeriesTable()
    private var keys = SeriesKeyTable()
    /// Pair numbers of all series, one run for each slot.
    private var pairArena: [UInt32] = []
    private var pairStart: [UInt32] = []
    private var pairCount: [UInt16] = []
    private var hashes: [UInt64] = []
    private var freeSlots: [UInt32] = []
    /// Moves when a slot gets another series.
    private var versions: [UInt32] = []
    private var lastVersion: UInt32 = 0
    private(set) var count = 0
    /// Moves when slots are freed: what was looked up before may belong to another series now.
    private(set) var epoch = 0

    /// Says of two moments whether the same series were there, in the same slots.
    struct Version: Equatable {
        fileprivate var epoch: Int
        fileprivate var last: UInt32
    }

    var version: Version { Version(epoch: epoch, last: lastVersion) }

    /// Slots ever used: all valid slots are below it.
    var slotCount: Int { hashes.count }

    /// 0 for a slot that is free; else another number for each series that the slot has been given to.
    func version(_ slot: UInt32) -> UInt32 { versions[Int(slot)] }

    // MARK: Looking up

    /// Slots of the keys, ``SeriesKeyTable/none`` where one is not known.
    func slots(of wanted: [SeriesKey], into slots: inout [UInt32]) { keys.find(wanted, into: &slots) }

    func slot(of key: SeriesKey) -> UInt32 { keys.find(key) }

    mutating func remember(_ key: SeriesKey, slot: UInt32) {
        if keys.find(key) == SeriesKeyTable.none { keys.insert(key, slot: slot) }
    }

    func slot(of labels: LabelSet, hash: UInt64) -> UInt32? {
        table.find(hash) { hashes[$0] == hash && isSame($0, labels.bytes) }.map { UInt32(truncatingIfNeeded: $0) }
    }

    private func numbers(_ slot: Int) -> ArraySlice<UInt32> {
        let start = Int(pairStart[slot])
        return pairArena[start..<start + Int(pairCount[slot])]
    }

    private func isSame(_ slot: Int, _ bytes: [UInt8]) -> Bool {
        var place = 0
        for number in numbers(slot) {
            let range = pairs.pairs[Int(number)].range
            guard pairs.arena.hasSameBytes(range, as: bytes, place..<place + range.count) else { return false }
            place += range.count
        }
        return place == bytes.count
    }

    func labels(of slot: UInt32) -> LabelSet {
        let start = Int(pairStart[Int(slot)])
        return LabelSet(canonical: pairs.bytes(of: pairArena.span.extracting(start..<start + Int(pairCount[Int(slot)]))))
    }

    /// Whether the first series comes before the second in the order of ``PartOrder``.
    func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
        let first = numbers(Int(a))
        let second = numbers(Int(b))
        var bounds: (UInt32?, UInt32?)
        var i = first.startIndex
        var j = second.startIndex
        while true {
            if i < first.endIndex, pairs.isBound(first[i]) {
                bounds.0 = first[i]
                i += 1
            } else if j < second.endIndex, pairs.isBound(second[j]) {
                bounds.1 = second[j]
                j += 1
            } else if i < first.endIndex, j < second.endIndex {
                let (one, other) = (first[i], second[j])
                if one != other {
                    let (name, otherName) = (pairs.name(one), pairs.name(other))
                    if !name.elementsEqual(otherName) { return name.lexicographicallyPrecedes(otherName) }
                    return pairs.value(one).lexicographicallyPrecedes(pairs.value(other))
                }
                i += 1
                j += 1
            } else if i < first.endIndex || j < second.endIndex {
                return j < second.endIndex
            } else {
                break
            }
        }
        let (bound, otherBound) = (pairs.bound(bounds.0), pairs.bound(bounds.1))
        if bound != otherBound { return bound < otherBound }
        return labels(of: a).bytes.lexicographicallyPrecedes(labels(of: b).bytes)
    }

    // MARK: Changing

    mutating func add(_ labels: LabelSet, hash: UInt64) -> UInt32 {
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = UInt32(truncatingIfNeeded: hashes.count)
            hashes.append(0)
            pairStart.append(0)
            pairCount.append(0)
            versions.append(0)
        }
        hashes[Int(slot)] = hash
        lastVersion &+= 1
        versions[Int(slot)] = lastVersion
        pairStart[Int(slot)] = UInt32(truncatingIfNeeded: pairArena.count)
        var start = 0
        var number = 0
        labels.forEachRange { name, value in
            let pair = pairs.intern(labels.bytes, start..<value.upperBound, name: name, value: value)
            pairs.post(pair, slot)
            pairArena.append(pair)
            start = value.upperBound
            number += 1
        }
        pairCount[Int(slot)] = UInt16(truncatingIfNeeded: number)
        table.insert(hash, slot: Int(slot)) { hashes[$0] }
        count += 1
        return slot
    }

    /// Forgets every series but those of `isAlive`, which says so for each slot.
    mutating func keep(_ isAlive: [Bool]) {
        let renumbered = pairs.keep(isAlive)
        keys.keep(isAlive)
        let wasFree = Set(freeSlots)
        var arena: [UInt32] = []
        arena.reserveCapacity(pairArena.count)
        table = SeriesTable()
        count = 0
        for slot in hashes.indices where !wasFree.contains(UInt32(truncatingIfNeeded: slot)) {
            guard isAlive[slot] else {
                freeSlots.append(UInt32(truncatingIfNeeded: slot))
                pairCount[slot] = 0
                versions[slot] = 0
                continue
            }
            let start = Int(pairStart[slot])
            pairStart[slot] = UInt32(truncatingIfNeeded: arena.count)
            for i in start..<start + Int(pairCount[slot]) { arena.append(renumbered[Int(pairArena[i])]) }
            table.insert(hashes[slot], slot: slot) { hashes[$0] }
            count += 1
        }
        pairArena = arena
        epoch += 1
    }

    // MARK: Selecting

    /// Slots of the series that match, in no order.
    func matching(_ matchers: [CompiledMatcher]) -> [UInt32] {
        var tests = matchers.map { PairTest($0, pairs) }
        guard var found = candidates(matchers) else {
            return allSlots.filter { slot in isMatch(slot, &tests) }
        }
        found.removeAll { !isMatch($0, &tests) }
        return found
    }

    private var allSlots: [UInt32] {
        let free = Set(freeSlots)
        return (0..<UInt32(truncatingIfNeeded: hashes.count)).filter { !free.contains($0) }
    }

    /// A matcher over label numbers: an expression runs once for each distinct value.
    private struct PairTest {
        let matcher: CompiledMatcher
        /// The only labels that match; nil where the verdict is not known before.
        let allowed: [UInt32]?
        var verdicts: [UInt32: Bool] = [:]
        let name: [UInt8]

        init(_ matcher: CompiledMatcher, _ pairs: LabelPairTable) {
            self.matcher = matcher
            name = Array(matcher.name.utf8)
            allowed =
                matcher.matchesEmpty
                ? nil : matcher.literals?.compactMap { pairs.find(name: matcher.name, value: $0) }
        }

        mutating func passes(_ numbers: ArraySlice<UInt32>, _ pairs: LabelPairTable) -> Bool {
            if let allowed { return numbers.contains { allowed.contains($0) } }
            for number in numbers {
                if let known = verdicts[number] { return known }
                guard pairs.name(number).elementsEqual(name) else { continue }
                let verdict = matcher.matches(value: pairs.value(number))
                verdicts[number] = verdict
                return verdict
            }
            return matcher.matchesEmpty
        }
    }

    private func isMatch(_ slot: UInt32, _ tests: inout [PairTest]) -> Bool {
        let numbers = numbers(Int(slot))
        for i in tests.indices where !tests[i].passes(numbers, pairs) { return false }
        return true
    }

    /// A superset of the answer, nil where the index does not narrow it.
    private func candidates(_ matchers: [CompiledMatcher]) -> [UInt32]? {
        var best: [UInt32]?
        for matcher in matchers where !matcher.matchesEmpty {
            guard let literals = matcher.literals else { continue }
            let found = literals.compactMap { pairs.find(name: matcher.name, value: $0) }
            let total = found.reduce(0) { $0 + pairs.pairs[Int($1)].postings.count }
            if total == 0 { return [] }
            if total < best?.count ?? .max { best = found.flatMap { pairs.pairs[Int($0)].postings } }
        }
        if let best { return best }
        for matcher in matchers where !matcher.matchesEmpty {
            guard let numbers = pairs.names[matcher.name] else { return [] }
            return numbers.filter { matcher.matches(value: pairs.value($0)) }
                .flatMap { pairs.pairs[Int($0)].postings }
        }
        return nil
    }

    /// Bytes held, about.
    var byteCount: Int {
        pairs.byteCount + table.byteCount + keys.byteCount + pairArena.capacity * 4 + hashes.capacity * 14
    }
}
