import Foundation
import PromQL
import Storage
import Telemetry
import Testing
import Vectors

/// Only where `NEEDLETAIL_SPEED` is set, and only meaningful in a release build: prints milliseconds, asserts nothing
/// of time.
@Suite struct SpeedTests {
    static let queries = [
        "m_total", "rate(m_total[5m])", "sum by (job) (rate(m_total[5m]))", "max_over_time(m_total[10m])",
        "sum by (job) (rate(m_total[5m])) / on (job) count by (job) (m_total)", "m_total + m_total",
        "topk(5, rate(m_total[5m]))", "avg_over_time(sum(rate(m_total[5m]))[30m:1m])",
    ]

    @Test(.enabled(if: ProcessInfo.processInfo.environment["NEEDLETAIL_SPEED"] != nil))
    func queriesOverAThousandSeriesForSixHours() async throws {
        var reader = MemorySeriesReader()
        for i in 0..<1000 {
            let labels = LabelSet([
                Label("__name__", "m_total"), Label("instance", "host-\(i)"), Label("job", "job-\(i % 10)"),
            ])
            for step in 0..<1440 { reader.add(labels, Int64(step) * 15_000, Double(step * (i % 7 + 1))) }
        }
        let engine = PromQLEngine(reader: reader)
        for query in SpeedTests.queries {
            let started = ContinuousClock.now
            let result = try await engine.range(
                query, start: 600_000, end: 21_600_000, step: 60_000,
                context: QueryContext(limits: .init(memory: 4 << 30)))
            guard case .matrix(let matrix) = result.value else { continue }
            print(
                "\(query): \(matrix.series.count) series, \(matrix.grid.count) steps, \(ContinuousClock.now - started)")
            #expect(!matrix.series.isEmpty)
        }
    }
}
