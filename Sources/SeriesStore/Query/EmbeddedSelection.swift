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
