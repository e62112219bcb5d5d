import Foundation
import Synchronization

/// Nothing that was started may outlive the benchmark, not even after control-C.
package enum Children {
    private static let running = Mutex<Set<pid_t>>([])

    package static func add(_ child: pid_t) { _ = running.withLock { $0.insert(child) } }
    package static func remove(_ child: pid_t) { _ = running.withLock { $0.remove(child) } }

    package static func endAll() { for child in running.withLock({ $0 }) { kill(child, SIGKILL) } }

    /// `clean` removes what is left on the disk. Holds as long as the result lives.
    package static func endOnSignals(clean: @escaping @Sendable () -> Void) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                endAll()
                clean()
                exit(130)
            }
            source.resume()
            return source
        }
    }
}
