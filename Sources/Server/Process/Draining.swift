import Logging
import ServiceLifecycle

/// A listener whose shutdown is bounded: a client that stops in the middle of a request would hold the process until
/// the service group loses its patience, half a minute later, and with it everything that has to stop afterwards.
struct Draining: Service, CustomStringConvertible {
    let description: String
    let service: any Service
    let patience: Duration
    let logger: Logger

    func run() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await service.run()
                return true
            }
            group.addTask {
                try? await gracefulShutdown()
                try? await Task.sleep(for: patience)
                return false
            }
            let isDrained = try await group.next() ?? true
            group.cancelAll()
            guard !isDrained else { return }
            logger.notice(
                "requests were still open; their connections are closed", metadata: ["listener": "\(description)"])
            _ = try? await group.next()
        }
    }
}
