import Synchronization

/// What the manager tells a running loop.
final class TargetControl: Sendable {
    private struct State {
        var isStopped = false
        var failure: String?
    }

    private let state = Mutex(State())

    var isStopped: Bool { state.withLock { $0.isStopped } }
    func stop() { state.withLock { $0.isStopped = true } }

    /// Why no scrape of the target can succeed at the moment; nil where nothing is wrong.
    var failure: String? {
        get { state.withLock { $0.failure } }
        set { state.withLock { $0.failure = newValue } }
    }
}
