/// Where and how telemetry leaves the process.
public struct ExporterConfiguration: Sendable {
    /// Base URL of an OTLP/HTTP receiver, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/logs` are appended.
    public var endpoint: String
    /// Extra request headers, such as `X-Scope-OrgID`.
    public var headers: [(name: String, value: String)] = []
    /// Records that may wait for each signal. What comes when the queue is full is dropped and counted.
    public var queueLimit = 8192
    /// Records in one request.
    public var batchLimit = 512
    /// The longest time that a record waits when no batch fills.
    public var interval: Duration = .seconds(1)
    /// Time limit of one request.
    public var requestTimeout: Duration = .seconds(10)
    /// Waiting time before the first retry; doubles up to `maximumBackoff`, with jitter.
    public var initialBackoff: Duration = .milliseconds(250)
    public var maximumBackoff: Duration = .seconds(5)
    /// A batch that was not accepted in this time is dropped and counted.
    public var retryLimit: Duration = .seconds(30)
    /// Time that `shutdown()` spends on what is still queued.
    public var shutdownTimeout: Duration = .seconds(5)

    public init(endpoint: String) { self.endpoint = endpoint }
}

/// What became of the records of one signal.
public struct ExportCounts: Sendable, Hashable {
    public var exported = 0
    /// Dropped because the queue was full.
    public var droppedByQueue = 0
    /// Given up: refused by the receiver, or not accepted in the time for retries.
    public var failed = 0

    public init() {}
}
