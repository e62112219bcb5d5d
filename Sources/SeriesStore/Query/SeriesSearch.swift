internal import Storage
internal import Telemetry

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
    private let memory: SelectorMemory
    private var verdicts: SeriesDictionary.Verdicts
    /// All candidates of the part match: it is known from before.
    private var areMatches = false
    /// Numbers in the part of what matches, in the range or not; nil where they are not wanted.
    private var matched: [UInt32]?
    private var placeOf = PlaceTable()
    private let context: QueryContext

    init(
        _ plan: SeriesScanPlan, _ matchers: [CompiledMatcher], _ memory: SelectorMemory, _ dictionary: SeriesDictionary,
        _ parts: [SeriesPart], _ context: QueryContext
    ) {
        self.plan = plan
        self.matchers = matchers
        self.memory = memory
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
        var candidates = memory.series(of: part)
        areMatches = candidates != nil
        if !areMatches {
            do {
                candidates = try part.candidates(matchers, index)
            } catch let error as StorageError {
                guard case .corrupt = error else { throw error }
                note(error.description, report)
            }
        }
        let isWorthKnowing = candidates.map { $0.count <= SeriesSearch.mostToKnow } ?? false
        matched = !areMatches && isWorthKnowing ? [] : nil
        if candidates?.isEmpty == true {
            if let matched { memory.keep(matched, of: part) }
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
            guard part.directory.groups.indices.contains(group) else {
                matched = nil
                break
            }
            let start = next
            while next < candidates.count, Int(candidates[next]) / PartFormat.groupSize == group { next += 1 }
            read += 1
            try add(group, of: number, candidates[start..<next], index, report)
        }
        statistics.blocksSkipped += part.directory.groups.count - read
        statistics.blocksSkippedBy.byLabels += part.directory.groups.count - read
        if let matched { memory.keep(matched, of: part) }
    }

    /// Candidates of a part up to which all are judged, and the verdict kept.
    private static let mostToKnow = 1024

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
            matched = nil
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
        try makeRoom(for: group.series.count)
        var places: [Int] = []
        if let wanted {
            places = wanted.map { Int($0) - first }.filter { $0 >= 0 && $0 < group.series.count }
        } else {
            places = Array(group.series.indices)
        }
        if matched != nil {
            let passed = dictionary.matches(places.map { group.series[$0] }, &verdicts)
            places = places.indices.filter { passed[$0] }.map { places[$0] }
            matched?.append(contentsOf: places.map { UInt32(truncatingIfNeeded: first + $0) })
        }
        places.removeAll { place in
            !group.blocks(of: place).contains { group.overlaps(plan.range, block: $0) }
        }
        let unknown = places.map { group.series[$0] }.filter { placeOf[$0] == -1 }
        if areMatches || matched != nil {
            for one in unknown { try insert(one) }
        } else if !unknown.isEmpty {
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
                guard group.overlaps(plan.range, block: at) else {
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
