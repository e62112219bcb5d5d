import Storage

extension QueryExecutor {
    /// Runs on the query threads; an event loop or the common pool is never kept from its work by a query.
    static func run<T: Sendable>(_ body: @Sendable () async throws -> T) async throws -> T {
        try await withTaskExecutorPreference(shared) { try await body() }
    }

    /// One thread for sealing and merging, so that queries keep theirs.
    static let background = QueryExecutor(threads: 1)

    /// Two for metrics: a merge that takes long must not keep what is in memory from being written.
    static let metricsBackground = QueryExecutor(threads: 2)
}
