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

    private static func regularExpressions() {
        let lines = lines()
        let bytes = lines.map { Array($0.utf8) }
        for expression in ["took=2[0-9]{2}ms", "user=(u1|u2|u3) .*accepted", "(?i)DECLINED|refused"] {
            guard let pattern = try? Pattern(expression), let foundation = try? NSRegularExpression(pattern: expression)
            else { continue }
            var matches = (0, 0)
            let ours = Measure.best {
                var matcher = pattern.makeMatcher()
                matches.0 = bytes.count { matcher.isFound(in: $0[...]) }
            }
            let other = Measure.best(3) {
                matches.1 = lines.count {
                    foundation.firstMatch(in: $0, range: NSRange(location: 0, length: $0.utf16.count)) != nil
                }
            }
            precondition(matches.0 == matches.1, "\(expression): \(matches)")
            Measure.row(
                "regex \(expression) | NSRegularExpression", ours / Double(lines.count), other / Double(lines.count),
                unit: "ns/line", scale: 1e9)
        }
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
