import Telemetry

/// Collects the labels of one series as bytes and writes them in `LabelSet`'s canonical form; reused for the next
/// series.
struct LabelBuilder {
    private struct Entry {
        var name: Range<Int>
        var value: Range<Int>
    }

    /// Up to here insertion is the faster sort, all the more as labels mostly come sorted.
    private static let fewLabels = 48

    private(set) var arena: [UInt8] = []
    private var entries: [Entry] = []
    private var order: [Int] = []
    /// The canonical bytes after ``finish()``.
    private(set) var canonical: [UInt8] = []

    var isEmpty: Bool { entries.isEmpty }

    mutating func removeAll() {
        arena.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    /// A point to come back to: what was added after it can be dropped, what came before is kept.
    struct Mark {
        fileprivate var bytes: Int
        fileprivate var entries: Int
    }

    var mark: Mark { Mark(bytes: arena.count, entries: entries.count) }

    /// ``finish()`` leaves the collected labels in their order, so it may lie between the mark and this.
    mutating func rewind(to mark: Mark) {
        arena.removeLast(arena.count - mark.bytes)
        entries.removeLast(entries.count - mark.entries)
    }

    mutating func append(name: some Collection<UInt8>, value: some Collection<UInt8>) {
        let start = arena.count
        arena.append(contentsOf: name)
        let middle = arena.count
        arena.append(contentsOf: value)
        entries.append(Entry(name: start..<middle, value: middle..<arena.count))
    }

    mutating func append(_ name: String, _ value: String) { append(name: name.utf8, value: value.utf8) }

    /// Broken UTF-8 is replaced.
    mutating func append(_ bytes: [UInt8], name: Range<Int>, value: Range<Int>) {
        let start = arena.count
        UTF8Text.append(bytes, name, to: &arena)
        let middle = arena.count
        UTF8Text.append(bytes, value, to: &arena)
        entries.append(Entry(name: start..<middle, value: middle..<arena.count))
    }

    /// Sorts and writes ``canonical``. False where a name stands twice (the last one is kept).
    mutating func finish() -> Bool {
        sortEntries()
        var unique = true
        canonical.removeAll(keepingCapacity: true)
        for position in order.indices {
            let entry = entries[order[position]]
            // Of two labels with one name the last wins, as in `LabelSet`.
            if position + 1 < order.count, compare(entry.name, entries[order[position + 1]].name) == 0 {
                unique = false
                continue
            }
            if entry.value.isEmpty { continue }
            appendField(entry.name)
            appendField(entry.value)
        }
        return unique
    }

    /// Fills `order`; equal names keep their order.
    private mutating func sortEntries() {
        order.removeAll(keepingCapacity: true)
        guard entries.count <= LabelBuilder.fewLabels else {
            order = entries.indices.sorted { a, b in
                let difference = compare(entries[a].name, entries[b].name)
                return difference == 0 ? a < b : difference < 0
            }
            return
        }
        for index in entries.indices {
            var place = order.count
            while place > 0, compare(entries[index].name, entries[order[place - 1]].name) < 0 { place -= 1 }
            order.insert(index, at: place)
        }
    }

    /// Negative, zero or positive as by bytes.
    private func compare(_ a: Range<Int>, _ b: Range<Int>) -> Int {
        for offset in 0..<min(a.count, b.count) {
            let difference = Int(arena[a.lowerBound + offset]) - Int(arena[b.lowerBound + offset])
            if difference != 0 { return difference }
        }
        return a.count - b.count
    }

    var labelSet: LabelSet { LabelSet(canonical: canonical) }

    private mutating func appendField(_ field: Range<Int>) {
        var length = UInt64(field.count)
        while length >= 0x80 {
            canonical.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        canonical.append(UInt8(truncatingIfNeeded: length))
        UTF8Text.copy(arena, field, to: &canonical)
    }
}
