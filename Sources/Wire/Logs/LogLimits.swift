import Telemetry

/// The same limits for every way in: a bad line has the same fate whatever protocol carries it.
package typealias LogLimits = LokiPushLimits

/// Why an entry is not kept, and one sentence about it for the sender.
package struct LogDefect: Error, Hashable, Sendable {
    package var reason: LokiPushResult.Reason
    package var message: String

    package init(_ reason: LokiPushResult.Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }
}

/// Entries of a request or of a stretch of a connection: what to store, and what of it cannot be kept.
package struct LogEntries: Sendable {
    /// For the table `logs`.
    package var batch = EventBatch()
    package private(set) var rejections: [LokiPushResult.Rejection] = []
    /// Whether every row came with its own time: only then two equal requests are one that was sent twice.
    package var isTimed = true

    package init() {}

    package var isEmpty: Bool { batch.rowCount == 0 && rejections.isEmpty }
    package var rejected: Int { rejections.reduce(0) { $0 + $1.entries } }

    /// One rejection for each reason, with the first sentence.
    package mutating func reject(_ defect: LogDefect, entries: Int = 1, bytes: Int) {
        if let index = rejections.firstIndex(where: { $0.reason == defect.reason }) {
            rejections[index].entries += entries
            rejections[index].bytes += bytes
        } else {
            rejections.append(
                LokiPushResult.Rejection(
                    reason: defect.reason, entries: entries, bytes: bytes, message: defect.message))
        }
    }
}
