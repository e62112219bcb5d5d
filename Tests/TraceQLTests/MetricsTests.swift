import Storage
import Telemetry
import TestSupport
import Testing

@testable import TraceQL

private let second: Int64 = 1_000_000_000

/// Series as text: labels and the values that are numbers, per step.
private func lines(_ result: TraceMetricsResult) -> [String] {
    result.series.map { series in
        let labels = series.labels.map { "\($0.name)=\($0.value.text)" }.joined(separator: ",")
        let values = series.values.map { $0.isNaN ? "-" : "\(($0 * 1000).rounded() / 1000)" }.joined(separator: " ")
        return "{\(labels)} \(values)"
    }
}

/// Steps of 4 s: the shop's spans start at 0–0.88 s (checkout), 2–2.02 s (browse), 5 s and 7 s.
private let expectations: [(query: String, lines: [String])] = [
    ("{} | count_over_time()", ["{__name__=count_over_time} 1.0 8.0 3.0"]),
    ("{} | rate()", ["{__name__=rate} 0.25 2.0 0.75"]),
    ("{ name = `nothing` } | rate()", []),
    (
        "{ kind = server } | count_over_time() by (resource.service.name)",
        [
            "{resource.service.name=cart} 0.0 1.0 0.0", "{resource.service.name=catalogue} 0.0 1.0 0.0",
            "{resource.service.name=payment} 0.0 1.0 0.0", "{resource.service.name=web} 1.0 1.0 0.0",
        ]
    ),
    ("{ status = error } | max_over_time(duration)", ["{__name__=max_over_time} 0.9 0.8 0.005"]),
    ("{ status = error } | min_over_time(duration)", ["{__name__=min_over_time} 0.9 0.7 0.005"]),
    ("{ .rows > 0 } | sum_over_time(span.rows)", ["{__name__=sum_over_time} - 43.0 -"]),
    ("{} | avg_over_time(.rows)", ["{__name__=avg_over_time} - 21.5 -"]),
    ("{} | avg_over_time(.cost)", ["{__name__=avg_over_time} - 0.5 -"]),
    (
        "{ kind = client } | histogram_over_time(duration)",
        [
            "{__bucket=0.033554432} 0.0 1.0 0.0", "{__bucket=0.067108864} 0.0 1.0 0.0",
            "{__bucket=1.073741824} 0.0 1.0 0.0",
        ]
    ),
    (
        "{ nestedSetParent < 0 } | count_over_time() by (name)",
        ["{name=GET /browse} 0.0 1.0 0.0", "{name=POST /checkout} 1.0 0.0 0.0", "{name=process order} 0.0 0.0 1.0"]
    ),
    ("{ kind = server } > { kind = client } | count_over_time()", ["{__name__=count_over_time} 0.0 3.0 0.0"]),
    ("{ rootServiceName = `web` } | count_over_time()", ["{__name__=count_over_time} 1.0 8.0 0.0"]),
    (
        "{} | count_over_time() by (.vip)",
        ["{.vip=false} 0.0 1.0 0.0", "{.vip=nil} 0.0 7.0 3.0", "{.vip=true} 1.0 0.0 0.0"]
    ),
    (
        "{} | count_over_time() by (resource.service.name) | topk(1)",
        [
            "{resource.service.name=cart} - 2.0 -", "{resource.service.name=ratings} - - 2.0",
            "{resource.service.name=web} 1.0 - -",
        ]
    ),
    (
        "{} | count_over_time() by (resource.service.name) > 1",
        [
            "{resource.service.name=cart} - 2.0 -", "{resource.service.name=catalogue} - 2.0 -",
            "{resource.service.name=payment} - 2.0 -", "{resource.service.name=ratings} - - 2.0",
            "{resource.service.name=web} - 2.0 -",
        ]
    ),
    (
        "({ status = error } | count_over_time()) * 100 / ({} | count_over_time())",
        ["{__name__=count_over_time} 100.0 25.0 33.333"]
    ),
    (
        "({ status = error } | count_over_time() by (kind)) / ({} | count_over_time() by (kind))",
        ["{kind=client} - 0.333 -", "{kind=internal} - - 0.5", "{kind=server} 1.0 0.25 -"]
    ),
    (
        "({ status = error } | count_over_time() by (kind)) / ({} | count_over_time())",
        ["{kind=client} 0.0 0.125 0.0", "{kind=internal} 0.0 0.0 0.333", "{kind=server} 1.0 0.125 0.0"]
    ),
    ("2 * ({ .vip } | count_over_time()) - 1", ["{__name__=count_over_time} 1.0 -1.0 -1.0"]),
    ("{ .vip } | quantile_over_time(duration, 0.5, 1)", ["{p=0.5} 0.9 - -", "{p=1.0} 0.9 - -"]),
]

@Suite struct MetricsTests {
    @Test func seriesAreTheSameWithAndWithoutPushDown() async throws {
        // Every span twice: a copy must not count.
        let reader = MemoryReader(batch: makeBatch(shop + shop))
        var off = TraceQLEngine.Options()
        off.pushesDown = false
        for (query, expected) in expectations {
            let tree = try TraceQLEngine.parse(query)
            for engine in [TraceQLEngine(reader: reader), TraceQLEngine(reader: reader, options: off)] {
                let result = try await engine.metricsRange(
                    tree, start: testEpoch, end: testEpoch + 8 * second, step: 4 * second, context: QueryContext())
                #expect(lines(result) == expected, "\(query)")
            }
        }
    }

    @Test func anInstantQueryHasOneValueOverTheRange() async throws {
        let engine = TraceQLEngine(reader: MemoryReader(batch: makeBatch(shop)))
        for (query, expected) in [
            ("{} | count_over_time()", 9.0), ("{} | rate()", 9.0 / 4), ("{} | sum_over_time(.rows)", 43),
        ] {
            let result = try await engine.metricsInstant(
                try TraceQLEngine.parse(query), start: testEpoch, end: testEpoch + 4 * second, context: QueryContext())
            #expect(result.series.map(\.values) == [[expected]], "\(query)")
        }
    }

    @Test func quantilesAreWithinABucketOfTheTruth() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var histogram = LogHistogram()
            let values = (0..<2_000).map { _ in
                let size = Double.random(in: 0...6, using: &generator)
                return (seed % 2 == 0 && Bool.random(using: &generator) ? -1 : 1) * binaryPower(size)
            }.sorted()
            for value in values { histogram.add(value) }
            for quantile in [0, 0.01, 0.25, 0.5, 0.9, 0.99, 1] {
                // Where the rank falls between two values, either is a true quantile.
                let rank = Int(quantile * Double(values.count))
                let truths = [rank - 1, rank].map { values[min(values.count - 1, max(0, $0))] }
                let found = histogram.quantile(quantile)
                #expect(
                    truths.contains { abs(found - $0) <= 0.025 * abs($0) },
                    "seed \(seed) q \(quantile): \(found) for \(truths)")
            }
        }
        #expect(LogHistogram().quantile(0.5).isNaN)
    }

    @Test func stepsAreAlignedAndBounded() throws {
        let grid = try TraceStepGrid(start: 13, end: 31, step: 10)
        #expect((0..<grid.count).map { grid.timestamp(of: $0) } == [10, 20, 30, 40])
        let indices = [0, 1, 10, 11, 20, 21, 40, 41].map { grid.index(of: Int64($0)) }
        #expect(indices == [nil, 0, 0, 1, 1, 2, 3, nil])
        for (start, end, step) in [
            (0, 10, 0), (10, 10, 1), (10, 5, 1), (0, Int64.max, 1), (-5, 10, 1), (0, .max, .max),
        ]
            as [(Int64, Int64, Int64)]
        {
            _ = try? TraceStepGrid(start: start, end: end, step: step)
        }
        #expect(throws: TraceQLError.self) { try TraceStepGrid(start: 0, end: .max, step: 1) }
        #expect(throws: TraceQLError.self) { try TraceStepGrid(start: 0, end: 10, step: 0) }
        let steps: [(Int64, Int64)] = [(3_600, 15), (86_400, 360), (600, 2), (60, 0)]
        for (range, expected) in steps {
            let step = TraceStepGrid.standardStep(start: 0, end: range * second)
            #expect(step == (expected == 0 ? 250_000_000 : expected * second), "\(range)")
        }
    }

    @Test func compareCountsValuesOfSelectedAndOtherSpans() async throws {
        let engine = TraceQLEngine(reader: MemoryReader(batch: makeBatch(shop)))
        let result = try await engine.metricsInstant(
            try TraceQLEngine.parse("{ kind = server } | compare({ status = error }, 1)"), start: testEpoch,
            end: testEpoch + 10 * second, context: QueryContext())
        let text = lines(result)
        for line in [
            "{__meta_type=selection,resource.service.name=payment} 1.0", "{__meta_type=selection_total,status=nil} 2.0",
            "{__meta_type=baseline_total,kind=nil} 3.0", "{__meta_type=baseline,kind=server} 3.0",
            "{__meta_type=baseline,span.http.response.status_code=200} 2.0",
        ] { #expect(text.contains(line), "\(line) in \(text)") }
        #expect(text.filter { $0.hasPrefix("{__meta_type=baseline,resource.service.name") }.count == 1)
    }

    @Test func exemplarsPointToTracesAndErrorsOfTheRunAreSaid() async throws {
        let engine = TraceQLEngine(reader: MemoryReader(batch: makeBatch(shop)))
        let result = try await engine.metricsRange(
            try TraceQLEngine.parse("{ kind = client } | max_over_time(duration)"), start: testEpoch,
            end: testEpoch + 8 * second, step: 4 * second, exemplars: 10, context: QueryContext())
        let exemplars = result.series.flatMap(\.exemplars)
        #expect(exemplars.count == 1)
        #expect(exemplars.first?.labels.first?.name == "trace:id")
        await #expect(throws: TraceQLError.evaluation("integer division by zero")) {
            try await engine.search(
                try TraceQLEngine.parse("{ .rows / 0 = 1 }"), range: shopRange, context: QueryContext())
        }
        await #expect(throws: TraceQLError.self) {
            try await engine.search(
                try TraceQLEngine.parse("({} | by(name)) >> {}"), range: shopRange, context: QueryContext())
        }
        await #expect(throws: StorageError.memoryBudgetExceeded(limit: 1_000)) {
            try await engine.search(
                try TraceQLEngine.parse("{}"), range: shopRange,
                context: QueryContext(limits: QueryContext.Limits(memory: 1_000)))
        }
    }
}
