import Foundation
import Glibc

/// Round numbers for an axis.
enum PlotAxis {
    /// Values at which an axis of `count` intervals or fewer is labelled, from below `low` to above `high`.
    static func ticks(_ low: Double, _ high: Double, count: Int, binary: Bool) -> [Double] {
        guard low.isFinite, high.isFinite, high > low, count > 0 else { return [low] }
        let step = niceStep((high - low) / Double(count), binary: binary)
        guard step > 0, step.isFinite else { return [low, high] }
        let first = (low / step).rounded(.down)
        let last = (high / step).rounded(.up)
        guard last - first <= 1000 else { return [low, high] }
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    /// 1, 2, 5 times a power of ten, or a power of two for bytes.
    private static func niceStep(_ raw: Double, binary: Bool) -> Double {
        if binary, raw >= 1 { return pow(2, log2(raw).rounded(.up)) }
        let power = pow(10, log10(raw).rounded(.down))
        for factor in [1.0, 2, 2.5, 5, 10] where factor * power >= raw * 0.999_999 { return factor * power }
        return 10 * power
    }

    /// Seconds between labels of a time axis with at most `count` of them.
    static func timeStep(_ range: Double, count: Int) -> Double {
        let steps: [Double] = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
            604_800, 2_592_000,
        ]
        return steps.first { range / $0 <= Double(max(1, count)) } ?? (range / Double(max(1, count)))
    }

    /// Seconds since 1970 in the time zone of the terminal: the time of day, with the date where the step is days.
    static func timeText(_ seconds: Double, step: Double, range: Double) -> String {
        let format = step >= 86_400 ? "%m-%d" : range > 86_400 ? "%m-%d %H:%M" : step < 60 ? "%H:%M:%S" : "%H:%M"
        return text(seconds, format)
    }

    static func text(_ seconds: Double, _ format: String) -> String {
        guard seconds.isFinite, seconds.magnitude < 1e12 else { return "" }
        var moment = time_t(seconds)
        var parts = tm()
        guard localtime_r(&moment, &parts) != nil else { return "" }
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Seconds by which local time is ahead of UTC, so that labels stand at whole local hours and days.
    static func zoneOffset(_ seconds: Double) -> Double {
        var moment = time_t(seconds)
        var parts = tm()
        guard localtime_r(&moment, &parts) != nil else { return 0 }
        return Double(parts.tm_gmtoff)
    }
}
