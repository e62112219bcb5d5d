import Codecs
internal import Storage
import Synchronization
internal import Telemetry

/// Numbers for the label sets that queries meet, over all parts and the head: what is matched, grouped and brought
/// together are numbers, and text is only spelled out for an answer.
///
/// It is a cache. Each distinct label stands in it once; when it has grown too large a new one takes its place, and
/// queries that began with the old one end with it.
final class SeriesDictionary: Sendable {
    fileprivate struct State {
        /// Canonical bytes of all labels, one after the other.
        var arena: [UInt8] = []
        /// Label `n` is `arena[labelEnds[n - 1]..<labelEnds[n]]`.
        var labelEnds: [UInt32] = []
        /// How many bytes of it are the name with its length.
        var nameLengths: [UInt32] = []
        /// The number of the label's name.
        var nameOf: [UInt32] = []
        var labelHashes: [UInt64] = []
        var labelTable = SeriesTable()
        var names: [[UInt8]: UInt32] = [:]
        /// Labels of series `n` are `members[seriesEnds[n - 1]..<seriesEnds[n]]`.
        var members: [UInt32] = []
        var seriesEnds: [UInt32] = []
        var seriesHashes: [UInt64] = []
        var seriesTable = SeriesTable()
        /// By slot of the head: the slot's version and the series, 0 for what is not known.
        var slots: [(version: UInt32, series: UInt32)] = []
    }

    private let state = Mutex(State())
    static let none = UInt32.max

    var count: Int { state.withLock { $0.seriesEnds.count } }

    /// Bytes held, about.
    var byteCount: Int {
        state.withLock { state in
            state.arena.capacity + state.labelEnds.capacity * 20 + state.labelTable.byteCount
                + state.members.capacity * 4 + state.seriesEnds.capacity * 12 + state.seriesTable.byteCount
                + state.slots.capacity * 8
        }
    }

    // MARK: Numbers

    /// Numbers of the label sets `bytes[ends[n - 1]..<ends[n]]`, all canonical.
    func numbers(of bytes: [UInt8], ends: [Int]) -> [UInt32] {
        state.withLock { state in
            var start = 0
            var numbers: [UInt32] = []
            numbers.reserveCapacity(ends.count)
            for end in ends {
                numbers.append(state.number(of: bytes, start..<end))
                start = end
            }
            return numbers
        }
    }

    /// Numbers of the series in the head's slots. The registry's lock is held by the caller.
    func numbers(ofSlots slots: [UInt32], _ registry: borrowing SeriesRegistry) -> [UInt32] {
        let count = registry.slotCount
        var unknown: [Int] = []
        var numbers = [UInt32](repeating: 0, count: slots.count)
        state.withLock { state in
            while state.slots.count < count { state.slots.append((0, 0)) }
            for (place, slot) in slots.enumerated() {
                let known = state.slots[Int(slot)]
                if known.version != 0, known.version == registry.version(slot) {
                    numbers[place] = known.series
                } else {
                    unknown.append(place)
                }
            }
        }
        guard !unknown.isEmpty else { return numbers }
        let labels = unknown.map { registry.labels(of: slots[$0]).bytes }
        let versions = unknown.map { registry.version(slots[$0]) }
        state.withLock { state in
            for (index, place) in unknown.enumerated() {
                let number = state.number(of: labels[index], 0..<labels[index].count)
                numbers[place] = number
                state.slots[Int(slots[place])] = (versions[index], number)
            }
        }
        return numbers
    }

    // MARK: Matching

    /// Verdicts on series, each label looked at once for each matcher.
    struct Verdicts {
        fileprivate var tests: [Test]
        fileprivate struct Test {
            let matcher: CompiledMatcher
            var name: UInt32?
            /// By label: 0 not known, 1 no match, 2 match.
            var known: [UInt8] = []
        }

        init(_ matchers: [CompiledMatcher]) { tests = matchers.map { Test(matcher: $0) } }
    }

    /// Whether each of the series matches.
    func matches(_ series: [UInt32], _ verdicts: inout Verdicts) -> [Bool] {
        state.withLock { state in
            for at in verdicts.tests.indices {
                verdicts.tests[at].name = state.names[Array(verdicts.tests[at].matcher.name.utf8)]
                let missing = state.labelEnds.count - verdicts.tests[at].known.count
                verdicts.tests[at].known += [UInt8](repeating: 0, count: missing)
            }
            var found = [Bool](repeating: true, count: series.count)
            for (place, number) in series.enumerated() {
                let range = state.range(ofSeries: number)
                for at in verdicts.tests.indices where found[place] {
                    found[place] = state.passes(range, &verdicts.tests[at])
                }
            }
            return found
        }
    }

    // MARK: Text

    func labels(of series: ArraySlice<UInt32>) -> [LabelSet] {
        state.withLock { state in series.map { state.labels(state.members[state.range(ofSeries: $0)]) } }
    }

    func groups(_ series: [UInt32], _ rule: SeriesGroupRule) -> SeriesGroups {
        state.withLock { state in
            let (names, keeps) =
                switch rule {
                case .keeping(let names): (names, true)
                case .dropping(let names): (names, false)
                }
            var isKept = [Bool](repeating: !keeps, count: state.names.count)
            for name in names { if let number = state.names[Array(name.utf8)] { isKept[Int(number)] = keeps } }
            var groups = SeriesGroups(numbers: [UInt32](repeating: 0, count: series.count))
            if series.isEmpty { return groups }
            if !isKept.contains(true) {
                groups.labels = [.empty]
                return groups
            }
            var table = SeriesTable()
            var hashes: [UInt64] = []
            var members: [UInt32] = []
            var ends: [Int] = []
            var key: [UInt32] = []
            for (place, number) in series.enumerated() {
                key.removeAll(keepingCapacity: true)
                var hash: UInt64 = 0
                for at in state.range(ofSeries: number) {
                    let label = state.members[at]
                    guard isKept[Int(state.nameOf[Int(label)])] else { continue }
                    key.append(label)
                    hash = Hash64.mix(hash ^ UInt64(label))
                }
                let known = table.find(hash) { group in
                    guard hashes[group] == hash else { return false }
                    let start = group > 0 ? ends[group - 1] : 0
                    guard ends[group] - start == key.count else { return false }
                    for index in key.indices where members[start + index] != key[index] { return false }
                    return true
                }
                if let known {
                    groups.numbers[place] = UInt32(truncatingIfNeeded: known)
                    continue
                }
                let group = ends.count
                hashes.append(hash)
                members += key
                ends.append(members.count)
                table.insert(hash, slot: group) { hashes[$0] }
                groups.numbers[place] = UInt32(truncatingIfNeeded: group)
            }
            var start = 0
            groups.labels.reserveCapacity(ends.count)
            for end in ends {
                groups.labels.append(state.labels(members[start..<end]))
                start = end
            }
            return groups
        }
    }
}

extension SeriesDictionary.State {
    func range(ofSeries number: UInt32) -> Range<Int> {
        let place = Int(number)
        return (place > 0 ? Int(seriesEnds[place - 1]) : 0)..<Int(seriesEnds[place])
    }

    func range(ofLabel number: UInt32) -> Range<Int> {
        let place = Int(number)
        return (place > 0 ? Int(labelEnds[place - 1]) : 0)..<Int(labelEnds[place])
    }

    func labels(_ members: ArraySlice<UInt32>) -> LabelSet {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(members.reduce(0) { $0 + range(ofLabel: $1).count })
        for label in members { bytes.append(contentsOf: arena[range(ofLabel: label)]) }
        return LabelSet(canonical: bytes)
    }

    mutating func number(of bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        let hash = Hash64.hash(bytes[range])
        let known = seriesTable.find(hash) { seriesHashes[$0] == hash && isSame(UInt32($0), bytes, range) }
        if let known { return UInt32(truncatingIfNeeded: known) }
        var cursor = range.lowerBound
        while cursor < range.upperBound {
            let start = cursor
            let name = SeriesDictionary.field(bytes, &cursor, range.upperBound)
            _ = SeriesDictionary.field(bytes, &cursor, range.upperBound)
            members.append(label(bytes, start..<cursor, name: name))
        }
        seriesEnds.append(UInt32(truncatingIfNeeded: members.count))
        seriesHashes.append(hash)
        let number = seriesEnds.count - 1
        seriesTable.insert(hash, slot: number) { seriesHashes[$0] }
        return UInt32(truncatingIfNeeded: number)
    }

    private func isSame(_ number: UInt32, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        var place = range.lowerBound
        for at in self.range(ofSeries: number) {
            let label = self.range(ofLabel: members[at])
            guard place + label.count <= range.upperBound,
                arena.hasSameBytes(label, as: bytes, place..<place + label.count)
            else { return false }
            place += label.count
        }
        return place == range.upperBound
    }

    private mutating func label(_ bytes: [UInt8], _ range: Range<Int>, name: Range<Int>) -> UInt32 {
        let hash = Hash64.hash(bytes[range])
        let known = labelTable.find(hash) {
            labelHashes[$0] == hash && arena.hasSameBytes(self.range(ofLabel: UInt32($0)), as: bytes, range)
        }
        if let known { return UInt32(truncatingIfNeeded: known) }
        arena.append(contentsOf: bytes[range])
        labelEnds.append(UInt32(truncatingIfNeeded: arena.count))
        nameLengths.append(UInt32(truncatingIfNeeded: name.upperBound - range.lowerBound))
        let text = Array(bytes[name])
        let nameNumber = names[text] ?? UInt32(truncatingIfNeeded: names.count)
        names[text] = nameNumber
        nameOf.append(nameNumber)
        labelHashes.append(hash)
        let number = labelEnds.count - 1
        labelTable.insert(hash, slot: number) { labelHashes[$0] }
        return UInt32(truncatingIfNeeded: number)
    }

    func passes(_ range: Range<Int>, _ test: inout SeriesDictionary.Verdicts.Test) -> Bool {
        guard let name = test.name else { return test.matcher.matchesEmpty }
        for at in range where nameOf[Int(members[at])] == name {
            let label = members[at]
            if test.known[Int(label)] == 0 {
                var cursor = self.range(ofLabel: label).lowerBound + Int(nameLengths[Int(label)])
                let value = SeriesDictionary.field(arena, &cursor, self.range(ofLabel: label).upperBound)
                test.known[Int(label)] = test.matcher.matches(value: arena[value]) ? 2 : 1
            }
            return test.known[Int(label)] == 2
        }
        return test.matcher.matchesEmpty
    }
}

extension SeriesDictionary {
    /// Where the text of the field at `cursor` is, which moves behind it. The bytes are canonical; what is not ends at
    /// `end`.
    fileprivate static func field(_ bytes: [UInt8], _ cursor: inout Int, _ end: Int) -> Range<Int> {
        var length = 0
        var shift = 0
        while cursor < end {
            let byte = bytes[cursor]
            cursor += 1
            length |= Int(byte & 0x7f) &<< shift
            if byte < 0x80 { break }
            shift += 7
            if shift > 28 { break }
        }
        let start = cursor
        cursor = min(end, start &+ length)
        return start..<cursor
    }
}
