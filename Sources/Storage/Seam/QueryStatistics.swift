/// What one query read, passed over, held and took: the numbers of `explain=1`, of `stats=all` and of the list of running
/// queries.
///
/// Engines and evaluators gather them in a value of their own for a part, a block or a step of work, and hand it in by
/// ``QueryContext/add(_:)`` from whichever core they are on.
package struct QueryStatistics: Sendable, Equatable {
    /// Where the time of a query goes.
    package enum Stage: Int, CaseIterable, Sendable, CustomStringConvertible {
        case parse, plan
        /// Finding series, streams or parts.
        case select
        /// Reading and decoding what was found.
        case read
        case evaluate
        case encode

        package var description: String {
            switch self {
            case .parse: "parse"
            case .plan: "plan"
            case .select: "select"
            case .read: "read"
            case .evaluate: "evaluate"
            case .encode: "encode"
            }
        }
    }

    /// What let an engine pass over a part or a block without reading it.
    package struct Skipped: Sendable, Equatable {
        /// Outside of the time range.
        package var byTime = 0
        /// No series or stream of it is wanted.
        package var byLabels = 0
        /// A filter, an index or a summary shows that nothing in it matches.
        package var byFilter = 0

        package init(byTime: Int = 0, byLabels: Int = 0, byFilter: Int = 0) {
            self.byTime = byTime
            self.byLabels = byLabels
            self.byFilter = byFilter
        }

        package var total: Int { byTime &+ byLabels &+ byFilter }

        fileprivate mutating func add(_ other: Skipped) {
            byTime = byTime &+ other.byTime
            byLabels = byLabels &+ other.byLabels
            byFilter = byFilter &+ other.byFilter
        }
    }

    /// Series or streams that the selectors found, those of each selector counted for itself.
    package var seriesSelected = 0
    package var partsRead = 0
    package var partsSkipped = Skipped()
    package var blocksRead = 0
    /// All blocks passed over, whether or not ``blocksSkippedBy`` says why.
    package var blocksSkipped = 0
    package var blocksSkippedBy = Skipped()
    /// Bytes of parts that were read, as they are on the disk.
    package var bytesRead = 0
    /// Log lines and spans decoded.
    package var rowsScanned = 0
    /// Samples decoded, a histogram counted by its size; every read of a sample counts.
    package var samplesRead = 0
    /// Samples that steps looked at, one in several windows counted in each: Prometheus' `totalQueryableSamples`.
    package var samplesQueried = 0
    /// Most samples held at once.
    package var samplesPeak = 0
    /// Bytes held now, and the most held at once.
    package var memory = 0
    package var memoryPeak = 0
    /// Time of processors, all cores together.
    package var processorTime = Duration.zero
    /// Time by the clock. Stages that run side by side on several cores may come to more than the query took.
    private var stages = (Duration.zero, Duration.zero, Duration.zero, Duration.zero, Duration.zero, Duration.zero)

    package init() {}

    package subscript(stage: Stage) -> Duration {
        get {
            switch stage {
            case .parse: stages.0
            case .plan: stages.1
            case .select: stages.2
            case .read: stages.3
            case .evaluate: stages.4
            case .encode: stages.5
            }
        }
        set {
            switch stage {
            case .parse: stages.0 = newValue
            case .plan: stages.1 = newValue
            case .select: stages.2 = newValue
            case .read: stages.3 = newValue
            case .evaluate: stages.4 = newValue
            case .encode: stages.5 = newValue
            }
        }
    }

    /// Adds counts and times. Of what is held now, and of peaks, the context knows by itself.
    package mutating func add(_ other: QueryStatistics) {
        seriesSelected = seriesSelected &+ other.seriesSelected
        partsRead = partsRead &+ other.partsRead
        partsSkipped.add(other.partsSkipped)
        blocksRead = blocksRead &+ other.blocksRead
        blocksSkipped = blocksSkipped &+ other.blocksSkipped
        blocksSkippedBy.add(other.blocksSkippedBy)
        bytesRead = bytesRead &+ other.bytesRead
        rowsScanned = rowsScanned &+ other.rowsScanned
        samplesRead = samplesRead &+ other.samplesRead
        samplesQueried = samplesQueried &+ other.samplesQueried
        processorTime += other.processorTime
        for stage in Stage.allCases { self[stage] += other[stage] }
    }

    package static func == (a: QueryStatistics, b: QueryStatistics) -> Bool {
        a.seriesSelected == b.seriesSelected && a.partsRead == b.partsRead && a.partsSkipped == b.partsSkipped
            && a.blocksRead == b.blocksRead && a.blocksSkipped == b.blocksSkipped
            && a.blocksSkippedBy == b.blocksSkippedBy && a.bytesRead == b.bytesRead && a.rowsScanned == b.rowsScanned
            && a.samplesRead == b.samplesRead && a.samplesQueried == b.samplesQueried && a.samplesPeak == b.samplesPeak
            && a.memory == b.memory && a.memoryPeak == b.memoryPeak && a.processorTime == b.processorTime
            && Stage.allCases.allSatisfy { a[$0] == b[$0] }
    }
}
