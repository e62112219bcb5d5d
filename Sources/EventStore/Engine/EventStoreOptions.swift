import Codecs
import Storage
import Telemetry

package struct EventStoreOptions: Sendable {
    package var journal = JournalOptions()
    /// Memory of one table is sealed when its rows hold more than this.
    package var sealBytes = 20 << 20
    /// Or when it has held rows for longer than this.
    package var sealAge: Duration = .seconds(5)
    /// Above this an append tries to seal, and is refused where that does not help.
    package var memoryLimit = 256 << 20
    package var codec: BlockCodec = .best
    /// Parts of a table that begin in the same stretch of this length are merged with each other only: what a scan by
    /// time has to open at once, and what retention drops at once.
    package var logPartition: Duration = .seconds(86400)
    package var spanPartition: Duration = .seconds(3600)
    /// That many parts of about one size are merged to one.
    package var mergeFanIn = 8
    /// When nothing has come for so long, memory is sealed and smaller sets of parts are merged too, so that what is at
    /// rest is small and found fast.
    package var restTime: Duration = .seconds(2)
    /// Less than this is left for longer (``sealAge``, ``longRestTime``): a line every few seconds is not a part each.
    package var restBytes = 1 << 20
    package var longRestTime: Duration = .seconds(10)
    /// Parts of more raw bytes than this are not merged any more.
    package var largestMerge = 1 << 30
    /// Where appends ask before they take anything in.
    package var pressure: MemoryPressure?
    package var disk: DiskSpace?
    /// Told what rows in memory cost, and asked before a merge.
    package var budget: MemoryBudget?

    package init() {}

    func partitionNanoseconds(of table: EventTable) -> Int64 {
        let duration = table == .logs ? logPartition : spanPartition
        return max(1, duration.components.seconds) &* 1_000_000_000
    }

    var sealNanoseconds: Int64 {
        sealAge.components.seconds &* 1_000_000_000 &+ sealAge.components.attoseconds / 1_000_000_000
    }
}
