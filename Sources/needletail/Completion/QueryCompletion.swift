import PromQL
import Vectors

/// Completes the word at the end of an unfinished query.
struct QueryCompletion {
    enum Language { case promql, logql }

    /// What stands at the end of the text.
    enum Place: Equatable {
        /// A metric or a function.
        case name(String)
        /// Of the series that the selector before has so far.
        case label(String, of: String)
        /// In quotes; the text so far, the label and the selector.
        case value(String, label: String, of: String, quote: Character)
        case nothing
    }

    let text: String
    let language: Language
    let names: ServerNames

    func candidates() async -> [String] {
        switch QueryCompletion.place(text) {
        case .nothing: return []
        case .name(let start):
            guard language == .promql else { return start.isEmpty && text.isEmpty ? ["{"] : [] }
            return whole(start, await metrics(start) + words(start))
        case .label(let start, let selector):
            return whole(start, (await labels(selector)).filter { $0.hasPrefix(start) })
        case .value(let start, let label, let selector, let quote):
            let found = (await values(label, selector)).filter { $0.hasPrefix(start) }
            return whole(start, found.map { escaped($0, quote) + String(quote) })
        }
    }

    private func whole(_ start: String, _ found: [String]) -> [String] {
        let before = text.dropLast(start.count)
        return found.map { before + $0 }
    }

    private func escaped(_ value: String, _ quote: Character) -> String {
        value.replacing("\\", with: "\\\\").replacing(String(quote), with: "\\\(quote)")
    }

    private func metrics(_ start: String) async -> [String] {
        // Names that begin so are looked for on the server: it may have many more than are shown.
        let match = start.isEmpty ? nil : "{__name__=~\"\(start)[a-zA-Z0-9_:]*\"}"
        return await names.get("/api/v1/label/__name__/values", [("match[]", match)])
    }

    private func words(_ start: String) -> [String] {
        guard !start.isEmpty else { return [] }
        let functions = FunctionSignature.all.map { $0.name + "(" }
        let aggregations = AggregationOperator.allCases.map { $0.rawValue + "(" }
        return (functions + aggregations).filter { $0.hasPrefix(start) }.sorted()
    }

    private func labels(_ selector: String) async -> [String] {
        if language == .logql { return await names.get("/loki/api/v1/labels", []) }
        return await names.get("/api/v1/labels", [("match[]", selector.isEmpty ? nil : selector)])
            .filter { $0 != "__name__" }
    }

    private func values(_ label: String, _ selector: String) async -> [String] {
        if language == .logql { return await names.get("/loki/api/v1/label/\(label)/values", []) }
        return await names.get("/api/v1/label/\(label)/values", [("match[]", selector.isEmpty ? nil : selector)])
    }

    // MARK: Where the text ends

    private static let listWords: Set<String> = ["by", "without", "on", "ignoring", "group_left", "group_right"]

    private static func isNamePart(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == "_" || character == ":")
    }

    /// Reads the text once, from the left, and remembers what is open at its end.
    static func place(_ text: String) -> Place {
        var name = ""
        var lastName = ""
        /// Inside braces: the metric before them, whole matchers so far, and the one that is being written.
        var selector: (metric: String, matchers: [String], part: String)?
        /// Between the parentheses of `by` and its like, and in the brackets of a range.
        var isList = false
        var isRange = false
        var quote: Character?
        var quoted = ""
        var isEscaped = false
        for character in text {
            if let open = quote {
                if isEscaped {
                    isEscaped = false
                    quoted.append(character)
                } else if character == "\\", open != "`" {
                    isEscaped = true
                } else if character == open {
                    quote = nil
                    selector?.part.append(contentsOf: "\(open)\(quoted)\(open)")
                } else {
                    quoted.append(character)
                }
                continue
            }
            if character == "\"" || character == "'" || character == "`" {
                quote = character
                quoted = ""
                continue
            }
            if selector != nil {
                switch character {
                case "}":
                    selector = nil
                    name = ""
                case ",":
                    if let part = selector?.part { selector?.matchers.append(part) }
                    selector?.part = ""
                case " ", "\t", "\n": break
                default: selector?.part.append(character)
                }
                continue
            }
            if isNamePart(character) {
                name.append(character)
                continue
            }
            if !name.isEmpty { lastName = name }
            switch character {
            case "{": selector = (name, [], "")
            case "(":
                isList = listWords.contains(lastName.lowercased())
                lastName = ""
            case ")": isList = false
            case "[": isRange = true
            case "]": isRange = false
            default: break
            }
            name = ""
        }
        if let selector { return place(in: selector, quote, quoted) }
        if quote != nil || isRange { return .nothing }
        if isList { return .label(name, of: "") }
        if name.first?.isNumber == true { return .nothing }
        return .name(name)
    }

    private static func place(
        in selector: (metric: String, matchers: [String], part: String), _ quote: Character?, _ quoted: String
    ) -> Place {
        let so = selector.matchers.isEmpty && selector.metric.isEmpty
            ? "" : "\(selector.metric){\(selector.matchers.joined(separator: ","))}"
        let label = String(selector.part.prefix { isNamePart($0) })
        let operation = selector.part.dropFirst(label.count)
        if let quote {
            guard ["=", "!=", "=~", "!~"].contains(String(operation)), !label.isEmpty else { return .nothing }
            return .value(quoted, label: label, of: so, quote: quote)
        }
        return operation.isEmpty ? .label(label, of: so) : .nothing
    }
}
