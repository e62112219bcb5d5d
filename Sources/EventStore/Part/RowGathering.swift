import Telemetry

/// Some rows of several sources, in the order of the block that they will be. Rows that follow one another in a source
/// too are one run, of which a column's bytes are copied at once.
struct RowGathering {
    /// Rows of one source that follow one another.
    private struct Run {
        var source: Int
        /// In the source.
        var first: Int
        /// In the block.
        var place: Int
        var count: Int
    }

    private(set) var sources: [RowSource] = []
    private var numberOfSource: [ObjectIdentifier: Int] = [:]
    private var runs: [Run] = []
    private var lastSource = -1
    private(set) var count = 0
    private(set) var bytes = 0

    mutating func add(_ source: RowSource, row: UInt32) {
        let row = Int(row)
        bytes += Int(source.sizes[row])
        defer { count += 1 }
        if lastSource >= 0, sources[lastSource] === source {
            let last = runs.count - 1
            if runs[last].first &+ runs[last].count == row {
                runs[last].count &+= 1
                return
            }
        } else if let known = numberOfSource[ObjectIdentifier(source)] {
            lastSource = known
        } else {
            lastSource = sources.count
            numberOfSource[ObjectIdentifier(source)] = lastSource
            sources.append(source)
        }
        runs.append(Run(source: lastSource, first: row, place: count, count: 1))
    }

    /// Column by column, so that a value costs a copy of its bytes and little else.
    var batch: EventBatch {
        var out = EventBatch()
        out.timestamps.reserveCapacity(count)
        out.sequences.reserveCapacity(count)
        out.groupOfRow.reserveCapacity(count)
        for run in runs {
            let source = sources[run.source]
            let rows = run.first..<run.first + run.count
            if run.count == 1 {
                out.timestamps.append(source.batch.timestamps[run.first])
                out.sequences.append(source.batch.sequences[run.first])
            } else {
                out.timestamps.append(contentsOf: source.batch.timestamps[rows])
                out.sequences.append(contentsOf: source.batch.sequences[rows])
            }
            let (groups, numbers) = (source.groups, source.batch.groupOfRow)
            for row in rows { out.groupOfRow.append(groups[Int(numbers[row])]) }
        }
        var runsOfSource = [[Int]](repeating: [], count: sources.count)
        for (number, run) in runs.enumerated() { runsOfSource[run.source].append(number) }
        var names: [String] = []
        var known: Set<String> = []
        for source in sources {
            for column in source.batch.columns where known.insert(column.name).inserted { names.append(column.name) }
        }
        for name in names {
            if let column = gather(name, runsOfSource) { out.addColumn(column) }
        }
        return out
    }

    /// The values of a run: in their source, and in the gathered column.
    private struct Piece {
        var first = 0
        var count = 0
        var firstByte = 0
        var bytes = 0
        var place = 0
        var placeOfBytes = 0
    }

    /// nil where no row has a value.
    private func gather(_ name: String, _ runsOfSource: [[Int]]) -> EventColumn? {
        let views = sources.map { source in source.columnOfName[name].map { source.batch.columns[$0] } }
        var pieces = [Piece](repeating: Piece(), count: runs.count)
        for (number, view) in views.enumerated() {
            guard let view else { continue }
            measure(view, isFull: view.count == sources[number].batch.rowCount, runsOfSource[number], &pieces)
        }
        var values = 0
        var size = 0
        for i in pieces.indices {
            pieces[i].place = values
            pieces[i].placeOfBytes = size
            values += pieces[i].count
            size += pieces[i].bytes
        }
        guard values > 0 else { return nil }
        var rows = [UInt32](repeating: 0, count: values)
        var kinds = [ValueKind](repeating: .empty, count: values)
        var ends = [UInt32](repeating: 0, count: values)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { target, count in
            for (number, view) in views.enumerated() {
                guard let view else { continue }
                copy(view, runsOfSource[number], pieces, &rows, &kinds, &ends)
                unsafe view.bytes.withUnsafeBufferPointer { source in
                    guard let from = source.baseAddress, let to = target.baseAddress else { return }
                    for run in runsOfSource[number] where pieces[run].bytes > 0 {
                        let piece = pieces[run]
                        precondition(piece.firstByte + piece.bytes <= source.count)
                        precondition(piece.placeOfBytes + piece.bytes <= target.count)
                        unsafe (to + piece.placeOfBytes).update(from: from + piece.firstByte, count: piece.bytes)
                    }
                }
            }
            count = size
        }
        return EventColumn(name: name, rows: rows, kinds: kinds, ends: ends, bytes: bytes)
    }

    /// Which values of the column the runs have.
    private func measure(_ view: EventColumn, isFull: Bool, _ numbers: [Int], _ pieces: inout [Piece]) {
        let rows = view.rows.span
        let ends = view.ends.span
        // Runs of a source mostly come in its own order.
        var cursor = 0
        for number in numbers {
            let run = runs[number]
            var first = run.first
            var end = run.first &+ run.count
            if !isFull {
                if cursor >= rows.count || Int(rows[cursor]) != first { cursor = RowGathering.index(rows, first) }
                first = cursor
                end = RowGathering.index(rows, end, from: first)
                cursor = end
            }
            guard end > first else { continue }
            pieces[number].first = first
            pieces[number].count = end &- first
            pieces[number].firstByte = first == 0 ? 0 : Int(ends[first &- 1])
            pieces[number].bytes = Int(ends[end &- 1]) &- pieces[number].firstByte
        }
    }

    /// All but the bytes.
    private func copy(
        _ view: EventColumn, _ numbers: [Int], _ pieces: [Piece], _ rows: inout [UInt32], _ kinds: inout [ValueKind],
        _ ends: inout [UInt32]
    ) {
        let sourceRows = view.rows.span
        let sourceKinds = view.kinds.span
        let sourceEnds = view.ends.span
        var targetRows = rows.mutableSpan
        var targetKinds = kinds.mutableSpan
        var targetEnds = ends.mutableSpan
        for number in numbers {
            let run = runs[number]
            let piece = pieces[number]
            let moved = UInt32(truncatingIfNeeded: piece.placeOfBytes &- piece.firstByte)
            let movedRow = UInt32(truncatingIfNeeded: run.place &- run.first)
            for i in 0..<piece.count {
                targetRows[piece.place &+ i] = sourceRows[piece.first &+ i] &+ movedRow
                targetKinds[piece.place &+ i] = sourceKinds[piece.first &+ i]
                targetEnds[piece.place &+ i] = sourceEnds[piece.first &+ i] &+ moved
            }
        }
    }

    /// The first value of a row that is not before this one.
    private static func index(_ rows: Span<UInt32>, _ row: Int, from start: Int = 0) -> Int {
        var low = start
        var high = rows.count
        // Near the start, mostly.
        var step = 1
        while low &+ step < high, Int(rows[low &+ step]) < row {
            low &+= step
            step &*= 2
        }
        high = min(high, low &+ step &+ 1)
        while low < high {
            let middle = (low &+ high) / 2
            if Int(rows[middle]) < row { low = middle &+ 1 } else { high = middle }
        }
        return low
    }
}
