import Foundation
import Patterns
import TestSupport
import Testing

@Suite struct DifferentialTests {
    @Test func randomExpressionsAgreeWithANaiveBacktracker() throws {
        // A seed is 1,000 expressions with 4 texts each: `NEEDLETAIL_SEEDS=500` compares two million pairs.
        for seed in 0..<TestSeeds.count(unlessTold: 2) { try compareWithNaive(seed: 51 + UInt64(seed)) }
    }

    func compareWithNaive(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let letters: [Character] = ["a", "b", "c", "A", "B", "C", "é", "É", "日", "\n", "-"]
        var compared = 0
        for round in 0..<1000 {
            var groupCount = 0
            let naive = Naive.random(3, &groupCount, &generator)
            let pattern = try Pattern(naive.expression)
            let comparesGroups = !Naive.hasEmptyRound(naive)
            for _ in 0..<4 {
                let length = Int.random(in: 0...8, using: &generator)
                let text = (0..<length).map { _ in letters.randomElement(using: &generator) ?? "a" }
                let bytes = Array(String(text).utf8)
                var ends = [0]
                for character in text { ends.append((ends.last ?? 0) + character.utf8.count) }
                let none = [Range<Int>?](repeating: nil, count: groupCount + 1)
                let what = "seed \(seed), round \(round): \(naive.expression) in \(text)"
                let isWhole = naive.match(text, 0, none) { end, _ in end == text.count }
                #expect(pattern.matchesWhole(bytes) == isWhole, "\(what)")
                var expected: [Range<Int>?]?
                for start in 0...text.count where expected == nil {
                    _ = naive.match(text, start, none) { end, groups in
                        var groups = groups
                        groups[0] = start..<end
                        expected = groups.map { $0.map { ends[$0.lowerBound]..<ends[$0.upperBound] } }
                        return true
                    }
                }
                #expect(pattern.isFound(in: bytes) == (expected != nil), "\(what)")
                let found = pattern.firstMatch(in: bytes)
                if comparesGroups {
                    #expect(found?.groups == expected, "\(what)")
                    compared += 1
                } else {
                    #expect(found?.range.lowerBound == expected?[0]?.lowerBound, "\(what)")
                }
            }
        }
        #expect(compared > 1000)
    }

    /// ICU backtracks in the same order of preference; what differs is left out: bytes that are not UTF-8, `\\b` beside
    /// letters outside ASCII, groups inside of rounds that are empty.
    @Test func randomExpressionsAgreeWithFoundation() throws {
        let letters: [Character] = ["a", "b", "c", "A", "C", "\n", "-"]
        for seed in 0..<TestSeeds.count(unlessTold: 2) {
            var generator = SeededGenerator(seed: 700 + UInt64(seed))
            for round in 0..<500 {
                var groupCount = 0
                let naive = Naive.random(3, &groupCount, &generator)
                let expression = naive.expression
                // ICU's `$` also matches before a last newline.
                guard !Naive.hasEmptyRound(naive), !expression.contains("$") else { continue }
                let pattern = try Pattern(expression)
                let other = try NSRegularExpression(pattern: expression)
                let text = String(
                    (0..<Int.random(in: 0...10, using: &generator)).map { _ in
                        letters.randomElement(using: &generator) ?? "a"
                    })
                let found = other.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count))
                let groups = found.map { found in
                    (0..<found.numberOfRanges).map { number in
                        let range = found.range(at: number)
                        return range.location == NSNotFound ? nil : range.location..<(range.location + range.length)
                    }
                }
                let ours = pattern.firstMatch(in: Array(text.utf8))?.groups
                #expect(ours == groups, "seed \(seed), round \(round): \(expression) in \(text.debugDescription)")
            }
        }
    }

    @Test func randomBytesAsExpressionsAndTextsNeverTrap() {
        let pieces = Array("ab()[]{}|*+?\\^$.,-:<>P=!imsUQEdDwWpLx12 \u{e9}\u{65e5}\0\n".unicodeScalars)
        for seed in 0..<TestSeeds.count(unlessTold: 2) {
            var generator = SeededGenerator(seed: 900 + UInt64(seed))
            var accepted = 0
            for _ in 0..<2000 {
                var scalars = String.UnicodeScalarView()
                for _ in 0..<Int.random(in: 0...12, using: &generator) {
                    scalars.append(pieces.randomElement(using: &generator) ?? "a")
                }
                guard let pattern = try? Pattern(String(scalars)) else { continue }
                accepted += 1
                let text = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                let isFound = pattern.isFound(in: text)
                let matches = pattern.allMatches(in: text)
                var matcher = pattern.makeMatcher()
                let what = "seed \(seed): \(String(scalars).debugDescription) in \(text)"
                #expect(isFound == !matches.isEmpty && isFound == matcher.isFound(in: text[...]), "\(what)")
                #expect(pattern.matchesWhole(text) == (pattern.wholeMatch(in: text) != nil), "\(what)")
                #expect(matches.allSatisfy { $0.range.upperBound <= text.count }, "\(what)")
                _ = pattern.replacingAll(in: text[...], with: "<$1$n${0}>")
            }
            #expect(accepted > 200)
        }
    }

    @Test func substringSearchAgreesWithTryingEveryPlace() {
        var generator = SeededGenerator(seed: 52)
        for round in 0..<4000 {
            let text = (0..<Int.random(in: 0...70, using: &generator)).map { _ in
                [0x61, 0x62, 0x41, 0x42, 0x5b, 0x7b].randomElement(using: &generator) ?? UInt8(0x61)
            }
            let needle = (0..<Int.random(in: 0...5, using: &generator)).map { _ in
                [0x61, 0x62, 0x41, 0x5b].randomElement(using: &generator) ?? UInt8(0x61)
            }
            func lowered(_ bytes: [UInt8]) -> [UInt8] { bytes.map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 } }
            func simple(_ needle: [UInt8], _ text: [UInt8]) -> Int? {
                guard text.count >= needle.count else { return nil }
                return (0...(text.count - needle.count)).first { Array(text[$0..<($0 + needle.count)]) == needle }
            }
            #expect(ByteSearch.find(needle, in: text) == simple(needle, text), "seed 52, round \(round)")
            let folded = simple(lowered(needle), lowered(text))
            #expect(ByteSearch.findIgnoringCase(needle, in: text[...]) == folded, "seed 52, round \(round)")
            let slice = ([0x61, 0x62] + text)[2...]
            #expect(ByteSearch.find(needle, in: slice) == simple(needle, text).map { $0 + 2 })
        }
    }

    @Test func globsMatchAsShellsDo() throws {
        let cases: [(glob: String, yes: [String], no: [String])] = [
            ("*.yml", ["a.yml", ".yml"], ["a.yaml", "b/a.yml"]),
            ("rules/*_[0-9].y?ml", ["rules/a_1.yaml"], ["rules/a_x.yaml", "rules/a_1.yml"]),
            ("[^a]b", ["bb"], ["ab", "/b"]),
            ("a\\*b", ["a*b"], ["axb"]),
            ("*a*b*c", ["abc", "xxaxxbxxc"], ["acb"]),
            ("[]a]", ["]", "a"], ["b"]),
            ("", [""], ["a"]),
        ]
        for (glob, yes, no) in cases {
            let glob = try #require(Glob(glob))
            for text in yes { #expect(glob.matches(text), "\(glob) \(text)") }
            for text in no { #expect(!glob.matches(text), "\(glob) \(text)") }
        }
        for broken in ["[a", "a\\", "[", "[z-a]"] { #expect(Glob(broken) == nil) }
        #expect(
            try #require(Glob(String(repeating: "*a", count: 30))).matches(String(repeating: "b", count: 3000)) == false
        )
        #expect(Glob("plain/file.yml")?.hasWildcards == false)
    }
}
