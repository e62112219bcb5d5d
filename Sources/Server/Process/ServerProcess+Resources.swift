import Foundation
import Logging
import SeriesStore
import ServiceInstrumentation
import Storage
import Telemetry

extension ServerProcess {
    static func cardinalityLimits(_ options: ServeOptions, memory: Int) -> CardinalityLimits {
        var limits = CardinalityLimits(memoryLimit: memory)
        if let total = options.seriesLimit { limits.total = total }
        if let perTarget = options.seriesLimitPerTarget { limits.perTarget = perTarget }
        if let perMetric = options.seriesLimitPerMetric { limits.perMetric = perMetric }
        return limits
    }

    /// Looks at memory and disk, and says what the cardinality guard refuses, until cancelled.
    func watchResources() async {
        await withTaskGroup { group in
            group.addTask { [budget] in
                var watch = MemoryWatch(budget: budget)
                await watch.run()
            }
            group.addTask { [self] in
                var before = (level: MemoryPressure.Level.calm, isFull: false)
                while !Task.isCancelled {
                    disk.look()
                    let now = (level: budget.pressure.level, isFull: disk.isFull)
                    tell(now, after: before)
                    before = now
                    countRefusedSeries()
                    for sentence in cardinality.takeWarnings() { logger.warning("series refused: \(sentence)") }
                    try? await Task.sleep(for: .seconds(1))
                }
            }
        }
    }

    private typealias Resources = (level: MemoryPressure.Level, isFull: Bool)

    private func tell(_ now: Resources, after before: Resources) {
        if now.isFull != before.isFull {
            if now.isFull {
                logger.error(
                    "the disk is full: nothing is taken in until there is space again, queries go on",
                    metadata: ["path": "\(disk.path)", "free": "\(MemoryLimit.text(disk.freeBytes))"])
            } else {
                logger.notice("the disk has space again: data is taken in", metadata: ["path": "\(disk.path)"])
            }
        }
        guard now.level != before.level else { return }
        let usage = budget.usage
        let facts: Logger.Metadata = [
            "held": "\(MemoryLimit.text(usage.resident))", "limit": "\(MemoryLimit.text(usage.limit))",
        ]
        switch now.level {
        case .calm: logger.notice("memory is free again", metadata: facts)
        case .high: logger.warning("memory is short: merges wait, new series are refused", metadata: facts)
        case .critical: logger.error("memory is nearly out: nothing is taken in until some is free", metadata: facts)
        }
    }

    private func countRefusedSeries() {
        for (kind, name, label, count) in cardinality.takeRefusals() {
            metrics.seriesRefused.increment(
                by: Double(count),
                [
                    "kind": kind.rawValue, "subject": name.isEmpty ? "all" : metrics.subjects.admit(name),
                    "label": label,
                ])
        }
    }

    func registerMemoryMetrics() {
        let registry = metrics.registry
        let limit = registry.gauge("needletail_memory_limit_bytes", help: "Memory that the process may take.")
        let held = registry.gauge(
            "needletail_memory_held_bytes", help: "Memory of the process that the kernel cannot take back by itself.")
        let accounts = registry.gauge("needletail_memory_account_bytes", help: "Memory by what it is for, estimated.")
        let level = registry.gauge(
            "needletail_memory_pressure", help: "0: calm; 1: new series refused; 2: ingestion refused.")
        let refused = registry.counter(
            "needletail_memory_reservations_refused_total", help: "Queries and requests that found no memory.")
        let free = registry.gauge("needletail_disk_free_bytes", help: "Space left on the disk of the data folder.")
        let full = registry.gauge(
            "needletail_disk_full", help: "Whether ingestion is refused because the disk is full.")
        let limited = registry.gauge(
            "needletail_series_limited", help: "Targets and metrics whose new series are refused at the moment.")
        registry.onCollect { [budget, disk, cardinality] in
            let usage = budget.usage
            limit.set(Double(usage.limit))
            held.set(Double(usage.resident))
            for (account, bytes) in usage.accounts { accounts.set(Double(bytes), ["account": "\(account)"]) }
            level.set(Double(usage.level.rawValue))
            refused.set(Double(usage.refused))
            free.set(Double(max(0, disk.freeBytes)))
            full.set(disk.isFull ? 1 : 0)
            limited.set(Double(cardinality.limited(top: .max).count))
        }
    }
}
