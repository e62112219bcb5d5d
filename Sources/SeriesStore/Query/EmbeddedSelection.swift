internal import Storage
internal import Telemetry

/// Series of parts and head that a query found, by number; blocks are read when an evaluator comes to a series.
final class EmbeddedSelection: SeriesSelection {
    /// A block of a series.
    struct Place {
        var part: UInt32
        /// Of ``groups``.
        var group: UInt32
        var block: UInt32
    }

    let dictionary: SeriesDictionary
    let parts: [SeriesPart]
    let groups: [GroupIndex]
    /// Numbers of the dictionary.
    let series: [UInt32]
    let places: [Place]
    /// Places of series `n` are `places[placeEnds[n - 1]..<placeEnds[n]]`.
    let placeEnds: [UInt32]
    let head: HeadSnapshot
    /// By series its entry of ``head``, −1 for none; empty where the head has nothing.
    let headEntries: [Int32]
    let holdsHistograms: Bool
    let warnings: [String]
    let context: QueryContext
    let report: @Sendable (String) -> Void
    private let held: Int

    init(_ search: consuming SeriesSearch, _ context: QueryContext, report: @escaping @Sendable (String) -> Void) {
        dictionary = search.dictionary
        parts = search.parts
        groups = search.groups
        series = search.series
        head = search.head
        headEntries = search.headEntries
        holdsHistograms = search.holdsHistograms
        warnings = search.warnings
        held = search.held
        // A counting sort by series; places of one series stay in the order of the parts' ages.
        var ends = [UInt32](repeating: 0, count: search.series.count + 1)
        for place in search.places { ends[Int(place.series) + 1] &+= 1 }
        for at in 1..<ends.count { ends[at] &+= ends[at - 1] }
        var sorted = [Place](repeating: Place(part: 0, group: 0, block: 0), count: search.places.count)
        for place in search.places {
            sorted[Int(ends[Int(place.series)])] = place.place
            ends[Int(place.series)] &+= 1
        }
        ends.removeLast()
        places = sorted
        placeEnds = ends
        self.context = context
        self.report = report
    }

    deinit { context.release(memory: held) }

    var count: Int { series.count }

    func labels(of range: Range<Int>) -> [LabelSet] { dictionary.labels(of: series[range]) }
    func groups(_ rule: SeriesGroupRule) -> SeriesGroups { dictionary.groups(series, rule) }
    func makeReader() -> any SeriesSampleReader { SelectionReader(self) }

    func places(of number: Int) -> Range<Int> {
        (number > 0 ? Int(placeEnds[number - 1]) : 0)..<Int(placeEnds[number])
    }
}

/// What is found step by step: first the head, then part after part.
struct SeriesSearch {
    let dictionary: SeriesDictionary
    let parts: [SeriesPart]
    var groups: [GroupIndex] = []
    var series: [UInt32] = []
    var places: [(series: UInt32, place: EmbeddedSelection.Place)] = []
    var head = HeadSnapshot()
    var headEntries: [Int32] = []
    var holdsHistograms = false
    var warnings: [String] = []
    var held = 0
    var statistics = QueryStatistics()

    private let plan: SeriesScanPlan
    private let matchers: [CompiledMatcher]
    private var verdicts: SeriesDictionary.Verdicts
    private var placeOf = PlaceTable()
    private let context: QueryContext

    init(
        _ plan: SeriesScanPlan, _ matchers: [CompiledMatcher], _ dictionary: SeriesDictionary, _ parts: [SeriesPart],
        _ context: QueryContext
    ) {
        self.plan = plan
        self.matchers = matchers
        self.dictionary = dictionary
        self.parts = parts
        self.context = context
        verdicts = SeriesDictionary.Verdicts(matchers)
    }

    mutating func charge(_ bytes: Int) throws {
        held += bytes
        try context.charge(memory: bytes)
    }

    private mutating func makeRoom(for more: Int) throws { try charge(placeOf.makeRoom(dictionary.count, for: more)) }

    mutating func add(_ number: Int, _ index: QueryIndex, report: (String) -> Void) throws {
        let part = parts[number]
        var candidates: [UInt32]?
        do {
            candidates = try part.candidates(matchers, index)
        } catch let error as StorageError {
            guard case .corrupt = error else { throw error }
            note(error.description, report)
        }
        if candidates?.isEmpty == true {
            statistics.partsSkipped.byLabels += 1
            return
        }
        statistics.partsRead += 1
        guard let candidates else {
            for group in part.directory.groups.indices { try add(group, of: number, nil, index, report) }
            return
        }
        // Of forty thousand series a query for one needs one group.
        var next = 0
        var read = 0
        while next < candidates.count {
            let group = Int(candidates[next]) / PartFormat.groupSize
            guard part.directory.groups.indices.contains(group) else { break }
            let start = next
            while next < candidates.count, Int(candidates[next]) / PartFormat.groupSize == group { next += 1 }
            read += 1
            try add(group, of: number, candidates[start..<next], index, report)
        }
        statistics.blocksSkipped += part.directory.groups.count - read
        statistics.blocksSkippedBy.byLabels += part.directory.groups.count - read
    }

    private mutating func add(
        _ group: Int, of number: Int, _ wanted: ArraySlice<UInt32>?, _ index: QueryIndex, _ report: (String) -> Void
    ) throws {
        try context.check()
        do {
            let found = try index.group(group, of: parts[number], dictionary) { bytes in
                held += bytes
                try context.charge(memory: bytes)
            }
            try add(found, number, wanted, group * PartFormat.groupSize)
        } catch let error as StorageError {
            guard case .corrupt = error else { throw error }
            note(error.description, report)
        }
    }

    private mutating func note(_ sentence: String, _ report: (String) -> Void) {
        report(sentence)
        if warnings.count < 20, !warnings.contains(sentence) { warnings.append(sentence) }
    }

    private mutating func add(
        _ group: GroupIndex, _ part: Int, _ wanted: ArraySlice<UInt32>?, _ first: Int
    ) throws {
        // Which blocks are in the range is a question to their columns, of which there are few.
        let inRange = group.columns.map { plan.range.overlaps(first: $0.first, last: $0.last) }
        guard inRange.contains(true) else { return }
        try makeRoom(for: group.series.count)
        var places: [Int] = []
        if let wanted {
            places = wanted.map { Int($0) - first }.filter { $0 >= 0 && $0 < group.series.count }
        } else {
            places = Array(group.series.indices)
        }
        places.removeAll { place in !group.blocks(of: place).contains { inRange[Int(group.blocks[$0].column)] } }
        let unknown = places.map { group.series[$0] }.filter { placeOf[$0] == -1 }
        if !unknown.isEmpty {
            let passed = dictionary.matches(unknown, &verdicts)
            for (index, one) in unknown.enumerated() {
                if passed[index] { try insert(one) } else { placeOf[one] = -2 }
            }
        }
        let before = self.places.count
        let groupNumber = UInt32(truncatingIfNeeded: groups.count)
        for place in places {
            let known = placeOf[group.series[place]]
            guard known >= 0 else { continue }
            for at in group.blocks(of: place) {
                guard inRange[Int(group.blocks[at].column)] else {
                    statistics.blocksSkipped += 1
                    statistics.blocksSkippedBy.byTime += 1
                    continue
                }
                if group.blocks[at].isHistogram { holdsHistograms = true }
                self.places.append(
                    (
                        UInt32(known),
                        EmbeddedSelection.Place(
                            part: UInt32(truncatingIfNeeded: part), group: groupNumber,
                            block: UInt32(truncatingIfNeeded: at))
                    ))
            }
        }
        guard self.places.count > before else { return }
        groups.append(group)
        try charge((self.places.count - before) * 28 + 16)
    }

    private mutating func insert(_ number: UInt32) throws {
        guard placeOf[number] == -1 else { return }
        placeOf[number] = Int32(truncatingIfNeeded: series.count)
        series.append(number)
        if series.count & 1023 == 0 { try charge(1024 * 16) }
    }

    /// Series of the head, whose matchers were asked already. Call after the parts.
    mutating func add(head snapshot: HeadSnapshot, _ numbers: [UInt32]) throws {
        head = snapshot
        if snapshot.holdsHistograms { holdsHistograms = true }
        guard !numbers.isEmpty else { return }
        try makeRoom(for: numbers.count)
        try charge(snapshot.byteCount)
        var entries = [(Int32, Int32)]()
        for (entry, number) in numbers.enumerated() {
            if placeOf[number] < 0 {
                placeOf[number] = -1
                try insert(number)
            }
            entries.append((placeOf[number], Int32(truncatingIfNeeded: entry)))
        }
        headEntries = [Int32](repeating: -1, count: series.count)
        for (place, entry) in entries { headEntries[Int(place)] = entry }
    }
}
