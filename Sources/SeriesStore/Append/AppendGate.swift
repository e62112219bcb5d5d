import Synchronization

/// Appends pass together; a checkpoint passes alone, when those before it have left. No thread is blocked.
final class AppendGate: Sendable {
    private struct State {
        var inside = 0
        var isExclusive = false
        var exclusive: [CheckedContinuation<Void, Never>] = []
        var shared: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func enter() async {
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                if state.isExclusive || !state.exclusive.isEmpty {
                    state.shared.append(continuation)
                    return false
                }
                state.inside += 1
                return true
            }
            if passes { continuation.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.inside -= 1
            guard state.inside == 0, !state.exclusive.isEmpty else { return nil }
            state.isExclusive = true
            return state.exclusive.removeFirst()
        }
        next?.resume()
    }

    func enterAlone() async {
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                if state.isExclusive || state.inside > 0 {
                    state.exclusive.append(continuation)
                    return false
                }
                state.isExclusive = true
                return true
            }
            if passes { continuation.resume() }
        }
    }

    func leaveAlone() {
        let next = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            if !state.exclusive.isEmpty { return [state.exclusive.removeFirst()] }
            state.isExclusive = false
            state.inside += state.shared.count
            defer { state.shared = [] }
            return state.shared
        }
        for continuation in next { continuation.resume() }
    }
}
