import Codecs
import Storage
import Telemetry
import Wire

extension IngestGateway {
    /// Log entries of any protocol. Returns when they are durable; throws ``IngestFailure`` where none were stored.
    func ingest(_ entries: LogEntries, _ kind: String, id: BatchID? = nil) async throws -> Outcome {
        do {
            try checkRoom()
            return try await store(entries.batch, rejections: entries.rejections, kind, id: id)
        } catch {
            throw refuse(error, .logs, kind)
        }
    }

    /// As ``ingest(_:_:id:)``, but waits while there is no room: for connections, whose sender waits when we do not
    /// read.
    func ingestPatiently(_ entries: LogEntries, _ kind: String, id: BatchID? = nil) async throws {
        var pause = Duration.milliseconds(100)
        while true {
            do {
                _ = try await ingest(entries, kind, id: id)
                return
            } catch let failure as IngestFailure {
                switch failure {
                case .overloaded, .exhausted: break
                case .badData, .internalFault: throw failure
                }
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(2))
        }
    }

    func store(
        _ batch: EventBatch, rejections: [LokiPushResult.Rejection], _ kind: String, id: BatchID?
    ) async throws -> Outcome {
        var outcome = Outcome(accepted: batch.rowCount, message: rejections.first?.message)
        if batch.rowCount > 0 {
            let stored = try await events.append(batch, to: .logs, id: id)
            if stored.accepted > 0 { followers.publish(batch) }
            outcome.accepted = stored.accepted
            outcome.rejected += stored.rejectedCount
            outcome.message = outcome.message ?? stored.firstRejection
            count(stored, .logs, kind)
        }
        for rejection in rejections {
            outcome.rejected += rejection.entries
            discard(rejection, kind)
        }
        return outcome
    }
}

/// What a repeated request or chunk is recognised by, over restarts too.
enum BatchIdentity {
    static func of(_ kind: String, _ parts: [UInt8]...) -> BatchID {
        var high = Hash64.hash(kind)
        var low = Hash64.mix(high)
        for part in parts {
            high = Hash64.hash(part, seed: high)
            low = Hash64.hash(part, seed: Hash64.mix(low, seed: high))
        }
        return BatchID(high: high, low: low)
    }
}
