import TestSupport
import Testing

@testable import Patterns

@Suite struct PieceTests {
    private static let expressions = [
        "abc", "[x-z][a-c]{2}[0-9]q", "ab+c", "a.c", "a[^b]c", "(?i)AbC", "ab|ca|bbc", "a(bc)*a", "[0-9]+ab", "é", "a.é",
        "(ab){3}", "c.{2,4}a",
    ]

    /// A text that is read in pieces, as it is kept, has the answer of the whole text or none.
    @Test func aTextInPiecesMatchesAsTheWholeDoes() throws {
        var random = SeededGenerator(seed: TestSeeds.first)
        let alphabet = Array("aaabbbccc01xyzqAB \n".utf8) + [0xc3, 0xa9, 0xff]
        var (answered, found) = (0, 0)
        for expression in PieceTests.expressions {
            let pattern = try Pattern(expression)
            guard let scanner = IdleScanner(pattern) else {
                Issue.record("\(expression) is no expression that looks around itself")
                continue
            }
            for _ in 0..<400 {
                let text = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? 0x61
                }
                var pieces: [ArraySlice<UInt8>] = []
                var start = 0
                while start < text.count {
                    let end = Int.random(in: start + 1...text.count, using: &random)
                    pieces.append(text[start..<end])
                    start = end
                }
                let expected = pattern.isFound(in: text)
                if expected {
                    let isExcited = pieces.contains { scanner.excites($0) }
                    #expect(isExcited, "\(expression) sleeps over \(pieces.map(Array.init))")
                }
                var position = IdleScanner.Position.idle
                for piece in pieces { position = scanner.advance(position, over: piece.span) }
                if let answer = scanner.isMatch(atEndOf: position) {
                    #expect(answer == expected, "\(expression) over \(pieces.map(Array.init))")
                    answered += 1
                    found += answer ? 1 : 0
                }
            }
        }
        #expect(answered > 3000 && found > 100, "\(answered) answers, \(found) matches")
        for looksAround in ["^a", "a$", "a\\b", "", "a*"] {
            if let _ = IdleScanner(try Pattern(looksAround)) { Issue.record("\(looksAround) was taken") }
        }
    }
}
