import ServiceLifecycle
import Synchronization

/// Opens once; until then, who waits waits.
final class StartGate: Sendable {
    private struct State {
        var isOpen = false
        var next = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume() }
    }

    /// Returns when the gate is open, the process stops, or the task is cancelled.
    func wait() async {
        await cancelWhenGracefulShutdown { [self] in
            let number = state.withLock { state in
                state.next += 1
                return state.next
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let goesOn = state.withLock { state in
                        if state.isOpen || Task.isCancelled { return true }
                        state.waiting[number] = continuation
                        return false
                    }
                    if goesOn { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
            }
        }
    }
}

/// A service that begins soon after a gate opens, and never where the process stops before that.
struct Gated: Service, CustomStringConvertible {
    /// Whoever has been waiting behind the gate asks first.
    private static let courtesy = Duration.milliseconds(20)

    let service: any Service
    let gate: StartGate

    var description: String { "\(service)" }

    func run() async throws {
        await gate.wait()
        try? await Task.sleep(for: Gated.courtesy)
        guard !Task.isShuttingDownGracefully else { return }
        try await service.run()
    }
}
