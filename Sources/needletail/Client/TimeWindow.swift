import ArgumentParser
import Foundation
import Telemetry
import YAMLReading

/// `--since`, `--from`, `--to`.
struct TimeWindow: ParsableArguments {
    @Option(name: .long, help: "How far back from now (or from --to): 15m, 2h, 7d.")
    var since: String?

    @Option(name: .long, help: "Start: RFC 3339, unix seconds, or now-1h.")
    var from: String?

    @Option(name: .long, help: "End: RFC 3339, unix seconds, or now-1h.")
    var to: String?

    func validate() throws {
        if since != nil && from != nil { throw ValidationError("give --since or --from, not both") }
        let (start, end) = try range(default: 3_600_000)
        if start >= end { throw ValidationError("the time range is empty: it starts at or after its end") }
    }

    var isGiven: Bool { since != nil || from != nil || to != nil }

    /// Milliseconds since 1970.
    func range(default length: Int64) throws -> (start: Int64, end: Int64) {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let end = try to.map { try TimeWindow.time($0, now: now) } ?? now
        if let from { return (try TimeWindow.time(from, now: now), end) }
        return (end - (try since.map(TimeWindow.duration) ?? length), end)
    }

    static func duration(_ text: String) throws -> Int64 {
        guard let milliseconds = PrometheusDuration.parse(text), milliseconds > 0 else {
            throw ValidationError("\"\(text)\" is not a duration; write for example 90s, 15m or 2h")
        }
        return milliseconds
    }

    static func time(_ text: String, now: Int64) throws -> Int64 {
        if text == "now" { return now }
        if text.hasPrefix("now-") { return now - (try duration(String(text.dropFirst(4)))) }
        if let seconds = Double(text), seconds.magnitude < 9e12 { return Int64(seconds * 1000) }
        if let nanoseconds = RFC3339.parse(text) { return nanoseconds / 1_000_000 }
        throw ValidationError("\"\(text)\" is not a time; write 2026-08-21T10:00:00Z, unix seconds, or now-1h")
    }
}
