import Logging
import Synchronization

/// The level of this process' own log, which may be changed while it runs: every copy of the logger follows it, but
/// those that were given a level of their own.
final class LogLevelControl: Sendable {
    private let current: Mutex<Logger.Level>

    init(_ level: Logger.Level) { current = Mutex(level) }

    var level: Logger.Level { current.withLock { $0 } }

    /// By our names and Loki's; false where there is no such level.
    func set(_ name: String) -> Bool {
        let wanted = name == "warn" ? "warning" : name
        guard let level = Logger.Level(rawValue: wanted) else { return false }
        current.withLock { $0 = level }
        return true
    }

    /// The logger, following this.
    func adjustable(_ logger: Logger) -> Logger {
        var base = logger.handler
        base.logLevel = .trace
        var out = logger
        out.handler = AdjustableLogHandler(base: base, control: self)
        return out
    }
}

private struct AdjustableLogHandler: LogHandler {
    var base: any LogHandler
    let control: LogLevelControl
    private var own: Logger.Level?

    init(base: any LogHandler, control: LogLevelControl) {
        self.base = base
        self.control = control
    }

    var logLevel: Logger.Level {
        get { own ?? control.level }
        set { own = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { base.log(event: event) }
}
