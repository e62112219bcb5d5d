import Foundation
import Patterns

/// Finding things in log lines.
enum TextKernels {
    static func run() {
        regularExpressions()
        substringSearch()
    }

    private static func lines() -> [String] {
        (0..<20_000).map {
            "2026-08-21T10:00:0\($0 % 10)Z level=info service=payment order=ORD-\($0) user=u\($0 % 97) "
                + "msg=\"payment accepted\" took=\($0 % 300)ms"
        }
    }

    /// Search in 20,000 log lines of 120 bytes.
    private static func regularExpressions() {
        let lines = lines()
        let bytes = lines.map { Array($0.utf8) }
        let expressions = [
            "payment accepted", "(?i)PAYMENT accepted", ".*order=ORD-1999.*", "took=2[0-9]{2}ms",
            "user=(u1|u2|u3) .*accepted", "(?i)DECLINED|refused", "error|fatal|panic|timeout|refused",
            "service=(\\w+) order=(\\S+)", "^\\d{4}-\\d{2}-\\d{2}T.*took=\\d+ms$",
        ]
        for expression in expressions {
            guard let pattern = try? Pattern(expression) else { continue }
            var matcher = pattern.makeMatcher()
            compare(expression, lines) {
                matcher.isFound(in: bytes[$0][...])
            } other: {
                $0.firstMatch(in: $1, range: NSRange(location: 0, length: $1.utf16.count)) != nil
            } swift: {
                (try? $0.firstMatch(in: $1)) != nil
            }
        }
        let captures = "user=(?<user>\\w+) msg=\"([^\"]*)\" took=(\\d+)ms"
        if let pattern = try? Pattern(captures) {
            compare("captures \(captures)", lines) {
                pattern.firstMatch(in: bytes[$0])?[3] != nil
            } other: {
                $0.firstMatch(in: $1, range: NSRange(location: 0, length: $1.utf16.count))?.numberOfRanges == 4
            } swift: {
                (try? $0.firstMatch(in: $1)) != nil
            }
        }
        labelMatchers()
    }

    /// Whole matches of label values, as matchers of a selector are.
    private static func labelMatchers() {
        let values = (0..<20_000).map { "pod-\($0 * 7919 % 100_003)-web" }
        let bytes = values.map { Array($0.utf8) }
        let many = (0..<5000).map { "pod-\($0 * 3)-web" }.joined(separator: "|")
        for (name, expression) in [
            ("5,000 values", many), ("pod-1.*", "pod-1.*"), (".*-web", ".*-web"), ("(?i)POD-.*", "(?i)POD-.*"),
            ("pod-[0-9]+-(web|db)", "pod-[0-9]+-(web|db)"),
        ] {
            guard let pattern = try? Pattern(expression, options: .dotMatchesNewline) else { continue }
            let isSlow = expression.utf8.count > 10_000
            compare("whole \(name)", values, as: "^(?:\(expression))$", rounds: isSlow ? 1 : 3) {
                pattern.matchesWhole(bytes[$0])
            } other: {
                $0.firstMatch(in: $1, range: NSRange(location: 0, length: $1.utf16.count)) != nil
            } swift: {
                (try? $0.firstMatch(in: $1)) != nil
            }
        }
    }

    private static func compare(
        _ name: String, _ lines: [String], as expression: String? = nil, rounds: Int = 3,
        ours: (Int) -> Bool, other: (NSRegularExpression, String) -> Bool,
        swift: (Regex<AnyRegexOutput>, String) -> Bool
    ) {
        let expression = expression ?? name.split(separator: "captures ").last.map(String.init) ?? name
        guard let foundation = try? NSRegularExpression(pattern: expression), let regex = try? Regex(expression) else {
            return
        }
        // A sample for the others: they take a second for each round.
        let sample = Array(lines.prefix(rounds == 1 ? 100 : 2000))
        var matches = (0, 0, 0)
        let time = Measure.best {
            matches.0 = lines.indices.count(where: ours)
        }
        let sampled = sample.indices.count(where: ours)
        let foundationTime = Measure.best(rounds) { matches.1 = sample.count { other(foundation, $0) } }
        let swiftTime = Measure.best(1) { matches.2 = sample.count { swift(regex, $0) } }
        precondition(sampled == matches.1 && sampled == matches.2, "\(name): \(matches), \(sampled)")
        let (own, each) = (time / Double(lines.count), 1 / Double(sample.count))
        Measure.row("\(name) | NSRegularExpression", own, foundationTime * each, unit: "ns/text", scale: 1e9)
        Measure.row("\(name) | Swift Regex", own, swiftTime * each, unit: "ns/text", scale: 1e9)
    }

    private static func substringSearch() {
        let text = Array(lines().joined(separator: "\n").utf8)
        let needle = Array("payment declined".utf8)
        let ours = Measure.best { _ = ByteSearch.find(needle, in: text[...]) }
        let data = Data(text)
        let wanted = Data(needle)
        let other = Measure.best { _ = data.range(of: wanted) }
        Measure.row(
            "substring | Foundation Data.range(of:)", ours / Double(text.count), other / Double(text.count),
            unit: "ns/kB", scale: 1e12)
    }
}
