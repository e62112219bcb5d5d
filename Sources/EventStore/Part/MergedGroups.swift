import Storage

/// The groups of several parts in the order of their keys, each once, without holding more than a segment of each part.
struct MergedGroups {
    private struct Cursor {
        let part: SealedPart
        let segments: Int
        var segment = -1
        var keys: [GroupKey] = []
        var extents: [GroupExtent] = []
        var at = 0

        /// False at the end.
        mutating func load() throws(StorageError) -> Bool {
            while at >= keys.count {
                segment += 1
                guard segment < segments else { return false }
                let decoded = try part.segment(segment)
                keys = (0..<decoded.count).map { decoded.key($0) }
                extents = try part.extents(segment)
                at = 0
            }
            return true
        }
    }

    struct Group {
        var key: GroupKey
        /// The parts that have it.
        var sources: [Int]
        var bytes: Int
    }

    private var cursors: [Cursor]
    private var live: [Int]

    init(_ parts: [SealedPart]) throws(StorageError) {
        cursors = []
        live = []
        for (number, part) in parts.enumerated() {
            var cursor = Cursor(part: part, segments: try part.footer.segments.count)
            if try cursor.load() { live.append(number) }
            cursors.append(cursor)
        }
    }

    mutating func next() throws(StorageError) -> Group? {
        guard let first = live.first else { return nil }
        var least = cursors[first].keys[cursors[first].at]
        for i in live.dropFirst() where cursors[i].keys[cursors[i].at] < least {
            least = cursors[i].keys[cursors[i].at]
        }
        var group = Group(key: least, sources: [], bytes: 0)
        for i in live where cursors[i].keys[cursors[i].at] == least {
            group.sources.append(i)
            group.bytes += cursors[i].extents[cursors[i].at].bytes
            cursors[i].at += 1
            if try !cursors[i].load() { live.removeAll { $0 == i } }
        }
        return group
    }
}
