import Telemetry
import Testing

@testable import Server

@Suite struct ParameterTests {
    @Test func `times are read in every spelling that clients use`() throws {
        let milliseconds: [(String, Int64?)] = [
            ("1435781451.781", 1_435_781_451_781), ("1435781451", 1_435_781_451_000), ("0", 0), ("-5", -5_000),
            ("2015-07-01T20:10:51.781Z", 1_435_781_451_781), ("2015-07-01T22:10:51.781+02:00", 1_435_781_451_781),
            ("1969-12-31T23:59:59Z", -1_000), ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("9999-12-31T23:59:59.5Z", 253_402_300_799_500), ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("2023-02-29T00:00:00Z", nil), ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("2024-04-31T00:00:00Z", nil),
            ("-292273086-05-16T16:47:06Z", -(Int64.max / 2)), ("now", nil), ("", nil), ("NaN", nil), ("1e300", nil), ("2015-13-01T00:00:00Z", nil), ("2015-07-01", nil),
            ("2015-07-01T20:10:51", nil), ("99999-01-01T00:00:00Z", nil),
        ]
        for (text, expected) in milliseconds {
            #expect((try? TimeParameters.milliseconds(text, name: "time")) == expected, "\(text)")
        }
        let nanoseconds: [(String, Int64?)] = [
            ("1435781451", 1_435_781_451_000_000_000), ("1435781451781000000", 1_435_781_451_781_000_000),
            ("1435781451.5", 1_435_781_451_500_000_000), ("2015-07-01T20:10:51.000000001Z", 1_435_781_451_000_000_001),
            ("x", nil),
            ("1e99", nil),
        ]
        for (text, expected) in nanoseconds {
            #expect((try? TimeParameters.nanoseconds(text, name: "start")) == expected, "\(text)")
        }
        let durations: [(String, Int64?)] = [
            ("15", 15_000), ("0.5", 500), ("1m", 60_000), ("1h30m", 5_400_000), ("x", nil), ("1e99", nil),
        ]
        for (text, expected) in durations {
            #expect((try? TimeParameters.duration(text, name: "step")) == expected, "\(text)")
        }
        for (text, expected) in [
            ("1.5s", 1_500_000_000 as Int64?), ("100us", 100_000), ("1h2m", 3_720_000_000_000), ("", nil), ("5", nil),
        ] {
            #expect(GoDuration.nanoseconds(text) == expected, "\(text)")
        }
    }

    @Test func `times come out as Go prints them and read back`() {
        for time: Int64 in [
            0, 1, -1, 1_435_781_451_781_000_000, 951_782_400_000_000_000, -62_135_596_800, 1_795_271_798_978_000_001,
        ] {
            #expect(RFC3339.parse(RFC3339.format(nanoseconds: time)) == time)
        }
        #expect(RFC3339.format(milliseconds: 1_435_781_451_780) == "2015-07-01T20:10:51.78Z")
    }

    @Test func `forms decode, and broken escapes stay as they stand`() {
        let cases: [(String, [[String]])] = [
            ("a=1&b=2", [["a", "1"], ["b", "2"]]), ("query=up%7Bjob%3D%22a%22%7D", [["query", "up{job=\"a\"}"]]),
            ("a=x+y%2Bz", [["a", "x y+z"]]), ("a&b=", [["a", ""], ["b", ""]]), ("a=%zz%4", [["a", "%zz%4"]]), ("", []),
            ("m%5B%5D=1&m[]=2", [["m[]", "1"], ["m[]", "2"]]),
        ]
        for (text, expected) in cases {
            #expect(Parameters(form: text.utf8).all.map { [$0.name, $0.value] } == expected, "\(text)")
        }
        #expect(Parameters([("a", ""), ("a", "x")])["a"] == "x")
    }

    @Test func `listen addresses are host and port`() {
        let cases: [(String, String?)] = [
            ("127.0.0.1:9090", "127.0.0.1:9090"), (":80", "0.0.0.0:80"), ("[::1]:9090", "[::1]:9090"),
            ("localhost:0", "localhost:0"),
            ("9090", nil), ("a:b", nil), ("a:70000", nil), ("a:-1", nil), ("", nil),
        ]
        for (text, expected) in cases { #expect(ListenAddress(text)?.description == expected, "\(text)") }
        #expect(
            ListenAddress(host: "127.0.0.1", port: 1).isLoopback && !ListenAddress(host: "0.0.0.0", port: 1).isLoopback)
    }

    @Test func `dates are written as HTTP has them`() {
        // What `date -u -d @… '+%a, %d %b %Y %T GMT'` prints.
        let cases: [(Int, String)] = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_298_400, "Sat, 21 Nov 2026 22:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ]
        for (second, text) in cases { #expect(HTTPDate.text(of: second) == text) }
    }
}
