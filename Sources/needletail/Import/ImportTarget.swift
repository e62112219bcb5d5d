import Foundation
import SeriesStore
import Storage
import Telemetry

/// What became of a batch.
struct ImportOutcome {
    var rejected: [String: Int] = [:]
    /// One sentence about the first rejection.
    var message: String?
}

/// Where imported samples go.
protocol ImportTarget: Sendable {
    /// Samples that one call should bring.
    var batchSize: Int { get }
    func write(_ batch: SeriesBatch) async throws -> ImportOutcome
    /// Everything is durable afterwards.
    func finish() async throws
}

/// Straight into a data folder that no server has open.
final class StoreTarget: ImportTarget {
    let batchSize = 50_000
    private let folder: DataFolder
    private let store: EmbeddedSeriesStore

    init(dataFolder path: String) throws {
        do { folder = try DataFolder(opening: path) } catch let error as StorageError {
            if case .unsupported(let sentence) = error, sentence.contains("in use by another") {
                throw CommandFailure("\(sentence), or send to the running server with --server")
            }
            throw error
        }
        var options = SeriesStoreOptions()
        // Whatever its age, it comes in; the server that opens the folder next decides how long it stays.
        options.retention = .max / 4
        options.outOfOrderWindow = .max / 4
        options.futureLimit = .max / 4
        do { store = try EmbeddedSeriesStore.open(folder: folder, options: options) } catch {
            try? folder.close()
            throw error
        }
    }

    func write(_ batch: SeriesBatch) async throws -> ImportOutcome {
        var waited = 0
        while true {
            do {
                let stored = try await store.append(batch, id: nil)
                var outcome = ImportOutcome(message: stored.firstRejection)
                for (reason, count) in stored.rejected { outcome.rejected[reason.rawValue] = count }
                return outcome
            } catch StorageError.overloaded(let sentence) {
                // Memory is full of samples that are not in parts yet.
                waited += 1
                guard waited < 600 else { throw StorageError.overloaded(sentence) }
                try await store.maintain(now: Int64(Date().timeIntervalSince1970 * 1000))
                if waited > 1 { try await Task.sleep(for: .milliseconds(100)) }
            }
        }
    }

    /// Lets the store write to disk what it has in memory, as the server does every two seconds.
    func maintain() async throws {
        try await store.maintain(now: Int64(Date().timeIntervalSince1970 * 1000))
    }

    func finish() async throws {
        try await store.close()
        try folder.close()
    }
}
