import Telemetry

/// Collects the labels of one series as bytes and writes them in `LabelSet`'s canonical form; reused for the next series.
struct LabelBuilder {
    private struct Entry {
        var name: Range<Int>
        var value: Range<Int>
    }

    private(set) var arena: [UInt8] = []
    private var entries: [Entry] = []
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
        var unique = true
        var order = Array(entries.indices)
        let names = entries
        let bytes = arena
        order.sort { a, b in
            if bytes[names[a].name].lexicographicallyPrecedes(bytes[names[b].name]) { return true }
            if bytes[names[b].name].lexicographicallyPrecedes(bytes[names[a].name]) { return false }
            return a < b
        }
        canonical.removeAll(keepingCapacity: true)
        var previous: Int?
        for (position, index) in order.enumerated() {
            if let previous, bytes[names[previous].name] == bytes[names[index].name] { unique = false }
            previous = index
            let next = position + 1 < order.count ? order[position + 1] : nil
            // Of two labels with one name the last wins, as in `LabelSet`.
            if let next, bytes[names[next].name] == bytes[names[index].name] { continue }
            if names[index].value.isEmpty { continue }
            appendField(bytes[names[index].name])
            appendField(bytes[names[index].value])
        }
        return unique
    }

    var labelSet: LabelSet { LabelSet(canonical: canonical) }

    private mutating func appendField(_ field: ArraySlice<UInt8>) {
        var length = UInt64(field.count)
        while length >= 0x80 {
            canonical.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        canonical.append(UInt8(truncatingIfNeeded: length))
        canonical.append(contentsOf: field)
    }
}
