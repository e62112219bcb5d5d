import Yams

/// Reads a YAML tree with every complaint at its line and column.
struct YAMLReader {
    let file: String

    /// The top-level node; an empty file is an empty mapping.
    func parse(_ text: String) throws -> Node {
        do {
            return try Yams.compose(yaml: text) ?? Node([(Node, Node)]())
        } catch let error as YamlError {
            throw translate(error)
        }
    }

    func error(_ node: Node, _ message: String) -> FleetError {
        .file(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1, message: message)
    }

    /// Calls `read` for every key of a mapping; `read` returns false for a key that it does not know.
    func mapping(
        _ node: Node, _ what: String, keys: [String],
        _ read: (_ key: String, _ keyNode: Node, _ value: Node) throws -> Void
    ) throws {
        guard let mapping = node.mapping else {
            // `redis-down:` without a value reads as an empty mapping.
            if node.scalar?.string.isEmpty == true { return }
            throw error(node, "\(what) must be a mapping of keys to values")
        }
        var seen: Set<String> = []
        for (keyNode, value) in mapping {
            guard let key = keyNode.scalar?.string else { throw error(keyNode, "a key must be a word") }
            guard keys.contains(key) else {
                throw error(keyNode, "unknown key `\(key)` in \(what); known are \(keys.joined(separator: ", "))")
            }
            guard seen.insert(key).inserted else { throw error(keyNode, "key `\(key)` occurs twice in \(what)") }
            try read(key, keyNode, value)
        }
    }

    func list(_ node: Node, _ what: String) throws -> [Node] {
        guard let sequence = node.sequence else { throw error(node, "\(what) must be a list") }
        return Array(sequence)
    }

    func text(_ node: Node, _ what: String) throws -> String {
        guard let text = node.scalar?.string, !text.isEmpty else { throw error(node, "\(what) must be a text") }
        return text
    }

    func integer(_ node: Node, _ what: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let value = node.scalar.flatMap({ Int($0.string) }), range.contains(value) else {
            throw error(node, "\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func number(_ node: Node, _ what: String, _ range: ClosedRange<Double>) throws -> Double {
        guard let value = node.scalar.flatMap({ Double($0.string) }), range.contains(value) else {
            throw error(node, "\(what) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A number with a unit: `500us`, `40ms`, `3s`, `1m`.
    func duration(_ node: Node, _ what: String) throws -> Duration {
        let text = node.scalar?.string ?? ""
        let units: [(String, Duration)] = [
            ("us", .microseconds(1)), ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)),
        ]
        for (suffix, unit) in units where text.hasSuffix(suffix) {
            guard let count = Double(text.dropLast(suffix.count)), (0...86_400_000).contains(count) else { continue }
            return unit * count
        }
        throw error(node, "\(what) must be a duration such as 500us, 40ms, 3s or 1m")
    }

    func choice<Value: RawRepresentable & CaseIterable>(
        _ node: Node, _ what: String
    ) throws -> Value where Value.RawValue == String {
        let text = node.scalar?.string ?? ""
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(node, "\(what) must be one of \(known), not `\(text)`")
        }
        return value
    }

    private func translate(_ error: YamlError) -> FleetError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            .file(file: file, line: mark.line, column: mark.column, message: "not valid YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            .file(
                file: file, line: context.mark.line, column: context.mark.column,
                message: "keys occur twice: \(duplicates.map { "\($0)" }.joined(separator: ", "))")
        default:
            .file(file: file, line: 1, column: 1, message: "not valid YAML: \(error)")
        }
    }
}
