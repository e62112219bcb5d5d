import Patterns
import TestSupport
import Testing

/// A matcher so simple that it can be trusted: backtracking over a tree, written without looking at the real one.
indirect enum Naive {
    case scalar(Character)
    case any
    case one(of: Set<Character>, isNegated: Bool)
    case begin, end, boundary
    case sequence([Naive])
    case either([Naive])
    case group(Int, Naive)
    case times(Naive, Int, Int, isGreedy: Bool)

    var expression: String {
        switch self {
        case .scalar(let one): String(one)
        case .any: "."
        case .one(let set, let isNegated): "[\(isNegated ? "^" : "")\(String(set.sorted()))]"
        case .begin: "^"
        case .end: "$"
        case .boundary: "\\b"
        case .sequence(let parts): parts.map(\.expression).joined()
        case .either(let branches): "(?:" + branches.map(\.expression).joined(separator: "|") + ")"
        case .group(_, let inner): "(" + inner.expression + ")"
        case .times(let inner, let least, let most, let isGreedy):
            "(?:\(inner.expression))" + (most > 5 ? (least == 0 ? "*" : "+") : "{\(least),\(most)}")
                + (isGreedy ? "" : "?")
        }
    }

    typealias Groups = [Range<Int>?]

    /// Calls `next` with each way to match from `at`, in order of priority, until one is taken.
    func match(_ text: [Character], _ at: Int, _ groups: Groups, _ next: (Int, Groups) -> Bool) -> Bool {
        switch self {
        case .scalar(let one): return at < text.count && text[at] == one && next(at + 1, groups)
        case .any: return at < text.count && text[at] != "\n" && next(at + 1, groups)
        case .one(let set, let isNegated):
            return at < text.count && set.contains(text[at]) != isNegated && next(at + 1, groups)
        case .begin: return at == 0 && next(at, groups)
        case .end: return at == text.count && next(at, groups)
        case .boundary:
            let before = at > 0 && text[at - 1].isASCII && text[at - 1].isLetter
            let after = at < text.count && text[at].isASCII && text[at].isLetter
            return before != after && next(at, groups)
        case .sequence(let parts):
            guard let first = parts.first else { return next(at, groups) }
            let rest = Naive.sequence(Array(parts.dropFirst()))
            return first.match(text, at, groups) { rest.match(text, $0, $1, next) }
        case .either(let branches):
            return branches.contains { $0.match(text, at, groups, next) }
        case .group(let number, let inner):
            return inner.match(text, at, groups) { end, groups in
                var groups = groups
                groups[number] = at..<end
                return next(end, groups)
            }
        case .times(let inner, let least, let most, let isGreedy):
            let again = Naive.times(inner, max(0, least - 1), most > 5 ? most : most - 1, isGreedy: isGreedy)
            func more() -> Bool {
                guard most > 0 else { return false }
                return inner.match(text, at, groups) { end, groups in
                    // A round that took nothing is not followed by another.
                    end == at && least <= 1 ? next(end, groups) : again.match(text, end, groups, next)
                }
            }
            if least > 0 { return more() }
            return isGreedy ? more() || next(at, groups) : next(at, groups) || more()
        }
    }
}

@Suite struct DifferentialTests {
    static func random(_ depth: Int, _ groups: inout Int, _ generator: inout SeededGenerator) -> Naive {
        let letters: [Character] = ["a", "b", "c", "é", "日"]
        switch Int.random(in: 0...(depth > 0 ? 12 : 6), using: &generator) {
        case 0...3: return .scalar(letters.randomElement(using: &generator) ?? "a")
        case 4: return .any
        case 5:
            return .one(
                of: Set(letters.shuffled(using: &generator).prefix(2)), isNegated: Bool.random(using: &generator))
        case 6: return [Naive.begin, .end, .boundary].randomElement(using: &generator) ?? .begin
        case 7, 8:
            let count = Int.random(in: 1...3, using: &generator)
            return .sequence((0..<count).map { _ in random(depth - 1, &groups, &generator) })
        case 9:
            let count = Int.random(in: 2...3, using: &generator)
            return .either((0..<count).map { _ in random(depth - 1, &groups, &generator) })
        case 10:
            groups += 1
            let number = groups
            return .group(number, random(depth - 1, &groups, &generator))
        default:
            let (least, most) =
                [(0, 1000), (1, 1000), (0, 1), (0, 2), (2, 3)].randomElement(using: &generator) ?? (0, 1)
            return .times(random(depth - 1, &groups, &generator), least, most, isGreedy: Bool.random(using: &generator))
        }
    }

    /// Captures inside a repetition of something that may be empty differ between engines; the others must agree.
    static func hasEmptyRound(_ node: Naive) -> Bool {
        switch node {
        case .times(let inner, _, _, _): mayBeEmpty(inner) || hasEmptyRound(inner)
        case .sequence(let parts): parts.contains(where: hasEmptyRound)
        case .either(let branches): branches.contains(where: hasEmptyRound)
        case .group(_, let inner): hasEmptyRound(inner)
        default: false
        }
    }

    static func mayBeEmpty(_ node: Naive) -> Bool {
        switch node {
        case .begin, .end, .boundary: true
        case .scalar, .any, .one: false
        case .sequence(let parts): parts.allSatisfy(mayBeEmpty)
        case .either(let branches): branches.contains(where: mayBeEmpty)
        case .group(_, let inner): mayBeEmpty(inner)
        case .times(let inner, let least, _, _): least == 0 || mayBeEmpty(inner)
        }
    }

    @Test func randomExpressionsAgreeWithANaiveBacktracker() throws {
        var generator = SeededGenerator(seed: 51)
        let letters: [Character] = ["a", "b", "c", "é", "日", "\n", "-"]
        var compared = 0
        for round in 0..<3000 {
            var groupCount = 0
            let naive = DifferentialTests.random(3, &groupCount, &generator)
            let pattern = try Pattern(naive.expression)
            let comparesGroups = !DifferentialTests.hasEmptyRound(naive)
            for _ in 0..<4 {
                let length = Int.random(in: 0...8, using: &generator)
                let text = (0..<length).map { _ in letters.randomElement(using: &generator) ?? "a" }
                let bytes = Array(String(text).utf8)
                var ends = [0]
                for character in text { ends.append((ends.last ?? 0) + character.utf8.count) }
                let none = [Range<Int>?](repeating: nil, count: groupCount + 1)
                let what = "seed 51, round \(round): \(naive.expression) in \(text)"
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
        #expect(compared > 4000)
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
