/// What an expression says about the bytes of its matches, for indexes and short cuts. U+FFFD is never taken for a
/// literal: it also stands for bytes that are not UTF-8.
enum Literals {
    /// Strings that classes, repetitions and sequences are multiplied out to.
    static let maximumProduct = 256
    /// Of an alternation that lists them; the expression's length bounds them too.
    static let maximumSet = 1 << 17
    private static let maximumBytes = 1 << 21

    static func bytes(_ scalars: [UInt32]) -> [UInt8]? {
        scalars.contains(0xfffd) ? nil : scalars.flatMap(UTF8Ranges.encode)
    }

    /// All strings that match, if they are few.
    static func finiteSet(_ node: Node) -> [[UInt8]]? {
        switch node {
        case .empty: return [[]]
        case .literal(let scalars): return bytes(scalars).map { [$0] }
        case .scalars(let set):
            let count = set.count(limit: maximumProduct)
            guard count > 0, count <= maximumProduct, !set.contains(0xfffd) else { return nil }
            return set.ranges.flatMap { $0.map(UTF8Ranges.encode) }
        case .assertion: return nil
        case .capture(_, let inner): return finiteSet(inner)
        case .repetition(let inner, let least, let most, _):
            guard let most, most <= 4, let inner = finiteSet(inner) else { return nil }
            var all: [[UInt8]] = []
            var power: [[UInt8]] = [[]]
            for count in 0...most {
                if count >= least { all += power }
                guard all.count <= maximumProduct, let longer = product(power, inner) else { return nil }
                power = longer
            }
            return unique(all)
        case .concatenation(let parts):
            var result: [[UInt8]] = [[]]
            for part in parts {
                guard let next = finiteSet(part), let longer = product(result, next) else { return nil }
                result = longer
            }
            return unique(result)
        case .alternation(let branches):
            var result: [[UInt8]] = []
            for branch in branches {
                guard let more = finiteSet(branch) else { return nil }
                result += more
                guard result.count <= maximumSet else { return nil }
            }
            return unique(result)
        }
    }

    private static func product(_ left: [[UInt8]], _ right: [[UInt8]]) -> [[UInt8]]? {
        if left.count == 1, left[0].isEmpty { return right }
        guard left.count * right.count <= maximumProduct || min(left.count, right.count) <= 1 else { return nil }
        let bytes = left.reduce(0) { $0 + $1.count } * right.count + right.reduce(0) { $0 + $1.count } * left.count
        guard bytes <= maximumBytes else { return nil }
        return left.flatMap { head in right.map { head + $0 } }
    }

    private static func unique(_ strings: [[UInt8]]) -> [[UInt8]]? {
        var seen: Set<[UInt8]> = []
        let result = strings.filter { seen.insert($0).inserted }
        return result.count <= maximumSet ? result : nil
    }

    /// Strings that every match contains, in order and apart from each other.
    static func required(_ node: Node) -> [[UInt8]] {
        switch node {
        case .empty, .scalars, .assertion, .alternation: []
        case .literal(let scalars): bytes(scalars).map { [$0] } ?? []
        case .capture(_, let inner): required(inner)
        case .repetition(let inner, let least, _, _): least > 0 ? required(inner) : []
        case .concatenation(let parts): parts.flatMap(required)
        }
    }

    /// What every match begins with, where matches begin at the start of the text.
    static func prefix(_ node: Node) -> [UInt8] {
        switch node {
        case .literal(let scalars): bytes(scalars) ?? []
        case .capture(_, let inner): prefix(inner)
        case .repetition(let inner, let least, _, _): least > 0 ? prefix(inner) : []
        case .concatenation(let parts):
            switch parts.first {
            case .assertion(.beginText)?: parts.dropFirst().first.map(prefix) ?? []
            case let first?: prefix(first)
            case nil: []
            }
        case .alternation(let branches): commonPrefix(branches.map(prefix))
        case .empty, .scalars, .assertion: []
        }
    }

    private static func commonPrefix(_ strings: [[UInt8]]) -> [UInt8] {
        guard var common = strings.first else { return [] }
        for string in strings.dropFirst() {
            let length = zip(common, string).prefix { $0 == $1 }.count
            common = Array(common[..<length])
        }
        // Never cut inside a scalar: the caller may read it as text.
        while !common.isEmpty, String(validating: common, as: UTF8.self) == nil { common.removeLast() }
        return common
    }
}
