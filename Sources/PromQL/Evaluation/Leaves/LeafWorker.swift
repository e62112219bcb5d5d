internal import Storage
internal import Telemetry
internal import Vectors

/// Works on a run of series of a selection, one after the other, with memory that all of them use.
struct LeafWorker {
    private let leaf: Leaf
    private let setting: QuerySetting
    private let context: QueryContext
    private let reader: any SeriesSampleReader
    private let buffer = SampleBuffer()
    private var kernel: WindowKernel
    private var row: StepRow
    /// By number of the timeline less ``base``.
    private var tables: [WindowTable?] = []
    private var base = 0
    private var samples: [Int] = []
    /// Of the last table that has no number.
    private var charged = 0
    private var pendingSamples = 0
    /// Of these the points that stay.
    private var keptSamples = 0
    private var statistics = QueryStatistics()

    /// What a task gives back.
    struct Product: Sendable {
        var rows: [(series: Int, values: [Double], present: [Bool])] = []
        var groups: GroupAccumulator?
        /// Groups of names with floats in a window.
        var names: [Bool] = []
        /// Bytes charged for all this.
        var held = 0
    }

    init(_ leaf: Leaf, _ setting: QuerySetting, _ selection: any SeriesSelection, _ context: QueryContext) {
        self.leaf = leaf
        self.setting = setting
        self.context = context
        reader = selection.makeReader()
        kernel = WindowKernel(leaf, setting)
        row = StepRow(count: leaf.grid.count)
    }

    /// - Parameters:
    ///   - groups: by series, where the leaf is an aggregation.
    ///   - names: by series a group of names, where somebody wants to know whose windows have floats.
    mutating func run(
        _ range: Range<Int>, groups: [UInt32], groupCount: Int, names: [UInt32], nameCount: Int
    ) throws -> Product {
        var product = Product()
        product.names = [Bool](repeating: false, count: nameCount)
        if let fused = leaf.fused {
            product.groups = GroupAccumulator(fused.operation, groups: groupCount, steps: leaf.grid.count)
        }
        let withoutValues = !leaf.needsValues
        let begin = ContinuousClock.now
        do {
            try hold(leaf.grid.count * 9 + (product.groups?.byteCount ?? 0), &product)
            for number in range {
                if number & 63 == 0 { try settle() }
                // The clock is asked for one series in sixteen only: a look takes as long as some samples.
                if number & 15 == 0 {
                    let started = ContinuousClock.now
                    try reader.read(number, withoutValues: withoutValues, into: buffer)
                    statistics[.read] += (ContinuousClock.now - started) * min(16, range.upperBound - number)
                } else {
                    try reader.read(number, withoutValues: withoutValues, into: buffer)
                }
                guard !buffer.timestamps.isEmpty else { continue }
                let sawFloats = try evaluate()
                if sawFloats, !names.isEmpty { product.names[Int(names[number])] = true }
                guard row.found > 0 else { continue }
                if let before = product.groups?.byteCount {
                    product.groups?.add(row, to: Int(groups[number]))
                    let more = (product.groups?.byteCount ?? 0) - before
                    if more > 0 { try hold(more, &product) }
                } else {
                    try hold(leaf.grid.count * 9 + 160, &product)
                    product.rows.append((number, row.values, row.present))
                    keptSamples += row.found
                }
            }
            try settle()
        } catch {
            context.release(memory: product.held + charged)
            throw error
        }
        context.release(memory: charged)
        charged = 0
        statistics[.evaluate] = max(.zero, ContinuousClock.now - begin - statistics[.read])
        context.add(statistics)
        return product
    }

    private func hold(_ bytes: Int, _ product: inout Product) throws {
        product.held += bytes
        try context.charge(memory: bytes)
    }

    private mutating func settle() throws {
        try context.check()
        if pendingSamples > 0 {
            let (samples, kept) = (pendingSamples, keptSamples)
            (pendingSamples, keptSamples) = (0, 0)
            try context.charge(samples: samples)
            context.release(samples: samples - kept)
        }
    }

    /// Fills the row; true where a window had a float.
    private mutating func evaluate() throws -> Bool {
        row.clear()
        if buffer.mayHoldStaleMarkers, case .window = leaf.kernel, holdsStaleMarkers {
            // Ranges are without them, so that these series have times of their own.
            var timestamps: [Int64] = []
            var values: [Double] = []
            for (index, value) in buffer.values.enumerated() where !SpecialValue.isStaleMarker(value) {
                timestamps.append(buffer.timestamps[index])
                values.append(value)
            }
            let table = WindowTable(timestamps, leaf, setting)
            pendingSamples += values.count
            statistics.samplesQueried += table.total
            return unsafe values.withUnsafeBufferPointer { unsafe kernel.apply(timestamps, $0, table, into: &row) }
        }
        let (table, samples) = try table()
        let sawFloats = unsafe buffer.withValues { values in
            unsafe kernel.apply(
                buffer.timestamps, values, table, hidesStale: buffer.mayHoldStaleMarkers, into: &row)
        }
        if case .newest = leaf.kernel {
            pendingSamples += row.found
            statistics.samplesQueried += row.found
        } else {
            pendingSamples += samples
            statistics.samplesQueried += table.total
        }
        return sawFloats
    }

    private var holdsStaleMarkers: Bool {
        unsafe buffer.withValues { values in
            for at in 0..<values.count where unsafe SpecialValue.isStaleMarker(values[at]) { return true }
            return false
        }
    }

    /// The windows in the buffer's times, and how many samples are in the selection's span.
    private mutating func table() throws -> (WindowTable, Int) {
        let number = buffer.timeline
        if number >= base, number < base + tables.count, let known = tables[number - base] {
            return (known, samples[number - base])
        }
        let table = WindowTable(buffer.timestamps, leaf, setting)
        var count = 0
        for time in buffer.timestamps where time >= leaf.selection.first && time <= leaf.selection.last { count += 1 }
        guard number >= base else { return (table, count) }
        let bytes = leaf.grid.count * (table.rates == nil ? 8 : 40)
        if charged > 8 << 20 || number - base > 65_536 {
            context.release(memory: charged)
            charged = 0
            tables = []
            samples = []
            base = number
        }
        while tables.count <= number - base {
            tables.append(nil)
            samples.append(0)
        }
        charged += bytes
        try context.charge(memory: bytes)
        tables[number - base] = table
        samples[number - base] = count
        return (table, count)
    }
}
