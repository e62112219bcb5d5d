import Storage
import Telemetry
import Wire

extension IngestGateway {
    /// What a remote-write sender is told.
    struct RemoteWriteOutcome: Sendable {
        var samples = 0
        var histograms = 0
        var exemplars = 0
        /// Why parts of the request were not stored; empty where all of it was, or only what the version forgives.
        var reasons: [String] = []
    }

    /// One remote-write request, after snappy. Throws ``IngestFailure`` where nothing at all was stored, or where all
    /// of it should come again.
    func remoteWrite(_ body: [UInt8], version: RemoteWrite.Version) async throws -> RemoteWriteOutcome {
        let kind = version == .one ? "remote_write" : "remote_write_2"
        do {
            try checkRoom()
            let decoded = try RemoteWrite.decode(body, version: version)
            let stored = decoded.batch.isEmpty ? AppendOutcome() : try await series.append(decoded.batch, id: nil)
            count(stored, .metrics, kind)
            if stored.rejected[.limit] != nil, cardinality?.awaitsRoom == true {
                // 400 would make the sender drop them; what was stored may come a second time.
                throw IngestFailure.overloaded(
                    (stored.firstRejection ?? "too many new series") + "; series that have ended leave memory in some "
                        + "seconds: try again then", retryAfterSeconds: 5)
            }
            let refused = decoded.skippedSamples + decoded.rejectedHistograms
            if refused > 0 { reject(.metrics, kind, RejectionReason.invalid.rawValue, refused) }
            var outcome = RemoteWriteOutcome()
            outcome.samples = stored.accepted - stored.acceptedHistograms
            outcome.histograms = stored.acceptedHistograms
            outcome.exemplars = stored.acceptedExemplars
            outcome.reasons = decoded.reasons
            // Prometheus says 204 to 1.0 where all that is wrong is the labels of some series: a sender that leaves
            // out a name does so for ever, and what is good in its requests must not look lost.
            let isForgiven =
                version == .one && stored.invalidSeries > 0 && stored.rejected.allSatisfy { $0.key == .invalid }
            if stored.rejectedCount > 0 || stored.invalidSeries > 0, !isForgiven {
                outcome.reasons.append(stored.firstRejection ?? "\(stored.rejectedCount) samples were not stored")
            }
            return outcome
        } catch {
            throw refuse(error, .metrics, kind)
        }
    }
}
