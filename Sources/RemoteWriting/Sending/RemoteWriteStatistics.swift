import Synchronization

/// What one receiver's queue says of itself, as Prometheus' metrics name it.
package struct RemoteWriteStatistics: Sendable {
    package var pending = 0
    package var samples = 0
    package var histograms = 0
    package var exemplars = 0
    package var metadata = 0
    package var failed = 0
    package var retried = 0
    /// By reason.
    package var dropped: [String: Int] = [:]
    package var bytes = 0
    package var requests = 0
    /// Milliseconds that requests took together.
    package var busy: Int64 = 0
    package var shards = 0
    package var desiredShards = 0
    package var minShards = 0
    package var maxShards = 0
    package var capacity = 0
    /// Milliseconds since 1970 of the newest sample that was delivered.
    package var highestSent: Int64 = 0
    package var bytesBehind = 0
    package var lastError: String?
    package init() {}
}

/// Shared between a sender and whoever shows its state.
final class SharedStatistics: Sendable {
    private let state = Mutex(RemoteWriteStatistics())
    var current: RemoteWriteStatistics { state.withLock { $0 } }
    func update(_ body: (inout RemoteWriteStatistics) -> Void) { state.withLock { body(&$0) } }
}
