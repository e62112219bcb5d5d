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
        let date = CivilDate(daysSince1970: days)
        switch self {
        case .year: return Double(date.year)
        case .month: return Double(date.month)
        case .dayOfMonth: return Double(date.day)
        case .daysInMonth: return Double(DatePart.length(date.month, date.year))
        default:
            var number = date.day
            for earlier in 1..<date.month { number += DatePart.length(earlier, date.year) }
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
