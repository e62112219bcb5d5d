import Telemetry

/// What a push request held, and what of it cannot be kept.
package struct LokiPushResult: Sendable {
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        case missingLabels = "missing_labels"
        case invalidLabels = "invalid_labels"
        case duplicateLabelNames = "duplicate_label_names"
        case tooManyLabels = "max_label_names_per_series"
        case labelNameTooLong = "label_name_too_long"
        case labelValueTooLong = "label_value_too_long"
        case tooFarInFuture = "too_far_in_future"
        case lineTooLong = "line_too_long"
        case metadataTooLarge = "structured_metadata_too_large"
        case metadataTooMany = "structured_metadata_too_many"
        /// Of protocols other than Loki's: a time that cannot be read.
        case invalidTimestamp = "invalid_timestamp"
        /// A record that cannot be read at all.
        case malformed = "malformed"
        /// Something that is no log: metrics in a stream of logs, an action of another kind.
        case unsupported = "unsupported"
    }

    package struct Rejection: Sendable, Hashable {
        package var reason: Reason
        /// Entries that were left out for this reason in this stream.
        package var entries: Int
        /// Bytes of their lines.
        package var bytes: Int
        /// English, for the answer's body.
        package var message: String
    }

    package enum Outcome: Sendable, Hashable {
        /// 204.
        case accepted
        /// 422: there are no streams or no entries.
        case empty
        /// 400, after the rest of the batch was stored: the sender must not send it again.
        case partial
    }

    /// For the table `logs`: the good entries.
    package var batch = EventBatch()
    package var rejections: [Rejection] = []
    var entries = 0

    package var outcome: Outcome {
        entries == 0 && rejections.isEmpty ? .empty : rejections.isEmpty ? .accepted : .partial
    }

    /// Plain text for the body of a 400, grouped by stream, at most ten lines.
    package var message: String {
        let shown = rejections.prefix(10).map(\.message).joined(separator: "\n")
        return rejections.count > 10 ? "\(shown)\nand \(rejections.count - 10) more" : shown
    }
}

package struct LokiPushLimits: Sendable {
    package var labelNames = 64
    package var labelNameBytes = 1024
    package var labelValueBytes = 2048
    package var lineBytes = 2 << 20
    package var metadataBytes = 64 << 10
    package var metadataEntries = 1000
    /// Different names of metadata in one batch of records; more are somebody's data as keys.
    package var columns = 20_000
    /// How far ahead of `now` a timestamp may lie, in nanoseconds.
    package var futureGrace: Int64 = 600_000_000_000

    package init() {}
}

/// `POST /loki/api/v1/push`, already decompressed.
package enum LokiPush {
    /// Labels that name the service of a stream without `service_name`, in order of preference.
    package static var serviceLabels: [String] { LogMapping.serviceLabels }

    /// `now` in nanoseconds, for the limit on the future.
    package static func decode(
        protobuf bytes: [UInt8], now: Int64, limits: LokiPushLimits = LokiPushLimits()
    ) throws(WireError) -> LokiPushResult {
        var builder = LokiBatchBuilder(now: now, limits: limits)
        try LokiProtobuf.request(bytes, into: &builder)
        return builder.result
    }

    /// The present form (`stream`, `values`) and the legacy one (`labels`, `entries`).
    package static func decode(
        json: [UInt8], now: Int64, limits: LokiPushLimits = LokiPushLimits()
    ) throws(WireError) -> LokiPushResult {
        var builder = LokiBatchBuilder(now: now, limits: limits)
        try LokiJSON.request(json, into: &builder)
        return builder.result
    }
}
