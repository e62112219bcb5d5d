import TestSupport

/// A matcher so simple that it can be trusted: backtracking over a tree, written without looking at the real one.
indirect enum Naive {
    case scalar(Character)
    case any
    case one(of: Set<Character>, isNegated: Bool)
    case begin, end, boundary, notBoundary, beginLine, endLine
    /// `(?i)` for what is inside; `ignoresCase` scalars are made of it.
    case folded(Naive)
    case letter(Character)
    /// `(?s).`
    case everything
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
        case .notBoundary: "\\B"
        case .beginLine: "(?m:^)"
        case .endLine: "(?m:$)"
        case .folded(let inner): "(?i:\(inner.expression))"
        case .letter(let one): String(one)
        case .everything: "(?s:.)"
        case .sequence(let parts): parts.map(\.expression).joined()
        case .either(let branches): "(?:" + branches.map(\.expression).joined(separator: "|") + ")"
        case .group(_, let inner): "(" + inner.expression + ")"
        case .times(let inner, let least, let most, let isGreedy):
            "(?:\(inner.expression))" + (most > 5 ? (least == 0 ? "*" : "+") : "{\(least),\(most)}")
                + (isGreedy ? "" : "?")
        }
    }

    typealias Groups = [Range<Int>?]

    private func isBoundary(_ text: [Character], _ at: Int) -> Bool {
        let before = at > 0 && text[at - 1].isASCII && text[at - 1].isLetter
        let after = at < text.count && text[at].isASCII && text[at].isLetter
        return before != after
    }

    /// Calls `next` with each way to match from `at`, in order of priority, until one is taken.
    func match(_ text: [Character], _ at: Int, _ groups: Groups, _ next: (Int, Groups) -> Bool) -> Bool {
        switch self {
        case .scalar(let one): return at < text.count && text[at] == one && next(at + 1, groups)
        case .any: return at < text.count && text[at] != "\n" && next(at + 1, groups)
        case .one(let set, let isNegated):
            return at < text.count && set.contains(text[at]) != isNegated && next(at + 1, groups)
        case .begin: return at == 0 && next(at, groups)
        case .end: return at == text.count && next(at, groups)
        case .everything: return at < text.count && next(at + 1, groups)
        case .beginLine: return (at == 0 || text[at - 1] == "\n") && next(at, groups)
        case .endLine: return (at == text.count || text[at] == "\n") && next(at, groups)
        case .folded(let inner): return inner.match(text, at, groups, next)
        case .letter(let one):
            return at < text.count && text[at].lowercased() == one.lowercased() && next(at + 1, groups)
        case .boundary: return isBoundary(text, at) && next(at, groups)
        case .notBoundary: return !isBoundary(text, at) && next(at, groups)
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

extension Naive {
    static func random(_ depth: Int, _ groups: inout Int, _ generator: inout SeededGenerator) -> Naive {
        let letters: [Character] = ["a", "b", "c", "é", "日"]
        switch Int.random(in: 0...(depth > 0 ? 14 : 6), using: &generator) {
        case 0...3: return .scalar(letters.randomElement(using: &generator) ?? "a")
        case 4: return .any
        case 5:
            return .one(
                of: Set(letters.shuffled(using: &generator).prefix(2)), isNegated: Bool.random(using: &generator))
        case 6:
            return [Naive.begin, .end, .boundary, .notBoundary, .beginLine, .endLine, .everything]
                .randomElement(using: &generator) ?? .begin
        case 13:
            let word = ["abc", "É", "cA", "B"].randomElement(using: &generator) ?? "a"
            return .folded(.sequence(word.map(Naive.letter)))
        case 14:
            let words = ["a", "ab", "abc", "ba", "", "b日"].shuffled(using: &generator).prefix(4)
            return .either(words.map { .sequence($0.map(Naive.scalar)) })
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
        case .begin, .end, .boundary, .notBoundary, .beginLine, .endLine: true
        case .scalar, .any, .one, .letter, .everything: false
        case .folded(let inner): mayBeEmpty(inner)
        case .sequence(let parts): parts.allSatisfy(mayBeEmpty)
        case .either(let branches): branches.contains(where: mayBeEmpty)
        case .group(_, let inner): mayBeEmpty(inner)
        case .times(let inner, let least, _, _): least == 0 || mayBeEmpty(inner)
        }
    }
}
