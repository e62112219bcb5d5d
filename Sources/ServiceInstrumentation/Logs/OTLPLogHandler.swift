import Logging

/// A swift-log backend that exports by OTLP: the message is the body, metadata become attributes, and the task's
/// current span gives the record its trace and span id.
public struct OTLPLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let emit: @Sendable (LogRecord) -> Void

    init(label: String, level: Logger.Level, emit: @escaping @Sendable (LogRecord) -> Void) {
        self.label = label
        self.logLevel = level
        self.emit = emit
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let given = event.metadata { all.merge(given) { $1 } }
        var attributes = Attributes()
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { attributes[key] = Self.attribute(value) }
        if let error = event.error {
            attributes["exception.type"] = .string(String(describing: type(of: error)))
            attributes["exception.message"] = .string("\(error)")
        }
        emit(
            LogRecord(
                time: WallClock.nanoseconds(), level: event.level, body: event.message.description,
                attributes: attributes, loggerName: label, context: SpanContext.current))
    }

    /// Numbers and booleans keep their type, so that queries can compare them.
    static func attribute(_ value: Logger.MetadataValue) -> AttributeValue {
        switch value {
        case .string(let text): return .string(text)
        case .stringConvertible(let value):
            switch value {
            case let value as Int: return .integer(value)
            case let value as Double: return .double(value)
            case let value as Bool: return .boolean(value)
            default: return .string(value.description)
            }
        case .array(let values): return .array(values.map(attribute))
        default: return .string(value.description)
        }
    }
}
