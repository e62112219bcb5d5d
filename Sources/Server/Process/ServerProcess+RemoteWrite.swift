import Endpoints
import Logging
import RemoteWriting
import SeriesStore
import ServiceInstrumentation
import Storage
import Telemetry

extension ServerProcess {
    static func remoteWrites(
        _ folder: DataFolder, _ options: ServeOptions, _ series: EmbeddedSeriesStore,
        _ connections: EndpointConnections, _ logger: Logger
    ) -> RemoteWriteManager {
        RemoteWriteManager(
            folder: folder.path + "/remote-write", fileSystem: folder.fileSystem, connections: connections,
            syncsAlways: options.syncAlways, logger: logger, now: { TimeParameters.nowMilliseconds },
            metadata: { (try? await series.metadata()) ?? [:] })
    }

    /// Under Prometheus' names, which dashboards and alerts about remote write know.
    func registerRemoteWriteMetrics() {
        let registry = metrics.registry
        let manager = remoteWrites
        let prefix = "prometheus_remote_storage_"
        let counters: [(Counter, @Sendable (RemoteWriteStatistics) -> Int)] = [
            (registry.counter(prefix + "samples_total", help: "Samples that the receiver took."), { $0.samples }),
            (
                registry.counter(prefix + "histograms_total", help: "Histograms that the receiver took."),
                { $0.histograms }
            ),
            (registry.counter(prefix + "exemplars_total", help: "Exemplars that the receiver took."), { $0.exemplars }),
            (
                registry.counter(prefix + "metadata_total", help: "Metadata entries that the receiver took."),
                { $0.metadata }
            ),
            (
                registry.counter(prefix + "samples_failed_total", help: "Samples that the receiver refused for good."),
                { $0.failed }
            ),
            (registry.counter(prefix + "samples_retried_total", help: "Samples that were sent again."), { $0.retried }),
            (registry.counter(prefix + "bytes_total", help: "Compressed bytes that the receiver took."), { $0.bytes }),
        ]
        let gauges: [(Gauge, @Sendable (RemoteWriteStatistics) -> Double)] = [
            (registry.gauge(prefix + "samples_pending", help: "Samples in memory that wait."), { Double($0.pending) }),
            (registry.gauge(prefix + "shards", help: "Requests that may be under way at once."), { Double($0.shards) }),
            (
                registry.gauge(prefix + "shards_desired", help: "Shards that would keep up."),
                { Double($0.desiredShards) }
            ),
            (registry.gauge(prefix + "shards_min", help: "Fewest shards."), { Double($0.minShards) }),
            (registry.gauge(prefix + "shards_max", help: "Most shards."), { Double($0.maxShards) }),
            (
                registry.gauge(prefix + "shard_capacity", help: "Samples that wait in one shard."),
                { Double($0.capacity) }
            ),
            (
                registry.gauge(
                    prefix + "queue_highest_sent_timestamp_seconds", help: "Newest sample that the receiver took."),
                { Double($0.highestSent) / 1_000 }
            ),
            (
                registry.gauge("needletail_remote_write_bytes_behind", help: "Bytes of the queue that are not done."),
                { Double($0.bytesBehind) }
            ),
        ]
        let dropped = registry.counter(prefix + "samples_dropped_total", help: "Samples that were not sent, by reason.")
        let lost = registry.counter(
            "needletail_remote_write_queue_dropped_total", help: "Samples that left the queue by its limits.")
        let highest = registry.gauge(prefix + "highest_timestamp_in_seconds", help: "Newest sample that was stored.")
        let disk = registry.gauge("needletail_remote_write_queue_bytes", help: "Bytes of the queue on disk.")
        let report = RemoteWriteReport(counters: counters, gauges: gauges, dropped: dropped)
        registry.onCollect {
            let all = manager.statistics
            guard !all.isEmpty else { return }
            for (name, url, statistics) in all {
                report.show(statistics, [("remote_name", name), ("url", url)])
            }
            highest.set(Double(manager.highestTimestamp) / 1_000)
            disk.set(Double(manager.bytesOnDisk))
            lost.set(Double(manager.droppedByLimits))
        }
    }
}

private struct RemoteWriteReport: Sendable {
    let counters: [(Counter, @Sendable (RemoteWriteStatistics) -> Int)]
    let gauges: [(Gauge, @Sendable (RemoteWriteStatistics) -> Double)]
    let dropped: Counter

    func show(_ statistics: RemoteWriteStatistics, _ remote: [(String, String)]) {
        let labels = MetricLabels(remote)
        for (counter, value) in counters { counter.set(Double(value(statistics)), labels) }
        for (gauge, value) in gauges { gauge.set(value(statistics), labels) }
        for (reason, count) in statistics.dropped {
            dropped.set(Double(count), MetricLabels(remote + [("reason", reason)]))
        }
    }
}
