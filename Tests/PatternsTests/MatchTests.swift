import Patterns
import Testing

@Suite struct MatchTests {
    /// From Go's regexp/find_test.go and re2's search tests: leftmost, first alternative.
    @Test func theFirstMatchAndItsGroupsAreThoseOfGo() throws {
        let cases: [(expression: String, text: String, groups: [Range<Int>?]?)] = [
            ("", "", [0..<0]),
            ("a+", "baaab", [1..<4]),
            ("a+?", "baaab", [1..<2]),
            ("(?U)a+", "baaab", [1..<2]),
            ("(?U)a+?", "baaab", [1..<4]),
            ("(a|ab)(c|bcd)(d*)", "abcd", [0..<4, 0..<1, 1..<4, 4..<4]),
            ("(a+|b)*", "ab", [0..<2, 1..<2]),
            ("(a+|b){0,}", "ab", [0..<2, 1..<2]),
            ("(a*)*", "b", [0..<0, 0..<0]),
            ("(a*)+", "b", [0..<0, 0..<0]),
            ("(|a)*", "aa", [0..<0, 0..<0]),
            ("(a)|b", "b", [0..<1, nil]),
            ("(.*).*", "ab", [0..<2, 0..<2]),
            ("(.*?)(b+)", "aabb", [0..<4, 0..<2, 2..<4]),
            ("a\\Bb", "ab", [0..<2]),
            ("\\bb", "ab b", [3..<4]),
            ("b$", "bab", [2..<3]),
            ("^b", "ab", nil),
            ("(?m)^b", "a\nb", [2..<3]),
            ("é", "caffé", [4..<6]),
            ("x|.", "é", [0..<2]),
            ("ab$", "cab", [1..<3]),
            ("(b(c)?)", "abab", [1..<2, 1..<2, nil]),
            ("(?P<k>\\w+)=(?P<v>\\S*)", "  level=info x", [2..<12, 2..<7, 8..<12]),
        ]
        // A long tail after the text forces the simulation; it has to agree with the backtracker.
        let tail = [UInt8](repeating: 0x0a, count: 300_000)
        for (expression, text, groups) in cases {
            let bytes = Array("##\(text)".utf8)[2...]
            let expected = groups.map {
                PatternMatch(groups: $0.map { $0.map { ($0.lowerBound + 2)..<($0.upperBound + 2) } })
            }
            #expect(try Pattern(expression).firstMatch(in: bytes) == expected, "\(expression) in \(text)")
            guard !expression.contains("$") else { continue }
            let long = try Pattern(expression).firstMatch(in: Array(text.utf8) + tail)
            #expect(long?.groups == groups, "\(expression) in a long text")
        }
    }

    @Test func allMatchesAndReplacementsAreThoseOfGo() throws {
        let replacements: [(expression: String, template: String, text: String, result: String)] = [
            ("", "7", "", "7"),
            ("", "x", "abc", "xaxbxcx"),
            ("b*", "x", "abc", "xaxcx"),
            ("b", "x", "abc", "axc"),
            ("[a-c]*", "x", "abcbcdcdedef", "xdxdxexdxexfx"),
            ("$", "x", "ab", "abx"),
            ("é*", "-", "aéb", "-a-b-"),
            ("(a)(b)?", "<$1$2>", "abac", "<ab><a>c"),
            ("(?P<key>\\w+)=(?P<value>\\w+)", "${value}=$key", "a=b c=d", "b=a d=c"),
            ("a", "$$", "bab", "b$b"),
            ("(a)", "$1x", "bab", "bb"),
            ("(a)", "${1}x", "bab", "baxb"),
            ("a", "$", "bab", "b$b"),
            ("a", "${", "bab", "b${b"),
            ("a", "$0$0", "bab", "baab"),
            ("a", "$9", "bab", "bb"),
            ("a", "$01", "bab", "bb"),
            ("(.*);(.*)", "$2;$1;${3}$", "x;y", "y;x;$"),
            (".", "-", "日本", "--"),
            ("\\b", "|", "ab cd", "|ab| |cd|"),
        ]
        for (expression, template, text, result) in replacements {
            #expect(
                try Pattern(expression).replacingAll(in: text, with: template) == result,
                "\(expression) by \(template) in \(text)")
        }
        let found = try Pattern("a|ab?").allMatches(in: Array("ab-a".utf8)).map(\.range)
        #expect(found == [0..<1, 3..<4])
        #expect(try Pattern("\\d").allMatches(in: Array("1234".utf8), limit: 2).count == 2)
        let match = try #require(try Pattern("(?P<n>b+)").firstMatch(in: Array("abbc".utf8)))
        #expect(try Pattern("(?P<n>b+)").expand("<$n>", match, in: Array("abbc".utf8)[...]) == Array("<bb>".utf8))
    }

    @Test func expressionsMadeToHangDoNot() throws {
        let clock = ContinuousClock()
        let cases: [(expression: String, length: Int)] = [
            ("(a*)*b", 100_000), ("(a|aa)*c", 100_000), ("(a|a?)+$b", 20_000), ("(?i)(k*s*)*x", 20_000),
            ("(.*)*x", 20_000),
            ("a*a*a*a*a*b", 20_000), ("(?:a?){50}a{50}b", 5000), ("(a+a+)+y", 20_000),
        ]
        for (expression, length) in cases {
            let text = [UInt8](repeating: 0x61, count: length)
            let pattern = try Pattern(expression)
            let time = try clock.measure {
                #expect(!pattern.isFound(in: text) && !pattern.matchesWhole(text))
                // Captures are looked for only where there is a match, so ask for one that is at the very end.
                let withEnd = try Pattern("(?:\(expression)|(a)$)")
                #expect(withEnd.firstMatch(in: text + [0x61])?.range.upperBound == text.count + 1)
            }
            #expect(time < .seconds(20), "\(expression)")
        }
        // A program whose automaton would have 2^20 states runs in its budget of memory.
        let wide = try Pattern("(?:a|b)*a(?:a|b){20}")
        var bits = SystemRandomNumberGenerator()
        let noise = (0..<20_000).map { _ in UInt8(bits.next() & 1) + 0x61 }
        #expect(wide.matchesWhole(noise) == (noise[noise.count - 21] == 0x61))
    }

    @Test func manyTasksShareOnePattern() async throws {
        let pattern = try Pattern("(?i)(?:err|warn)[a-z]*: .*code=(\\d+)")
        let lines = (0..<200).map { Array("\($0 % 2 == 0 ? "WARNing" : "info"): order code=\($0)".utf8) }
        let counts = await withTaskGroup(of: Int.self, returning: [Int].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    lines.filter { line in
                        pattern.isFound(in: line) && pattern.firstMatch(in: line)?[1]?.upperBound == line.count
                    }.count
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts == [Int](repeating: 100, count: 8))
    }

    @Test func largeExpressionsAreRefusedOrCompiledInLittleTime() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let taken = [
            String(repeating: "abcdefgh", count: 5000),
            String(repeating: "(", count: 990) + String(repeating: ")", count: 990),
            String(repeating: "(?:", count: 990) + "a" + String(repeating: ")*", count: 990), "(?:[a-z]{4}){0,250}",
            "((((((((((x{2}){2}){2}){2}){2}){2}){2}){2}){2}))", "(" + String(repeating: "|", count: 12_345) + ")",
        ]
        for expression in taken { #expect((try? Pattern(expression)) != nil, "\(expression.prefix(40))") }
        let refused: [(expression: String, reason: PatternError.Reason)] = [
            (String(repeating: "(", count: 1000) + String(repeating: ")", count: 1000), .nestsTooDeeply),
            (String(repeating: "a", count: 300_000), .tooLarge), (String(repeating: "a", count: 1_100_000), .tooLarge),
            (String(repeating: "(?i)\\pL", count: 2000), .tooLarge),
            (String(repeating: "\\pL", count: 27000), .tooLarge),
            ("(\\pL{500}|\\pN){500}", .invalidRepeatCount), (String(repeating: "\\pL{1000}", count: 20), .tooLarge),
            ("(" + String(repeating: "(xx?)", count: 1000) + "){1000}", .tooLarge),
            (String(repeating: "(xx?){1000}", count: 1000), .tooLarge), ("a{1000}{1000}", .invalidRepeatOperator),
            ("(a{1000}){1000}", .invalidRepeatCount), ("(?:[a-z]{4}){0,251}", .invalidRepeatCount),
        ]
        for (expression, reason) in refused {
            do {
                _ = try Pattern(expression)
                Issue.record("\(expression.prefix(40)) is accepted")
            } catch {
                #expect(error.reason == reason, "\(expression.prefix(40))")
                #expect(error.message.utf8.count < 300, "\(expression.prefix(40)): the message is as long as it")
            }
        }
        #expect(clock.now - start < .seconds(30))
    }

    @Test func alternationsOfThousandsAreSets() throws {
        let values = (0..<20_000).map { "pod-\($0 * 7919 % 100_003)-\($0 % 13)" }
        let set = Set(values)
        let pattern = try Pattern(values.joined(separator: "|"), options: .dotMatchesNewline)
        #expect(pattern.literalSet?.count == set.count)
        var matcher = pattern.makeMatcher()
        let groups = try Pattern("^(" + values.joined(separator: "|") + ")(x?)$")
        for (number, value) in values.enumerated().prefix(2000) {
            let other = "pod-\(number)-\(number % 13)"
            #expect(pattern.matchesWhole(value) && matcher.matchesWhole(Array(value.utf8)[...]))
            #expect(pattern.matchesWhole(other) == set.contains(other), "\(other)")
            let found = groups.firstMatch(in: Array("\(value)x".utf8))
            #expect(found?[1] == 0..<value.utf8.count && found?[2]?.count == 1, "\(value)")
            #expect(pattern.isFound(in: "in \(value), somewhere"))
        }
        #expect(!pattern.isFound(in: "pod-x") && !pattern.matchesWhole(""))
    }
}
