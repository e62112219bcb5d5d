internal import Telemetry

/// Stages of ours over all the lines found.
extension Parser {
    private static let resultWords: Set<String> = ["distinct", "sort", "top", "facets", "stream_context"]

    var isResultStart: Bool {
        guard isSymbol("|"), case .identifier(let name) = token(ahead: 1).kind else { return false }
        return Parser.resultWords.contains(name.lowercased()) && !token(ahead: 2).isComparison
    }

    mutating func resultStages() throws(LogQLError) -> [ResultStage] {
        var out: [ResultStage] = []
        while isResultStart {
            advance()
            let position = current.position
            let stage = try resultStage()
            if case .streamContext = stage, !out.isEmpty {
                throw position.error("syntax error: stream_context comes before other stages that look at all lines")
            }
            out.append(stage)
        }
        if !out.isEmpty, isStageStart {
            throw current.position.error(
                "syntax error: unexpected \(current.name): distinct, sort, top, facets and stream_context come last")
        }
        return out
    }

    private mutating func resultStage() throws(LogQLError) -> ResultStage {
        let word = try identifier().lowercased()
        switch word {
        case "distinct": return .distinct(try labelNames())
        case "sort":
            _ = takeWord("by")
            return .sort(try sortKeys())
        case "top":
            let count = try count(of: word) ?? 10
            _ = takeWord("by")
            return .top(count, by: try labelNames())
        case "facets": return .facets(try count(of: word) ?? 10)
        default: return try streamContext()
        }
    }

    private mutating func streamContext() throws(LogQLError) -> ResultStage {
        var before: Int?
        var after: Int?
        while true {
            if before == nil, takeWord("before") {
                before = try count(of: "before")
            } else if after == nil, takeWord("after") {
                after = try count(of: "after")
            } else {
                break
            }
        }
        guard before != nil || after != nil else { throw unexpected("before", "after") }
        return .streamContext(before: before ?? 0, after: after ?? 0)
    }

    /// A whole number up to a thousand; nil where there is none.
    private mutating func count(of word: String) throws(LogQLError) -> Int? {
        guard case .number(let value) = current.kind else {
            if word == "before" || word == "after" { throw unexpected("NUMBER") }
            return nil
        }
        guard let count = Int(exactly: value), count >= 0, count <= 1000, count > 0 || word != "top" else {
            throw current.position.error("\(word) takes a whole number up to 1000")
        }
        advance()
        return count
    }

    private mutating func labelNames() throws(LogQLError) -> [String] {
        if isSymbol("(") { return try names() }
        var out = [try identifier()]
        while take(",") { out.append(try identifier()) }
        return out
    }

    private mutating func sortKeys() throws(LogQLError) -> [SortKey] {
        let isBracketed = take("(")
        var out: [SortKey] = []
        repeat {
            let name = try identifier()
            let isDescending = takeWord("desc")
            if !isDescending { _ = takeWord("asc") }
            out.append(SortKey(name: name, isDescending: isDescending))
        } while take(",")
        if isBracketed { try expect(")") }
        return out
    }
}
