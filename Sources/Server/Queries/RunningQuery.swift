import Storage
import Synchronization

package enum QueryLanguage: String, Sendable {
    case promql, logql, traceql
    /// Questions without a language: labels, series, a trace by its id.
    case names
}

/// One query from its arrival until the last byte of its answer.
///
/// It is in the list of running queries, has a lane among the query threads, and ends early when it is killed, when its
/// client goes, or when its time is over.
package final class RunningQuery: Sendable {
    package enum Origin: Sendable, Equatable {
        /// `address:port`, empty where it is not known.
        case client(String)
        /// A recording or alerting rule of this process.
        case rule

        package var isRule: Bool { self == .rule }
    }

    /// What somebody wants to know.
    package struct Question: Sendable {
        package var language: QueryLanguage
        package var text: String
        package var origin: Origin

        package init(_ language: QueryLanguage, _ text: String, from origin: Origin) {
            self.language = language
            self.text = text
            self.origin = origin
        }
    }

    /// The query whose handler runs, for handlers that make their contexts themselves.
    @TaskLocal static var current: RunningQuery?

    package let id: String
    package let question: Question
    /// Milliseconds since 1970.
    package let started: Int64
    package let context: QueryContext
    private let begun = ContinuousClock.now
    /// Nil for a query that is answered on the thread that it came by.
    private let lane: QueryLane?
    private let list: QueryList
    private let state = Mutex(State())

    private struct State {
        /// Nil while the query waits for its turn.
        var waited: Duration?
        var isFinished = false
        var watch: (watch: ConnectionWatch, number: Int)?
        /// Wakes a query that waits for its turn.
        var wake: (@Sendable () -> Void)?
    }

    init(id: String, _ question: Question, _ context: QueryContext, isQuick: Bool = false, list: QueryList) {
        self.id = id
        self.question = question
        self.context = context
        self.list = list
        started = TimeParameters.nowMilliseconds
        lane = isQuick ? nil : QueryLane(context)
    }

    deinit { finish() }

    package var elapsed: Duration { ContinuousClock.now - begun }
    /// Other queries have all the places.
    package var isWaiting: Bool { state.withLock { $0.waited == nil } }
    /// Time before it had its turn.
    package var waited: Duration { state.withLock { $0.waited } ?? elapsed }

    func didGetPlace() {
        let waited = elapsed
        state.withLock { $0.waited = waited }
    }

    /// Ends the query early.
    package func end(_ reason: QueryContext.Ending) {
        context.cancel(reason)
        let wake = state.withLock { $0.wake }
        wake?()
    }

    func onEnd(_ wake: (@Sendable () -> Void)?) { state.withLock { $0.wake = wake } }

    /// Ends the query when its client hangs up.
    func follow(_ connection: ClientConnection?) async {
        guard let watch = await connection?.watch() else { return }
        guard let number = watch.whenGone({ [weak self] in self?.end(.cancelled) }) else { return }
        state.withLock { $0.watch = (watch, number) }
    }

    /// Runs the body in the query's lane, if it has one.
    package func run<T: Sendable>(_ body: @Sendable (QueryContext) async throws -> T) async throws -> T {
        guard let lane else {
            try context.check()
            let before = ProcessorTime.ofThisThread
            defer { context.count { $0.processorTime += ProcessorTime.ofThisThread - before } }
            return try await body(context)
        }
        return try await withTaskExecutorPreference(lane) {
            try context.check()
            defer { QueryLane.settle() }
            return try await body(context)
        }
    }

    /// Leaves the list and gives its place to another; the end of the value does the same.
    package func finish() {
        let watch: (watch: ConnectionWatch, number: Int)?? = state.withLock { state in
            guard !state.isFinished else { return nil }
            state.isFinished = true
            defer { state.watch = nil }
            return .some(state.watch)
        }
        guard let watch else { return }
        if let watch { watch.watch.forget(watch.number) }
        list.remove(self.id)
    }
}
