import Glibc
import Telemetry
import YAMLReading

/// Times as the peers' clients write them.
package enum TimeParameters {
    /// Times from outside are held within half of what 64 bits count, so that the difference of two, and a step beyond
    /// one, cannot overflow. In nanoseconds that is from 1824 to 2116.
    private static func held(_ time: Int64) -> Int64 { max(-(Int64.max / 2), min(time, Int64.max / 2)) }

    /// Prometheus: unix seconds with a fraction, or RFC 3339. Milliseconds since 1970.
    package static func milliseconds(_ text: String, name: String) throws -> Int64 {
        if let seconds = Double(text) {
            guard seconds.isFinite, abs(seconds) < 9e15 else {
                throw HTTPFailure.badParameter(name, "cannot parse \"\(text)\" to a valid timestamp")
            }
            return held(Int64((seconds * 1000).rounded()))
        }
        if let milliseconds = RFC3339.parseMilliseconds(text) { return milliseconds }
        // How Prometheus' own clients write a bound that there is not.
        if text == "-292273086-05-16T16:47:06Z" { return held(.min) }
        if text == "292277025-08-18T07:12:54.999999999Z" { return held(.max) }
        throw HTTPFailure.badParameter(name, "cannot parse \"\(text)\" to a valid timestamp")
    }

    /// As ``milliseconds(_:name:)``, refused in the words that Prometheus has for parameters that may be absent.
    package static func moment(_ text: String, name: String) throws -> Int64 {
        do { return try milliseconds(text, name: name) } catch {
            throw HTTPFailure.badParameter(
                name, "Invalid time value for '\(name)': cannot parse \"\(text)\" to a valid timestamp")
        }
    }

    /// Loki: whole numbers of up to 10 digits are seconds and longer ones nanoseconds, else seconds with a fraction, or
    /// RFC 3339. Nanoseconds since 1970.
    package static func nanoseconds(_ text: String, name: String) throws -> Int64 {
        if let number = Int64(text) {
            guard text.count <= 10 else { return held(number) }
            let (nanoseconds, isTooLate) = number.multipliedReportingOverflow(by: 1_000_000_000)
            return held(isTooLate ? .max : nanoseconds)
        }
        if let seconds = Double(text), seconds.isFinite, abs(seconds) < 9e9 {
            let whole = seconds.rounded(.down)
            return held(Int64(whole) * 1_000_000_000 + Int64((seconds - whole) * 1_000_000_000))
        }
        if let nanoseconds = RFC3339.parse(text) { return held(nanoseconds) }
        throw HTTPFailure(
            400,
            "cannot parse \"\(text)\" to a valid timestamp in parameter \"\(name)\": write unix seconds, nanoseconds or RFC 3339"
        )
    }

    /// A Prometheus step or timeout: seconds as a number, or a duration. Milliseconds.
    package static func duration(_ text: String, name: String) throws -> Int64 {
        if let seconds = Double(text) {
            let milliseconds = seconds * 1000
            guard milliseconds.isFinite, abs(milliseconds) < 9e18 else {
                throw HTTPFailure.badParameter(name, "cannot parse \"\(text)\" to a valid duration. It overflows int64")
            }
            return Int64(milliseconds)
        }
        if let milliseconds = PrometheusDuration.parse(text) { return milliseconds }
        throw HTTPFailure.badParameter(name, "cannot parse \"\(text)\" to a valid duration")
    }

    package static var nowNanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    package static var nowMilliseconds: Int64 { nowNanoseconds / 1_000_000 }
}
