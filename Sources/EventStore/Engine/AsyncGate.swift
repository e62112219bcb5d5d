import Synchronization

/// Many may be inside, or one alone. Who wants to be alone goes before those who come later, so that it is not starved.
final class AsyncGate: Sendable {
    private struct State {
        var inside = 0
        var isAlone = false
        var waitingAlone: [CheckedContinuation<Void, Never>] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func enter() async {
        await withCheckedContinuation { continuation in
            let mayEnter = state.withLock { state in
                if state.isAlone || !state.waitingAlone.isEmpty {
                    state.waiting.append(continuation)
                    return false
                }
                state.inside += 1
                return true
            }
            if mayEnter { continuation.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.inside -= 1
            guard state.inside == 0, !state.waitingAlone.isEmpty else { return nil }
            state.isAlone = true
            return state.waitingAlone.removeFirst()
        }
        next?.resume()
    }

    func enterAlone() async {
        await withCheckedContinuation { continuation in
            let mayEnter = state.withLock { state in
                if state.isAlone || state.inside > 0 {
                    state.waitingAlone.append(continuation)
                    return false
                }
                state.isAlone = true
                return true
            }
            if mayEnter { continuation.resume() }
        }
    }

    func leaveAlone() {
        let next = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            if !state.waitingAlone.isEmpty { return [state.waitingAlone.removeFirst()] }
            state.isAlone = false
            let all = state.waiting
            state.waiting = []
            state.inside = all.count
            return all
        }
        for continuation in next { continuation.resume() }
    }
}
