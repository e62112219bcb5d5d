import Storage
import Vectors

extension ServerProcess {
    /// A context for one query, with the process' limits; that of the running query where there is one. `timeout` in
    /// milliseconds can only shorten.
    package func queryContext(timeout: Int64? = nil) -> QueryContext {
        if let query = RunningQuery.current { return query.context }
        let limit = min(timeout ?? options.queryTimeout, options.queryTimeout)
        return QueryContext(
            limits: .init(
                memory: min(options.queryMemory, budget.limit / 4), samples: options.queryMaxSamples,
                deadline: .now + .milliseconds(max(1, limit))), budget: budget)
    }

    /// A client's query, once it has its turn. It ends when its client goes; its caller finishes it when the answer is
    /// sent.
    func begin(
        _ language: QueryLanguage, _ text: String, for call: HTTPCall, timeout: Int64? = nil
    ) async throws -> RunningQuery {
        let question = RunningQuery.Question(language, text, from: .client(call.connection?.address ?? ""))
        return try await queries.begin(
            question, queryContext(timeout: timeout), call.connection, isQuick: call.isQuick)
    }

    /// One query of a client from its turn to its answer, where that is not sent in pieces.
    func query<T: Sendable>(
        _ language: QueryLanguage, _ text: String, for call: HTTPCall,
        _ body: @Sendable (RunningQuery) async throws -> T
    ) async throws -> T {
        let query = try await begin(language, text, for: call)
        defer { query.finish() }
        return try await RunningQuery.$current.withValue(query) {
            try await timed(query) { try await query.run { _ in try await body(query) } }
        }
    }

    /// Measures the evaluation of a query.
    func timed<T>(_ query: RunningQuery, _ body: () async throws -> T) async throws -> T {
        let started = ContinuousClock.now
        defer {
            metrics.queryDuration.observe(
                ContinuousClock.now - started, ["language": query.question.language.rawValue])
        }
        return try await body()
    }

    func registerQueryMetrics() {
        let registry = metrics.registry
        let running = registry.gauge("needletail_queries_running", help: "Queries that are being answered.")
        let waiting = registry.gauge("needletail_queries_waiting", help: "Queries that wait for their turn.")
        let most = registry.gauge("needletail_queries_max_concurrency", help: "Queries that may run at once.")
        let killed = registry.counter("needletail_queries_killed_total", help: "Queries that a person ended.")
        registry.onCollect { [queries] in
            let counts = queries.counts
            running.set(Double(counts.running))
            waiting.set(Double(counts.waiting))
            most.set(Double(queries.places))
            killed.set(Double(counts.killed))
        }
    }
}
