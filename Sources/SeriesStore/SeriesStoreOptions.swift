package import Storage

/// How an embedded metrics store behaves. Times are milliseconds.
package struct SeriesStoreOptions: Sendable {
    /// Samples older than this are refused, and parts wholly older are dropped.
    package var retention: Int64 = 15 * 86_400_000
    /// How far behind its series' newest sample a sample may be.
    package var outOfOrderWindow: Int64 = 3_600_000
    /// How far ahead of the clock a sample may be; Prometheus' ten minutes.
    package var futureLimit: Int64 = 600_000
    /// A window is sealed this long after its end.
    package var sealDelay: Int64 = 600_000
    /// Bytes of the head (estimated) beyond which the current window is sealed too.
    package var headBytes = 1 << 30
    package var journal = JournalOptions()
    /// Batch ids that are remembered.
    package var rememberedBatches = 10_000
    package var exemplars = 100_000
    /// Active series beyond which new ones are refused; 0 is no limit.
    package var seriesLimit = 0
    /// Whether `close()` seals what is in memory, so that the next start has nothing to replay.
    package var sealsAtClose = true
    /// Nil: as many as cores, rounded up to a power of two.
    package var shards: Int?
    /// Asked about every new series; of this store alone, since it counts. Nil admits all.
    package var cardinality: CardinalityGuard?
    /// Appends are refused and merges wait as it says.
    package var pressure = MemoryPressure()

    package init() {}
}

/// The aligned two hours of data that one part is sealed from.
enum Window {
    static let length: Int64 = 7_200_000

    static func index(_ time: Int64) -> Int64 {
        let quotient = time / length
        return time % length < 0 ? quotient - 1 : quotient
    }

    static func start(_ index: Int64) -> Int64 { index.multipliedReportingOverflow(by: length).partialValue }
}
