/// Where a pattern matched, as indices of the slice that was searched.
package struct PatternMatch: Hashable, Sendable {
    /// One for each group; nil for a group that took no part. The first is the whole match and never nil.
    package var groups: [Range<Int>?]

    package init(groups: [Range<Int>?]) {
        self.groups = groups
    }

    package var range: Range<Int> { groups.first.flatMap { $0 } ?? 0..<0 }

    package subscript(_ group: Int) -> Range<Int>? { groups.indices.contains(group) ? groups[group] : nil }
}

extension Pattern {
    /// The leftmost match; of those that begin there, the one a backtracking engine would find.
    package func firstMatch(in bytes: ArraySlice<UInt8>) -> PatternMatch? {
        guard isFound(in: bytes) else { return nil }
        return matches(in: bytes, limit: 1).first
    }

    package func firstMatch(in bytes: [UInt8]) -> PatternMatch? { firstMatch(in: bytes[...]) }

    /// The match that covers all of `bytes`, for its captures.
    package func wholeMatch(in bytes: ArraySlice<UInt8>) -> PatternMatch? {
        guard matchesWhole(bytes) else { return nil }
        return matches(in: bytes, limit: 1, isWhole: true).first
    }

    package func wholeMatch(in bytes: [UInt8]) -> PatternMatch? { wholeMatch(in: bytes[...]) }

    /// Matches from left to right that do not overlap. An empty match right after another one is left out, as in Go.
    package func allMatches(in bytes: ArraySlice<UInt8>, limit: Int = .max) -> [PatternMatch] {
        matches(in: bytes, limit: limit)
    }

    package func allMatches(in bytes: [UInt8], limit: Int = .max) -> [PatternMatch] {
        matches(in: bytes[...], limit: limit)
    }

    private func matches(in bytes: ArraySlice<UInt8>, limit: Int, isWhole: Bool = false) -> [PatternMatch] {
        let base = bytes.startIndex
        if storage.program.matchesReplacement, !ValidText.isValid(bytes.span) {
            let repaired = ValidText(repairing: bytes.span)
            return slots(in: repaired.bytes[...], limit: limit, isWhole).map { slots in
                PatternMatch(slots: slots.map { $0 < 0 ? $0 : repaired.origins[$0] }, base: base)
            }
        }
        return slots(in: bytes, limit: limit, isWhole).map { PatternMatch(slots: $0, base: base) }
    }

    private func slots(in bytes: ArraySlice<UInt8>, limit: Int, _ isWhole: Bool) -> [[Int]] {
        let borrowed = storage.borrowSimulation()
        defer { storage.giveBack(borrowed) }
        var result: [[Int]] = []
        var position = 0
        var lastEnd = -1
        unsafe bytes.withUnsafeBufferPointer { text in
            while position <= text.count, result.count < limit {
                guard let slots = unsafe borrowed.value.firstMatch(text, from: position, isWhole: isWhole) else {
                    break
                }
                let isEmptyHere = slots[1] == position
                if !(isEmptyHere && slots[0] == lastEnd) { result.append(slots) }
                lastEnd = slots[1]
                position = slots[1]
                if isEmptyHere {
                    position += 1
                    while position < text.count, unsafe text[position] & 0xc0 == 0x80 { position += 1 }
                }
            }
        }
        return result
    }
}

extension PatternMatch {
    init(slots: [Int], base: Int) {
        groups = []
        groups.reserveCapacity(slots.count / 2)
        for group in 0..<(slots.count / 2) {
            let low = slots[group * 2]
            let high = slots[group * 2 + 1]
            groups.append(low >= 0 && high >= low ? (base + low)..<(base + high) : nil)
        }
    }
}
