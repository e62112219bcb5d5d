package import Storage

/// How an embedded metrics store behaves. Times are milliseconds.
package struct SeriesStoreOptions: Sendable {
    /// Samples older than this are refused, and parts wholly older are dropped.
    package var retention: Int64 = 15 * 86_400_000
    /// How far behind the newest sample that its series had before the batch a sample may be. By default anything inside of the retention is taken.
    package var outOfOrderWindow: Int64 = .max
    /// How far ahead of the clock a sample may be; Prometheus' ten minutes.
    package var futureLimit: Int64 = 600_000
    /// Samples in memory at which they are written to parts; more where there are more than an eighth as many series.
    package var flushRows = 1_000_000
    /// Samples are written to parts after this long, however few there are.
    package var flushInterval: Int64 = 300_000
    /// Where nothing has been appended for this long, what is in memory is written, so that a restart has nothing to do.
    package var quietInterval: Int64 = 2_000
    /// Samples that may wait in memory before appends are refused.
    package var rowLimit = 16_000_000
    /// A series leaves memory this long after its last sample, sooner where that was a stale marker.
    package var idleTime: Int64 = 300_000
    package var journal = JournalOptions()
    /// Batch ids that are remembered.
    package var rememberedBatches = 10_000
    /// Exemplars that may come between two flushes; Prometheus' size of its ring.
    package var exemplars = 100_000
    /// Active series beyond which new ones are refused; 0 is no limit.
    package var seriesLimit = 0
    package var guards = SeriesStoreGuards()
    /// Whether `close()` writes what is in memory to parts, so that the next start has nothing to replay.
    package var sealsAtClose = true
    /// Nil: as many as cores, rounded up to a power of two.
    package var shards: Int?

    package init() {}
}

/// The aligned two hours of data that one part is made from.
enum Window {
    static let length: Int64 = 7_200_000

    static func index(_ time: Int64) -> Int64 {
        let quotient = time / length
        return time % length < 0 ? quotient - 1 : quotient
    }

    static func start(_ index: Int64) -> Int64 { index.multipliedReportingOverflow(by: length).partialValue }
}
