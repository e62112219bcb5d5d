import Patterns
import Testing

@Suite struct SyntaxTests {
    @Test func brokenExpressionsAreRefusedInGoWords() {
        let cases: [(expression: String, message: String)] = [
            ("(", "missing closing ): `(`"),
            ("a(b", "missing closing ): `a(b`"),
            ("a)", "unexpected ): `a)`"),
            ("[a", "missing closing ]: `[a`"),
            ("x[", "missing closing ]: `[`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[a-\\d]", "invalid escape sequence: `\\d`"),
            ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
            ("\\p{Klingon}", "invalid character class range: `\\p{Klingon}`"),
            ("\\q", "invalid escape sequence: `\\q`"),
            ("\\1", "invalid escape sequence: `\\1`"),
            ("\\x{110000}", "invalid escape sequence: `\\x{110000`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("*", "missing argument to repetition operator: `*`"),
            ("a|+", "missing argument to repetition operator: `+`"),
            ("(?i)*", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a*??", "invalid nested repetition operator: `*??`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("(a{100}){100}", "invalid repeat count: `{100}`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?<!a)", "invalid named capture: `(?<!a)`"),
            ("(?<n>a", "missing closing ): `(?<n>a`"),
            ("(?<x y>a)", "invalid named capture: `(?<x y>`"),
            ("(?P<", "invalid or unsupported Perl syntax: `(?P`"),
            ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
            ("(?Z)", "invalid or unsupported Perl syntax: `(?Z`"),
            ("\\C", "invalid escape sequence: `\\C`"),
            ("\\8", "invalid escape sequence: `\\8`"),
            ("\\xg1", "invalid escape sequence: `\\xg1`"),
            ("\\x{}", "invalid escape sequence: `\\x{}`"),
            ("\\p", "invalid character class range: `\\p`"),
            ("\\Q\\E*", "missing argument to repetition operator: `*`"),
            ("(|*)", "missing argument to repetition operator: `*`"),
            ("x{9876543210}", "invalid repeat count: `{9876543210}`"),
            ("a{1000}{1000}", "invalid nested repetition operator: `{1000}{1000}`"),
            ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            ("(?P<a b>x)", "invalid named capture: `(?P<a b>`"),
            ("(?P<>x)", "invalid named capture: `(?P<>`"),
            ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ]
        for (expression, message) in cases {
            do {
                _ = try Pattern(expression)
                Issue.record("\(expression) is accepted")
            } catch {
                #expect(error.description == "error parsing regexp: " + message, "\(expression)")
            }
        }
    }

    @Test func everyFormOfSyntaxMatchesWhatItShould() throws {
        let cases: [(expression: String, yes: [String], no: [String])] = [
            ("", [""], ["a"]),
            ("a|b|", ["a", "b", ""], ["c", "ab"]),
            ("(?:ab)+", ["ab", "abab"], ["", "aba"]),
            ("a{2,3}", ["aa", "aaa"], ["a", "aaaa"]),
            ("a{2,}", ["aa", "aaaaaaa"], ["a"]),
            ("a{0}", [""], ["a"]),
            ("a{,2}", ["a{,2}"], ["a", "aa"]),
            ("a{x", ["a{x"], []),
            (".", ["a", "é", "日", "\u{10348}"], ["", "\n", "ab"]),
            ("(?s).", ["\n"], ["\n\n"]),
            ("[^a]", ["b", "é", "\n"], ["a", ""]),
            ("[]a]", ["]", "a"], ["b"]),
            ("[^]a]", ["b"], ["]", "a"]),
            ("[a-]", ["a", "-"], ["b"]),
            ("[-a]", ["a", "-"], ["b"]),
            ("[\\w-.]+", ["a-b.c"], ["a b"]),
            ("[a-c-z]+", ["b-z"], ["d"]),
            ("[α-ω]", ["α", "σ"], ["a", "Σ"]),
            ("[[:alpha:][:digit:]]", ["a", "7"], ["-"]),
            ("[[:^alpha:]]", ["7"], ["a"]),
            ("[\\d\\s]", ["7", " "], ["a"]),
            ("\\w\\W\\d\\D\\s\\S", ["a-1a b"], ["a-1a  "]),
            ("\\pL\\p{Lu}\\P{Lu}", ["éÉé", "日Éa"], ["1Éé"]),
            ("\\p{Greek}+", ["ελλ"], ["a"]),
            ("\\p{^Greek}", ["a"], ["ε"]),
            ("\\x41\\x{1F600}\\101\\t", ["A😀A\t"], []),
            ("\\Qa.b*\\E+", ["a.b*", "a.b**"], ["axb"]),
            ("\\Q.", ["."], ["a"]),
            ("(?i)straSSe", ["STRASSE", "\u{17f}trasse"], ["stra\u{df}e"]),
            ("(?i)k", ["k", "K", "\u{212a}"], ["j"]),
            ("(?i)[k-m]σ", ["Kς", "mΣ"], ["nσ"]),
            ("(?i:a)b", ["Ab", "ab"], ["AB"]),
            ("a(?i)*", ["", "aa"], ["A"]),
            ("a*(?i)*", ["", "aa"], ["A"]),
            ("a\\Q\\E*", ["", "aa"], ["b"]),
            ("\\Qab\\E+", ["ab", "abb"], ["abab"]),
            ("(?i)ask-7 \u{65e5}", ["ASK-7 \u{65e5}", "a\u{17f}k-7 \u{65e5}", "as\u{212a}-7 \u{65e5}"], ["ask-7"]),
            (".*(?i)err-5.*", ["an ERR-5 x", "eRr-5"], ["er-5"]),
            ("foo(?i)bar", ["fooBAR"], ["FOObar"]),
            ("(?s)(?:foo|bar).*", ["foo\n", "bar\u{e9}"], ["fo", "xbar"]),
            ("\\p{Uppercase_Letter}\\p{__upper case-let ter}", ["AB"], ["ab"]),
            ("\\p{Braille}\\p{Han}\\p{LC}", ["\u{2801}\u{65e5}a"], ["a\u{65e5}a"]),
            ("[[:word:]]\\pZ\\PZ", ["_\u{a0}a"], ["_aa"]),
            ("\\x{10FFFF}", ["\u{10FFFF}"], []),
            ("a(?i)b|c", ["aB", "C"], ["AB"]),
            ("(?i)a(?-i)b", ["Ab"], ["AB"]),
            ("(?m)^a$\n^b$", ["a\nb"], []),
            ("^(?s:foo.*)$", ["foo", "foo\nbar"], ["xfoo"]),
            ("\\Aab\\z", ["ab"], ["ab\n"]),
            ("a\\b-\\Bb", [], ["a-b"]),
            ("a\\b-\\bb", ["a-b"], []),
            ("x*", ["", "xx"], ["y"]),
            ("(a*)*", ["", "aaa"], ["b"]),
            ("(a*)+b", ["b", "ab"], ["a"]),
            ("(|a)+", ["", "aa"], ["b"]),
            ("(a|ab)(c|bcd)(d*)", ["abcd", "acd"], ["ab"]),
            (".*err.*", ["err", "an error"], ["er", "err\n"]),
            (".+", ["a", "ab"], ["", "\n", "a\nb"]),
            ("a.*b.*c", ["abc", "axxbxxc"], ["acb", "ab", "abcd"]),
            ("aa.*aa", ["aaaa", "aaxaa"], ["aaa"]),
            ("foo|bar|ba[xz]", ["foo", "bar", "bax", "baz"], ["ba", "fo", "foobar"]),
            ("[^\\x00-\\x{10FFFF}]", [], ["a", ""]),
        ]
        for (expression, yes, no) in cases {
            let pattern = try Pattern(expression)
            var matcher = pattern.makeMatcher()
            for text in yes {
                #expect(pattern.matchesWhole(text), "\(expression) is \(text)")
                let isWhole = matcher.matchesWhole(Array(text.utf8)[...])
                let isFound = matcher.isFound(in: Array(text.utf8)[...])
                #expect(isWhole && isFound, "\(expression) is \(text)")
                #expect(pattern.isFound(in: text), "\(expression) in \(text)")
                #expect(pattern.wholeMatch(in: Array(text.utf8))?.range == 0..<text.utf8.count, "\(expression) \(text)")
            }
            for text in no {
                #expect(!pattern.matchesWhole(text), "\(expression) is not \(text)")
                #expect(pattern.wholeMatch(in: Array(text.utf8)) == nil, "\(expression) \(text)")
            }
        }
        #expect(try Pattern("a.b", options: [.dotMatchesNewline, .caseInsensitive]).matchesWhole("A\nB"))
    }

    @Test func bytesThatAreNotUTF8CountAsReplacementCharacters() throws {
        let text: [UInt8] = [0x61, 0xff, 0xc3, 0x62, 0xc3, 0xa9]
        #expect(try Pattern("a..b.").matchesWhole(text))
        #expect(try !Pattern("a...b.").matchesWhole(text))
        #expect(try Pattern("a\\x{fffd}{2}bé").matchesWhole(text))
        #expect(try Pattern("b(.)$").firstMatch(in: text)?.groups == [3..<6, 4..<6])
        #expect(try Pattern("\\x{fffd}").allMatches(in: text).map(\.range) == [1..<2, 2..<3])
        #expect(try Pattern("[^a]b").isFound(in: text))
    }

    @Test func indexesLearnLiteralsFromExpressions() throws {
        #expect(try Pattern("foo|ba[rz]|").literalSet?.sorted() == ["", "bar", "baz", "foo"])
        #expect(try Pattern("^(?:api|web)-[12]$").literalSet?.sorted() == ["api-1", "api-2", "web-1", "web-2"])
        #expect(try Pattern("foo.*").literalSet == nil)
        #expect(try Pattern("[a-z]{3}").literalSet == nil)
        #expect(try Pattern("\\bfoo").literalSet == nil)
        #expect(try Pattern("foo.*bar(?:x|y)+z").requiredLiterals == ["foo", "bar", "z"])
        #expect(try Pattern("foo.*").prefix == "foo")
        #expect(try Pattern("foobar|foobaz").prefix == "fooba")
        #expect(try Pattern("é|è").prefix == "")
        #expect(try Pattern(".*", options: .dotMatchesNewline).matchesEverything)
        #expect(try !Pattern(".*").matchesEverything)
        #expect(try Pattern("(?P<a>x)(y)(?<b>z)").captureNames == [nil, "a", nil, "b"])
        #expect(try Pattern(Pattern.quoted("a.b[c]{2}$")).matchesWhole("a.b[c]{2}$"))
    }
}
