import Yams

/// A node of a YAML file that remembers where it stands, so that every complaint names file, line, column and key.
package struct YAMLNode {
    package let file: String
    /// The way from the top: `scrape_configs[0].static_configs`.
    package let path: String
    let node: Yams.Node

    /// Reads the first document of a text; an empty file is nil.
    package static func read(_ text: String, file: String) throws(YAMLError) -> YAMLNode? {
        do {
            try checkBrackets(text, file: file)
            // What a plain word means is said by whoever reads it: no rule is needed, and preparing the library's own
            // takes milliseconds of every start.
            guard let node = try Yams.compose(yaml: text, .basic) else { return nil }
            let root = YAMLNode(file: file, path: "", node: node)
            var visited = 0
            try root.checkKeysAndDepth(0, &visited)
            return root
        } catch let error as YAMLError {
            throw error
        } catch let error as YamlError {
            throw YAMLError(from: error, file: file)
        } catch {
            throw YAMLError(file: file, message: "\(error)")
        }
    }

    /// The composer recurses, so that a hostile file could exhaust the stack: this bounds its depth before it starts.
    private static func checkBrackets(_ text: String, file: String) throws(YAMLError) {
        var depth = 0
        var line = 1
        var dashes = 0
        var quote: UInt8?
        var isComment = false
        var previous = UInt8(ascii: "\n")
        for byte in text.utf8 {
            defer { previous = byte }
            if byte == UInt8(ascii: "\n") {
                line += 1
                dashes = 0
                isComment = false
                continue
            }
            if isComment { continue }
            if let open = quote {
                // A backslash escapes in double quotes only.
                let isEscaped = open == UInt8(ascii: "\"") && previous == UInt8(ascii: "\\")
                if byte == open && !isEscaped { quote = nil }
                continue
            }
            let isAfterSpace = [UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t")].contains(previous)
            let startsValue =
                isAfterSpace || [UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ",")].contains(previous)
            switch byte {
            case UInt8(ascii: "#") where isAfterSpace: isComment = true
            case UInt8(ascii: "\""), UInt8(ascii: "'"): if startsValue { quote = byte }
            // Only where a value may begin: a bracket inside a plain word is text.
            case UInt8(ascii: "["), UInt8(ascii: "{"): if startsValue { depth += 1 }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: "-"), UInt8(ascii: "?"): dashes += 1
            case UInt8(ascii: " "): break
            default: dashes = 0
            }
            if depth > 200 || dashes > 200 {
                throw YAMLError(file: file, line: line, message: "is nested deeper than 200 levels")
            }
        }
    }

    package var line: Int? { node.mark?.line }
    package var column: Int? { node.mark?.column }

    package func error(_ message: String) -> YAMLError {
        YAMLError(file: file, line: line, column: column, message: path.isEmpty ? message : "\(path): \(message)")
    }

    /// The node written as YAML again; equal texts mean equal settings.
    package var text: String { (try? Yams.serialize(node: node)) ?? "" }

    package var isNull: Bool { node.null != nil && scalarIsPlain }
    package var isList: Bool { node.sequence != nil }
    package var isMapping: Bool { node.mapping != nil }

    private var scalarIsPlain: Bool {
        if case .scalar(let scalar) = node { return scalar.style == .plain || scalar.style == .any }
        return false
    }

    /// Aliases are followed, so that a small file can stand for a huge one: `visited` bounds what it stands for.
    private func checkKeysAndDepth(_ depth: Int, _ visited: inout Int) throws(YAMLError) {
        visited += 1
        if visited > 1_000_000 { throw error("the file holds more than a million values; are its aliases nested?") }
        if depth > 100 { throw error("is nested deeper than 100 levels") }
        if let mapping = node.mapping {
            var seen: Set<String> = []
            for (key, value) in mapping {
                guard let name = key.string else {
                    throw YAMLError(
                        file: file, line: key.mark?.line, column: key.mark?.column, message: "a key must be a word")
                }
                if !seen.insert(name).inserted {
                    throw YAMLError(
                        file: file, line: key.mark?.line, column: key.mark?.column,
                        message: "key \"\(name)\" is there twice")
                }
                try child(name, value).checkKeysAndDepth(depth + 1, &visited)
            }
        } else if let sequence = node.sequence {
            for (i, value) in sequence.enumerated() { try element(at: i, value).checkKeysAndDepth(depth + 1, &visited) }
        }
    }

    private func child(_ name: String, _ value: Yams.Node) -> YAMLNode {
        YAMLNode(file: file, path: path.isEmpty ? name : "\(path).\(name)", node: value)
    }

    private func element(at index: Int, _ value: Yams.Node) -> YAMLNode {
        YAMLNode(file: file, path: "\(path)[\(index)]", node: value)
    }

    // MARK: Mappings

    /// The values of a mapping. A key that is not among `known` is an error at its place, with the nearest known one.
    package func mapping(_ known: [String]) throws(YAMLError) -> [String: YAMLNode] {
        guard let mapping = node.mapping else {
            if isNull { return [:] }
            throw error("must be a mapping of keys to values")
        }
        var out: [String: YAMLNode] = [:]
        for (key, value) in mapping {
            let name = key.string ?? ""
            guard known.contains(name) else {
                let near = nearest(name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
                let place = path.isEmpty ? "the top level" : path
                throw YAMLError(
                    file: file, line: key.mark?.line, column: key.mark?.column,
                    message: "unknown key \"\(name)\" in \(place)\(near)")
            }
            // A key with nothing after it counts as absent, as Prometheus' own reader has it.
            let node = child(name, value)
            if !node.isNull { out[name] = node }
        }
        return out
    }

    /// A mapping with free keys, in the order of the file.
    package func entries() throws(YAMLError) -> [(key: String, value: YAMLNode)] {
        guard let mapping = node.mapping else {
            if isNull { return [] }
            throw error("must be a mapping of keys to values")
        }
        return mapping.map { (key: $0.key.string ?? "", value: child($0.key.string ?? "", $0.value)) }
    }

    package func stringMapping() throws(YAMLError) -> [String: String] {
        var out: [String: String] = [:]
        for (key, value) in try entries() { out[key] = try value.string() }
        return out
    }

    package func list() throws(YAMLError) -> [YAMLNode] {
        guard let sequence = node.sequence else {
            if isNull { return [] }
            throw error("must be a list")
        }
        return sequence.enumerated().map { element(at: $0.offset, $0.element) }
    }

    package func strings() throws(YAMLError) -> [String] {
        var out: [String] = []
        for node in try list() { out.append(try node.string()) }
        return out
    }

    // MARK: Scalars

    package func string() throws(YAMLError) -> String {
        guard case .scalar(let scalar) = node else { throw error("must be a single value") }
        return isNull ? "" : scalar.string
    }

    package func bool() throws(YAMLError) -> Bool {
        switch try string() {
        case "true", "True", "TRUE", "yes", "on": return true
        case "false", "False", "FALSE", "no", "off": return false
        case let other: throw error("\"\(other)\" is not true or false")
        }
    }

    package func integer() throws(YAMLError) -> Int {
        let text = try string()
        guard let number = Int(text) else { throw error("\"\(text)\" is not a whole number") }
        return number
    }

    package func double() throws(YAMLError) -> Double {
        let text = try string()
        guard let number = Double(text) else { throw error("\"\(text)\" is not a number") }
        return number
    }

    /// A duration in Prometheus' form, in milliseconds.
    package func duration() throws(YAMLError) -> Int64 {
        let text = try string()
        guard let milliseconds = PrometheusDuration.parse(text) else {
            throw error("\"\(text)\" is not a duration; write for example 15s, 1m30s or 2h")
        }
        return milliseconds
    }

    /// A size such as `10MB` or `512KiB`, in bytes; Prometheus counts both spellings in powers of 1024.
    package func byteSize() throws(YAMLError) -> Int {
        let text = try string()
        guard let bytes = ByteSize.parse(text) else {
            throw error("\"\(text)\" is not a size; write for example 512KB or 10MB")
        }
        return bytes
    }
}

/// `10MB` or `512KiB`; Prometheus counts both spellings in powers of 1024.
package enum ByteSize {
    /// Bytes; nil where the text is not a size.
    package static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isNumber }
        let scale: Int? =
            switch text.dropFirst(digits.count) {
            case "", "B": 1
            case "K", "KB", "KiB": 1 << 10
            case "M", "MB", "MiB": 1 << 20
            case "G", "GB", "GiB": 1 << 30
            case "T", "TB", "TiB": 1 << 40
            case "P", "PB", "PiB": 1 << 50
            default: nil
            }
        guard let number = Int(digits), let scale, number <= Int.max / scale else { return nil }
        return number * scale
    }
}

/// `1h30m`, `15s`, `500ms`, `7d`, `0`: the form of Prometheus' files, units from large to small, each once.
package enum PrometheusDuration {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
        ("ms", 1),
    ]

    /// Milliseconds, nil where the text is not a duration or too long to count.
    package static func parse(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        var rest = Substring(text)
        var next = 0
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let suffix = String(rest.prefix { $0.isASCII && $0.isLetter })
            guard let unit = units[next...].firstIndex(where: { $0.suffix == suffix }) else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, carry) = total.addingReportingOverflow(product)
            // Go counts durations in nanoseconds and ends at 292 years; so far they can be added to any clock.
            guard !overflow, !carry, sum <= 9_223_372_036_854 else { return nil }
            total = sum
            next = unit + 1
            rest = rest.dropFirst(suffix.count)
        }
        return total
    }

    /// The shortest text that parses back: `1h30m`.
    package static func format(_ milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        var rest = milliseconds.magnitude
        var out = milliseconds < 0 ? "-" : ""
        for (suffix, size) in units {
            let size = UInt64(size)
            // Years and weeks only where nothing is left over, as Prometheus prints them.
            if (suffix == "y" || suffix == "w") && rest % size != 0 { continue }
            if rest >= size {
                out += "\(rest / size)\(suffix)"
                rest %= size
            }
        }
        return out
    }
}

extension YAMLError {
    init(from error: YamlError, file: String) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(file: file, line: mark.line, column: mark.column, message: "not valid YAML: \(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            self.init(
                file: file, line: context.mark.line, column: context.mark.column,
                message: "in the mapping that begins here: "
                    + names.sorted().map { "key \"\($0)\" is there twice" }.joined(separator: ", "))
        default:
            self.init(file: file, message: "not valid YAML: \(error)")
        }
    }
}

/// The known word at the smallest edit distance, where that is small enough to be a slip.
package func nearest(_ word: String, among known: [String]) -> String? {
    func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let cost = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(cost, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
    guard word.count <= 64 else { return nil }
    let best = known.map { ($0, distance(Array(word), Array($0))) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= max(1, word.count / 3) else { return nil }
    return best.0
}
