import Logging
import Storage
import Telemetry

extension ServerProcess {
    /// Writes parts, merges and drops them in the background until cancelled.
    func maintain() async {
        await withTaskGroup { group in
            group.addTask(executorPreference: QueryExecutor.metricsBackground) { [self] in await series.run() }
            group.addTask(executorPreference: QueryExecutor.background) { [self] in await maintainRest() }
        }
    }

    private func maintainRest() async {
        var lastRetention: Int64 = 0
        var applied: RetentionConfiguration?
        while !Task.isCancelled {
            do { try await Task.sleep(for: .seconds(2)) } catch { return }
            let now = TimeParameters.nowMilliseconds
            // One that fails, on a full disk perhaps, does not keep the others from giving space back.
            await attempt("sealing and merging logs and traces") { try await maintainEvents(now: now) }
            let retention = configuration.retention
            // A configuration that was loaded holds at once.
            guard now - lastRetention > 600_000 || retention != applied else { continue }
            lastRetention = now
            applied = retention
            await attempt("dropping old metrics") { try await series.retain(after: now - retention.metrics) }
            await attempt("dropping metrics over their size") { try await dropMetricsOverSize(retention) }
            await attempt("dropping old logs") { try await retain(.logs, retention.logs, now) }
            await attempt("dropping old traces") { try await retain(.spans, retention.traces, now) }
            ReleaseFreeMemory.now()
        }
    }

    private func retain(_ table: EventTable, _ retention: RetentionConfiguration.Events, _ now: Int64) async throws {
        try await events.retain(table, rules: retention.storeRules(now: now))
        try await events.retain(table, after: retention.earliest(now: now))
        if retention.bytes > 0 { try await events.retain(table, bytes: retention.bytes) }
    }

    private func dropMetricsOverSize(_ retention: RetentionConfiguration) async throws {
        var limit = retention.metricsBytes > 0 ? retention.metricsBytes : Int.max
        if retention.metricsPercentage > 0 {
            let whole = try folder.fileSystem.totalSpace(at: folder.path)
            limit = min(limit, Int(Double(whole) * retention.metricsPercentage / 100))
        }
        if limit < .max { try await series.retain(bytes: limit) }
    }

    private func attempt(_ what: String, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            logger.warning(
                "background work failed and will be tried again", metadata: ["work": "\(what)", "error": "\(error)"])
        }
    }

    /// Merging takes memory and sealing gives it back: under pressure only the latter, and not tiny parts every time.
    private func maintainEvents(now: Int64) async throws {
        if budget.pressure.level == .calm {
            try await events.maintain(now: now * 1_000_000)
            // Merges have mostly taken a part by then: its lines are looked at once.
            try await events.summariseTemplates(olderThan: .seconds(600))
            return
        }
        if now / 2000 % 5 == 0 { try await events.seal() }
    }
}
