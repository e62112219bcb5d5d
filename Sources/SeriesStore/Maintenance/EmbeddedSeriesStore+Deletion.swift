package import Storage
package import Telemetry

extension EmbeddedSeriesStore {
    package func delete(_ matcherSets: [[Matcher]], range: TimeRange) async throws {
        throw StorageError.unsupported("deletion is being built")
    }
}
