package import Telemetry

/// The series that a plan matched, found once. Their samples stay where they are until a reader fetches them, so that
/// an evaluator may go through the series in several tasks at once and hold no more than one series in each.
///
/// Series have numbers from 0, in an order that is always the same for the same state of the store.
package protocol SeriesSelection: Sendable {
    var count: Int { get }
    /// Some series may have native histograms: these are not among what a reader gives, only a scan has them.
    var holdsHistograms: Bool { get }
    /// Sentences about what could not be read so far.
    var warnings: [String] { get }
    func labels(of series: Range<Int>) -> [LabelSet]
    /// Puts the series into groups by their labels, without spelling these out.
    func groups(_ rule: SeriesGroupRule) -> SeriesGroups
    /// For one task at a time.
    func makeReader() -> any SeriesSampleReader
}

/// Which labels make a group.
package enum SeriesGroupRule: Hashable, Sendable {
    case keeping([String])
    case dropping([String])
}

package struct SeriesGroups: Sendable {
    /// For each series its group.
    package var numbers: [UInt32]
    /// For each group its labels, in the order in which the series meet them.
    package var labels: [LabelSet]

    package init(numbers: [UInt32] = [], labels: [LabelSet] = []) {
        self.numbers = numbers
        self.labels = labels
    }
}

package protocol SeriesSampleReader: AnyObject {
    /// Fills the buffer with the float samples of a series: all of the plan's range, and perhaps more at both ends.
    ///
    /// - Parameter withoutValues: only the times are asked for; values are filled in all the same where there may be a
    ///   stale marker among them.
    func read(_ series: Int, withoutValues: Bool, into buffer: SampleBuffer) throws
}

extension SeriesReader {
    /// For readers that have no better way: everything is read at once, and ordered by labels.
    package func select(_ plan: SeriesScanPlan, context: QueryContext) async throws -> any SeriesSelection {
        try await MaterialisedSelection(plan, of: self, context: context)
    }
}

/// A selection whose samples are in memory.
package final class MaterialisedSelection: SeriesSelection {
    private let series: [SeriesColumns]
    package let warnings: [String]
    package let holdsHistograms: Bool
    private let context: QueryContext
    private let held: Int

    package init(_ plan: SeriesScanPlan, of reader: some SeriesReader, context: QueryContext) async throws {
        var all: [SeriesColumns] = []
        var held = 0
        do {
            let trailer = try await reader.scan(plan, context: context) { batch in
                var bytes = 0
                for columns in batch {
                    bytes +=
                        columns.timestamps.count * 16 + columns.histograms.count * 256 + columns.labels.bytes.count
                        + 160
                }
                held += bytes
                try context.charge(memory: bytes)
                all.append(contentsOf: batch)
            }
            warnings = trailer.warnings
        } catch {
            context.release(memory: held)
            throw error
        }
        series = all.sorted { $0.labels < $1.labels }
        holdsHistograms = all.contains { !$0.histogramTimestamps.isEmpty }
        self.held = held
        self.context = context
    }

    deinit { context.release(memory: held) }

    package var count: Int { series.count }
    package func labels(of range: Range<Int>) -> [LabelSet] { series[range].map(\.labels) }

    package func groups(_ rule: SeriesGroupRule) -> SeriesGroups {
        var groups = SeriesGroups()
        groups.numbers.reserveCapacity(series.count)
        var known: [LabelSet: UInt32] = [:]
        for one in series {
            let key =
                switch rule {
                case .keeping(let names): names.isEmpty ? LabelSet.empty : one.labels.keeping(names)
                case .dropping(let names): one.labels.dropping(names)
                }
            if let number = known[key] {
                groups.numbers.append(number)
                continue
            }
            let number = UInt32(truncatingIfNeeded: groups.labels.count)
            known[key] = number
            groups.labels.append(key)
            groups.numbers.append(number)
        }
        return groups
    }

    package func makeReader() -> any SeriesSampleReader { Reader(series) }

    private final class Reader: SeriesSampleReader {
        private let series: [SeriesColumns]

        init(_ series: [SeriesColumns]) { self.series = series }

        func read(_ number: Int, withoutValues: Bool, into buffer: SampleBuffer) throws {
            let one = series[number]
            buffer.clear()
            buffer.append(values: one.values)
            buffer.timestamps = one.timestamps
            buffer.mayHoldStaleMarkers = one.values.contains { $0.isNaN }
        }
    }
}
