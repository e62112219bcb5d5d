import Logging

/// A log record as it waits for export.
public struct LogRecord: Sendable {
    /// Nanoseconds since 1970.
    public var time: UInt64
    public var level: Logger.Level
    public var body: String
    public var attributes: Attributes
    /// The logger's label.
    public var loggerName: String
    public var context: SpanContext?

    /// OTLP severity numbers: the first of each range of four, notice as INFO2 and critical as FATAL.
    public var severityNumber: Int {
        switch level {
        case .trace: 1
        case .debug: 5
        case .info: 9
        case .notice: 10
        case .warning: 13
        case .error: 17
        case .critical: 21
        }
    }

    /// The level in the words that log languages detect levels by.
    public var severityText: String {
        switch level {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARN"
        case .error: "ERROR"
        case .critical: "FATAL"
        }
    }
}
