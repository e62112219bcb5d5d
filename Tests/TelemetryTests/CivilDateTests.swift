import Testing

@testable import Telemetry

@Suite struct CivilDateTests {
    @Test func `days and dates are each other's inverse, through leap years and centuries`() {
        let cases: [(Int64, Int64, Int64, Int64)] = [
            (0, 1970, 1, 1), (-1, 1969, 12, 31), (11_016, 2000, 2, 29), (-25_509, 1900, 2, 28), (-25_508, 1900, 3, 1),
            (47_540, 2100, 2, 28), (47_541, 2100, 3, 1), (-719_162, 1, 1, 1), (-719_528, 0, 1, 1), (-719_529, -1, 12, 31),
            (20_778, 2026, 11, 21),
        ]
        for (days, year, month, day) in cases {
            #expect(CivilDate(daysSince1970: days) == CivilDate(year: year, month: month, day: day), "\(days)")
        }
        var before = CivilDate(daysSince1970: -800_001)
        for days in -800_000...800_000 as ClosedRange<Int64> {
            let date = CivilDate(daysSince1970: days)
            let isNext =
                date.day == before.day + 1 && date.month == before.month
                || date.day == 1 && (date.month == before.month + 1 || date.month == 1 && date.year == before.year + 1)
            guard isNext, date.daysSince1970 == days else {
                Issue.record("\(days): \(date) behind \(before)")
                return
            }
            before = date
        }
    }
}
