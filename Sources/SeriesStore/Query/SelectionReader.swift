import Codecs
internal import Storage
internal import Telemetry

/// Reads the series of a selection one after the other. For one task.
final class SelectionReader: SeriesSampleReader {
    private let selection: EmbeddedSelection
    private var blocks: [BlockDecoder?]
    private var timelines = TimelineTable()
    /// Of the series that is read.
    private var key: [TimelineTable.Stretch] = []
    private var blocksRead = 0
    private var bytesRead = 0

    init(_ selection: EmbeddedSelection) {
        self.selection = selection
        blocks = [BlockDecoder?](repeating: nil, count: selection.parts.count)
    }

    deinit {
        let (blocksRead, bytesRead) = (blocksRead, bytesRead)
        selection.context.count {
            $0.blocksRead += blocksRead
            $0.bytesRead += bytesRead
        }
    }

    func read(_ series: Int, withoutValues: Bool, into buffer: SampleBuffer) throws {
        timelines.makeRoom()
        if withoutValues, try readTimes(series, buffer) { return }
        buffer.clear()
        buffer.mayHoldStaleMarkers = false
        key.removeAll(keepingCapacity: true)
        for place in selection.places(of: series) {
            let place = selection.places[place]
            let group = selection.groups[Int(place.group)]
            guard !group.blocks[Int(place.block)].isHistogram else { continue }
            let decoder = decoder(place.part)
            do {
                let stretch = stretch(place, group)
                // Before the values, so that a column that cannot be read leaves none behind.
                try timelines.prepare(stretch, decoder)
                if try decoder.decode(Int(place.block), of: group, into: buffer) { buffer.mayHoldStaleMarkers = true }
                key.append(stretch)
                count(group.blocks[Int(place.block)])
            } catch let error as StorageError {
                try leaveOut(error)
            }
        }
        try finish(series, buffer)
    }

    /// False where values are needed to tell stale markers.
    private func readTimes(_ series: Int, _ buffer: SampleBuffer) throws -> Bool {
        if !selection.headEntries.isEmpty, selection.headEntries[series] >= 0 { return false }
        buffer.clear()
        buffer.mayHoldStaleMarkers = false
        key.removeAll(keepingCapacity: true)
        for place in selection.places(of: series) {
            let place = selection.places[place]
            let group = selection.groups[Int(place.group)]
            guard !group.blocks[Int(place.block)].isHistogram else { continue }
            let decoder = decoder(place.part)
            do {
                let stretch = stretch(place, group)
                try timelines.prepare(stretch, decoder)
                if try decoder.mayHoldStaleMarkers(Int(place.block), of: group) { return false }
                key.append(stretch)
                count(group.blocks[Int(place.block)])
            } catch let error as StorageError {
                try leaveOut(error)
            }
        }
        guard TimelineTable.ascends(key) else { return false }
        timelines.find(key, into: buffer)
        return true
    }

    private func count(_ block: GroupIndex.Block) {
        blocksRead += 1
        bytesRead += Int(block.length)
    }

    private func leaveOut(_ error: StorageError) throws {
        guard case .corrupt = error else { throw error }
        selection.report(error.description)
    }

    private func decoder(_ part: UInt32) -> BlockDecoder {
        if let known = blocks[Int(part)] { return known }
        let made = BlockDecoder(selection.parts[Int(part)])
        blocks[Int(part)] = made
        return made
    }

    private func stretch(_ place: EmbeddedSelection.Place, _ group: GroupIndex) -> TimelineTable.Stretch {
        let column = group.columns[Int(group.blocks[Int(place.block)].column)]
        return TimelineTable.Stretch(
            part: column.length == 0 ? -1 : Int32(truncatingIfNeeded: place.part), offset: column.offset,
            length: column.length, count: column.count, first: column.first, last: column.last)
    }

    /// Adds what the head has, and brings into order what is not.
    private func finish(_ series: Int, _ buffer: SampleBuffer) throws {
        let entry = selection.headEntries.isEmpty ? -1 : Int(selection.headEntries[series])
        if entry < 0, TimelineTable.ascends(key) {
            timelines.find(key, into: buffer)
            return
        }
        var times = timelines.timestamps(of: key)
        if entry >= 0 {
            buffer.mayHoldStaleMarkers = true
            let head = selection.head.entries[entry]
            for run in head.runs {
                let run = selection.head.runs[run]
                let rows = run.rows(of: head.place)
                guard !rows.isEmpty else { continue }
                times += run.samples[rows].lazy.map(\.timestamp)
                unsafe buffer.extend(by: rows.count) { target in
                    for (index, row) in rows.enumerated() { unsafe target[index] = run.samples[row].value }
                }
            }
            times += selection.head.tailTimes[head.tail]
            unsafe buffer.extend(by: head.tail.count) { target in
                for (index, row) in head.tail.enumerated() { unsafe target[index] = selection.head.tailValues[row] }
            }
        }
        var ascends = true
        for index in 1..<max(times.count, 1) where times[index] <= times[index - 1] {
            ascends = false
            break
        }
        if ascends {
            timelines.find(times, into: buffer)
            return
        }
        var merge = SampleMerge()
        merge.add(timestamps: times, values: buffer.values, in: .all)
        let ordered = merge.finished(.empty)
        let stale = buffer.mayHoldStaleMarkers
        buffer.clear()
        buffer.append(values: ordered.values)
        buffer.mayHoldStaleMarkers = stale
        timelines.find(ordered.timestamps, into: buffer)
    }
}

/// Columns of timestamps, each known by a number: series of one target share theirs, and what is worked out for one of
/// them holds for all.
struct TimelineTable {
    /// A column of a part; `part` is −1 for one at a regular interval, which first, last and count say all of.
    struct Stretch: Hashable {
        var part: Int32
        var offset: Int
        var length: Int
        var count: Int
        var first: Int64
        var last: Int64

        static func == (a: Stretch, b: Stretch) -> Bool {
            a.first == b.first && a.last == b.last && a.count == b.count && a.part == b.part
                && (a.part < 0 || a.offset == b.offset)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(first)
            hasher.combine(part < 0 ? 0 : offset)
            hasher.combine(part)
        }

        /// The same for equal ones, and quick.
        var mixed: UInt64 {
            let place = UInt64(bitPattern: Int64(part)) &* 31 &+ (part < 0 ? 0 : UInt64(offset))
            return Hash64.mix(
                UInt64(bitPattern: first) ^ place &<< 20, seed: UInt64(bitPattern: last) ^ UInt64(count) &<< 48)
        }
    }

    private struct Timeline {
        var key: [Stretch]
        var timestamps: [Int64]
    }

    /// Numbers are not used twice; those below this one were forgotten.
    private var base = 0
    private var known: [Timeline] = []
    private var numbers: [UInt64: [Int]] = [:]
    private var held = 0
    /// Of stretches that are stored.
    private var columns: [Stretch: [Int64]] = [:]
    /// Timestamps that are kept.
    private static let limit = 1 << 18

    static func ascends(_ key: [Stretch]) -> Bool {
        for index in 1..<max(key.count, 1) where key[index].first <= key[index - 1].last { return false }
        return true
    }

    /// Reads the stretch where it is not at hand.
    mutating func prepare(_ stretch: Stretch, _ decoder: BlockDecoder) throws {
        guard stretch.part >= 0, columns[stretch] == nil else { return }
        columns[stretch] = try decoder.timestamps(stretch)
    }

    /// Between two series: what is prepared stays as long as one is read.
    mutating func makeRoom() {
        if columns.count >= 512 { columns = [:] }
    }

    func timestamps(of key: [Stretch]) -> [Int64] {
        var times: [Int64] = []
        times.reserveCapacity(key.reduce(0) { $0 + $1.count })
        for stretch in key {
            if stretch.part < 0 {
                let step = stretch.count > 1 ? (stretch.last &- stretch.first) / Int64(stretch.count - 1) : 0
                for index in 0..<stretch.count {
                    times.append(stretch.first &+ Int64(truncatingIfNeeded: index) &* step)
                }
            } else if let column = columns[stretch] {
                times += column
            }
        }
        return times
    }

    /// The timeline of an ascending key.
    mutating func find(_ key: [Stretch], into buffer: SampleBuffer) {
        guard !key.isEmpty else {
            buffer.timestamps = []
            return
        }
        var hash: UInt64 = 0
        for stretch in key { hash = Hash64.mix(hash ^ stretch.mixed) }
        for number in numbers[hash] ?? [] where known[number - base].key == key {
            buffer.timeline = number
            buffer.timestamps = known[number - base].timestamps
            return
        }
        add(key, timestamps(of: key), hash, buffer)
    }

    mutating func find(_ timestamps: [Int64], into buffer: SampleBuffer) {
        var hash: UInt64 = 1
        for time in timestamps { hash = (hash ^ UInt64(bitPattern: time)) &* 0x9e37_79b9_7f4a_7c15 }
        hash = Hash64.mix(hash ^ hash >> 29)
        for number in numbers[hash] ?? []
        where known[number - base].key.isEmpty && known[number - base].timestamps == timestamps {
            buffer.timeline = number
            buffer.timestamps = known[number - base].timestamps
            return
        }
        add([], timestamps, hash, buffer)
    }

    private mutating func add(_ key: [Stretch], _ timestamps: [Int64], _ hash: UInt64, _ buffer: SampleBuffer) {
        if held + timestamps.count > TimelineTable.limit {
            base += known.count
            known = []
            numbers = [:]
            held = 0
        }
        let number = base + known.count
        known.append(Timeline(key: key, timestamps: timestamps))
        numbers[hash, default: []].append(number)
        held += timestamps.count + 8
        buffer.timeline = number
        buffer.timestamps = timestamps
    }
}
