internal import Telemetry
internal import Vectors

/// Parts of a moment in UTC.
enum DatePart: String {
    case year, month, hour, minute
    case dayOfMonth = "day_of_month"
    case dayOfWeek = "day_of_week"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"

    /// `moment` in seconds since 1970. NaN and what no calendar reaches give NaN.
    func of(_ moment: Double) -> Double {
        guard moment.magnitude < 1e14 else { return .nan }
        let seconds = Int64(moment.rounded(.down))
        let days = seconds >= 0 ? seconds / 86_400 : -((86_399 - seconds) / 86_400)
        let secondOfDay = seconds - days * 86_400
        switch self {
        case .hour: return Double(secondOfDay / 3600)
        case .minute: return Double(secondOfDay % 3600 / 60)
        case .dayOfWeek: return Double(((days + 4) % 7 + 7) % 7)
        default: break
        }
        let (year, month, day) = DatePart.civil(days)
        switch self {
        case .year: return Double(year)
        case .month: return Double(month)
        case .dayOfMonth: return Double(day)
        case .daysInMonth: return Double(DatePart.length(month, year))
        default:
            var number = day
            for earlier in 1..<month { number += DatePart.length(earlier, year) }
            return Double(number)
        }
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func length(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Howard Hinnant's `civil_from_days`.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

extension Evaluator {
    mutating func date(_ part: DatePart, _ arguments: [Expression], _ grid: StepGrid) throws -> StepMatrix {
        guard let argument = arguments.first else {
            let numbers = seconds(of: grid).map { part.of($0) }
            let series = StepSeries(
                labels: .empty, values: numbers, present: [Bool](repeating: true, count: grid.count))
            return StepMatrix(grid: grid, series: [series])
        }
        var matrix = try vector(argument, grid)
        for at in matrix.series.indices {
            removeHistograms(&matrix.series[at])
            for i in 0..<grid.count where matrix.series[at].present[i] {
                matrix.series[at].values[i] = part.of(matrix.series[at].values[i])
            }
            matrix.series[at].dropName(setting.names)
        }
        return try settled(matrix)
    }
}
