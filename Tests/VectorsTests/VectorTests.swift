import Telemetry
import Testing
import Vectors

@Suite struct VectorTests {
    /// Series of a grid of two points; NaN stands for "absent".
    static func matrix(_ series: [(String, [Double])]) -> StepMatrix {
        StepMatrix(
            grid: StepGrid(start: 0, end: 1000, step: 1000),
            series: series.map { text, values in
                let labels = text.split(separator: ",").map { pair in
                    let parts = pair.split(separator: "=", maxSplits: 1)
                    return Label(String(parts[0]), String(parts[1]))
                }
                return StepSeries(labels: LabelSet(labels), values: values, present: values.map { !$0.isNaN })
            })
    }

    static func texts(_ matrix: StepMatrix) -> [String] {
        matrix.series.map { series in
            "\(series.labels) "
                + series.values.indices.map { series.present[$0] ? formatValue(series.values[$0]) : "_" }.joined(
                    separator: " ")
        }
    }

    @Test func gridsCountTheirPoints() {
        let cases: [(Int64, Int64, Int64, Int)] = [
            (0, 10, 5, 3), (0, 9, 5, 2), (5, 5, 1, 1), (5, 4, 1, 0), (5, 5, 0, 1), (.min, .max, 1, 0),
        ]
        for (start, end, step, count) in cases { #expect(StepGrid(start: start, end: end, step: step).count == count) }
    }

    @Test func aggregationsKeepPointsApart() throws {
        let input = VectorTests.matrix([("a=1,b=1", [1, 2]), ("a=1,b=2", [3, .nan]), ("a=2,b=1", [.nan, 5])])
        let cases: [(AggregationOperator, Grouping, AggregationParameter, [String])] = [
            (.sum, .by(["a"]), .none, ["{a=\"1\"} 4 2", "{a=\"2\"} _ 5"]), (.sum, .none, .none, ["{} 4 7"]),
            (.avg, .without(["b"]), .none, ["{a=\"1\"} 2 2", "{a=\"2\"} _ 5"]), (.count, .none, .none, ["{} 2 2"]),
            (.max, .none, .none, ["{} 3 5"]), (.min, .none, .none, ["{} 1 2"]),
            (.topk, .none, .scalar(1), ["{a=\"1\", b=\"2\"} 3 _", "{a=\"2\", b=\"1\"} _ 5"]),
            (.bottomk, .none, .scalars([1, 0]), ["{a=\"1\", b=\"1\"} 1 _"]),
            (.quantile, .none, .scalar(0.5), ["{} 2 3.5"]),
            (.countValues, .none, .label("v"), ["{v=\"1\"} 1 _", "{v=\"2\"} _ 1", "{v=\"3\"} 1 _", "{v=\"5\"} _ 1"]),
        ]
        for (operation, grouping, parameter, wanted) in cases {
            var notes = Annotations()
            let output = try aggregate(operation, grouping: grouping, parameter: parameter, input, annotations: &notes)
            #expect(VectorTests.texts(output) == wanted, "\(operation)")
            #expect(notes.isEmpty)
        }
        var notes = Annotations()
        #expect(throws: VectorError.parameterNotANumber) {
            try aggregate(.topk, grouping: .none, parameter: .scalar(.nan), input, annotations: &notes)
        }
    }

    @Test func matchingErrorsAreOnlyWhereTwoMeetAtOnePoint() throws {
        var notes = Annotations()
        let left = VectorTests.matrix([("a=1", [1, 1])])
        // Two series of one match group, never at the same point.
        let apart = VectorTests.matrix([("a=1,b=1", [10, .nan]), ("a=1,b=2", [.nan, 20])])
        let on = VectorMatching(on: true, labels: ["a"])
        let joined = try binary(.add, left, apart, matching: on, annotations: &notes)
        #expect(VectorTests.texts(joined) == ["{a=\"1\"} 11 21"])
        let together = VectorTests.matrix([("a=1,b=1", [10, 10]), ("a=1,b=2", [.nan, 20])])
        #expect(
            throws: VectorError.duplicateSeries(
                group: "{a=\"1\"}", side: "right", first: "{a=\"1\", b=\"2\"}", second: "{a=\"1\", b=\"1\"}")
        ) { try binary(.add, left, together, matching: on, annotations: &notes) }
        #expect(throws: VectorError.implicitManyToOne) {
            try binary(.add, together, left, matching: on, annotations: &notes)
        }
        let grouped = VectorMatching(on: true, labels: ["a"], cardinality: .manyToOne, include: ["b"])
        #expect(throws: VectorError.ambiguousGrouping) {
            try binary(.add, together, left, matching: grouped, annotations: &notes)
        }
        let many = VectorMatching(on: true, labels: ["a"], cardinality: .manyToOne)
        let output = try binary(.multiply, together, left, matching: many, annotations: &notes)
        #expect(VectorTests.texts(output) == ["{a=\"1\", b=\"1\"} 10 10", "{a=\"1\", b=\"2\"} _ 20"])
        let sets = VectorMatching(on: true, labels: ["a"], cardinality: .manyToMany)
        let unless = try binary(
            .unless, together, VectorTests.matrix([("a=1", [.nan, 1])]), matching: sets, annotations: &notes)
        #expect(VectorTests.texts(unless) == ["{a=\"1\", b=\"1\"} 10 _"])
    }

    @Test func classicBucketsAreRepairedBeforeTheyAreRead() {
        func buckets(_ pairs: [(Double, Double)]) -> ClassicBuckets {
            ClassicBuckets(pairs.map { ClassicBuckets.Bucket(upperBound: $0.0, count: $0.1) })
        }
        var falling = buckets([(1, 10), (2, 8), (.infinity, 20)])
        let repaired = falling.quantile(0.5)
        #expect(repaired.repair?.largestDifference == 2)
        #expect(repaired.value == 1)
        var rounding = buckets([(1, 10), (2, 10 - 1e-13), (.infinity, 10)])
        #expect(rounding.quantile(0.5).repair == nil)
        var negative = buckets([(-1, 5), (.infinity, 10)])
        #expect(negative.quantile(0.1).value == -1)
        var empty = buckets([(1, 0), (.infinity, 0)])
        #expect(empty.quantile(0.5).value.isNaN)
        var merged = buckets([(1, 2), (1, 3), (.infinity, 10)])
        #expect(merged.quantile(0.25).value == 0.5)
    }
}
