import Testing

@testable import needletail

struct LogsTests {
    @Test func aBarShowsEveryLevelThatHasRoomAndIsAsLongAsItsTotal() {
        let levels = ["error", "warn", "info", "debug"]
        let cases: [(counts: [String: Int], most: Int, width: Int, cells: [Int])] = [
            (["info": 100], 100, 40, [40]),
            (["info": 50], 100, 40, [20]),
            (["error": 1, "info": 99], 100, 40, [1, 39]),
            (["error": 1, "warn": 1, "info": 1, "debug": 97], 100, 10, [1, 1, 1, 7]),
            (["info": 1], 1_000, 40, [1]),
            ([:], 100, 40, []),
            (["info": 1], 0, 40, []),
        ]
        for (counts, most, width, cells) in cases {
            let bar = LogHistogram.bar(counts, levels, most: most, width: width)
            #expect(bar.map(\.cells) == cells, "\(counts)")
        }
    }

    @Test func stepsAreWhatPeopleCountIn() {
        let minute: Int64 = 60_000
        let cases: [(length: Int64, step: Int64)] = [
            (minute, 2_000), (5 * minute, 10_000), (60 * minute, 2 * minute), (24 * 60 * minute, 60 * minute),
            (100, 1_000), (90 * 24 * 60 * minute, 4 * 24 * 60 * minute),
        ]
        for (length, step) in cases { #expect(LogHistogram.step(length) == step, "\(length) ms") }
    }

    @Test func aStreamIsAskedForByItsLabelsWhateverIsInThem() {
        #expect(LogContext.selector(["b": "x\"y\\z", "a": "1\n2"]) == #"{a="1\n2", b="x\"y\\z"}"#)
    }

    @Test func changesAreSaidAgainstTheTimeBefore() {
        let cases: [(growth: Double?, isNew: Bool, text: String)] = [
            (0.5, false, "+50%"), (-0.75, false, "-75%"), (nil, true, "new"), (nil, false, "back"),
        ]
        for (growth, isNew, text) in cases {
            let template = LogPatterns.Template(
                pattern: "<_>", level: "", labels: [:], count: 1, before: 0, growth: growth, new: isNew, firstSeen: 0,
                lastSeen: 0)
            #expect(template.change == text)
        }
    }
}
