import GoTemplates
import Patterns

extension LineFunction {
    /// What one call may make at most.
    private static let maximumText = 4 << 20

    func callText(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        let texts = arguments.map(\.text)
        let last = texts[texts.count - 1]
        switch self {
        case .lower, .oldLower: return .string(last.lowercased())
        case .upper, .oldUpper: return .string(last.uppercased())
        case .title: return .string(LineFunction.title(last))
        case .trim, .oldTrimSpace: return .string(LineFunction.trimmed(last) { $0.properties.isWhitespace })
        case .oldTrim: return .string(LineFunction.trimmed(texts[0], set: texts[1]))
        case .trimAll: return .string(LineFunction.trimmed(texts[1], set: texts[0]))
        case .oldTrimLeft: return .string(LineFunction.trimmed(texts[0], set: texts[1], trailing: false))
        case .oldTrimRight: return .string(LineFunction.trimmed(texts[0], set: texts[1], leading: false))
        case .oldTrimPrefix: return .string(LineFunction.withoutPrefix(texts[0], texts[1]))
        case .oldTrimSuffix: return .string(LineFunction.withoutSuffix(texts[0], texts[1]))
        case .trimPrefix: return .string(LineFunction.withoutPrefix(texts[1], texts[0]))
        case .trimSuffix: return .string(LineFunction.withoutSuffix(texts[1], texts[0]))
        case .contains:
            return .bool(texts[0].isEmpty || ByteSearch.find(Array(texts[0].utf8), in: Array(last.utf8)) != nil)
        case .hasPrefix: return .bool(last.utf8.starts(with: texts[0].utf8))
        case .hasSuffix: return .bool(last.utf8.reversed().starts(with: texts[0].utf8.reversed()))
        case .replace: return .string(LineFunction.replace(last, texts[0], texts[1], limit: -1))
        case .oldReplace:
            return .string(LineFunction.replace(texts[0], texts[1], texts[2], limit: arguments[3].integer))
        case .repeat:
            let count = Swift.max(0, arguments[0].integer)
            guard count == 0 || last.utf8.count <= LineFunction.maximumText / Int(Swift.min(count, 1 << 30)) else {
                throw TemplateError("error calling repeat: the text would be larger than 4 MiB")
            }
            return .string(String(repeating: last, count: Int(count)))
        case .indent, .nindent:
            let pad = String(repeating: " ", count: Int(Swift.min(Swift.max(0, arguments[0].integer), 1000)))
            let body = pad + LineFunction.replace(last, "\n", "\n" + pad, limit: -1)
            return .string(self == .nindent ? "\n" + body : body)
        case .trunc: return .string(LineFunction.truncated(last, arguments[0].integer))
        case .substr: return .string(LineFunction.substring(last, arguments[0].integer, arguments[1].integer))
        case .alignLeft, .alignRight: return .string(aligned(last, arguments[0].integer))
        case .regexReplaceAll, .regexReplaceAllLiteral, .count: return try callPattern(texts)
        case .urlencode: return .string(URLText.encode(last))
        case .urldecode:
            guard let text = URLText.decode(last) else {
                throw TemplateError("error calling urldecode: invalid URL escape")
            }
            return .string(text)
        case .b64enc: return .string(Base64Text.encode(Array(last.utf8)))
        case .b64dec:
            guard let bytes = Base64Text.decode(last) else {
                throw TemplateError("error calling b64dec: illegal base64 data")
            }
            return .string(String(decoding: bytes, as: UTF8.self))
        default:  // fromJson
            guard let value = JSONTemplateValue.parse(Array(last.utf8)) else {
                throw TemplateError("error calling fromJson: invalid JSON")
            }
            return value
        }
    }

    private func callPattern(_ texts: [String]) throws(TemplateError) -> TemplateValue {
        let expression: Pattern
        do { expression = try PatternCache.pattern(texts[0]) } catch {
            throw TemplateError("error calling \(rawValue): error parsing regexp: \(error)")
        }
        let text = Array(texts[1].utf8)
        if self == .count {
            return .int(Int64(expression.allMatches(in: text).count))
        }
        let template = self == .regexReplaceAll ? texts[2] : LineFunction.replace(texts[2], "$", "$$", limit: -1)
        return .string(String(decoding: expression.replacingAll(in: text[...], with: template), as: UTF8.self))
    }

    private func aligned(_ text: String, _ wanted: Int64) -> String {
        guard wanted >= 0 else { return text }
        let width = Int(Swift.min(wanted, 10_000))
        let scalars = Array(text.unicodeScalars)
        if scalars.count >= width {
            let kept = self == .alignLeft ? scalars.prefix(width) : scalars.suffix(width)
            return String(String.UnicodeScalarView(kept))
        }
        let pad = String(repeating: " ", count: width - scalars.count)
        return self == .alignLeft ? text + pad : pad + text
    }

    private static func title(_ text: String) -> String {
        var out = ""
        var atStart = true
        for scalar in text.unicodeScalars {
            out += atStart ? scalar.properties.titlecaseMapping : String(scalar)
            atStart = scalar.properties.isWhitespace
        }
        return out
    }

    private static func trimmed(
        _ text: String, leading: Bool = true, trailing: Bool = true, _ isTrimmed: (Unicode.Scalar) -> Bool
    ) -> String {
        var scalars = Substring(text).unicodeScalars
        if leading { while let first = scalars.first, isTrimmed(first) { scalars.removeFirst() } }
        if trailing { while let last = scalars.last, isTrimmed(last) { scalars.removeLast() } }
        return String(scalars)
    }

    private static func trimmed(_ text: String, set: String, leading: Bool = true, trailing: Bool = true) -> String {
        trimmed(text, leading: leading, trailing: trailing) { set.unicodeScalars.contains($0) }
    }

    private static func withoutPrefix(_ text: String, _ prefix: String) -> String {
        text.utf8.starts(with: prefix.utf8)
            ? String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : text
    }

    private static func withoutSuffix(_ text: String, _ suffix: String) -> String {
        text.utf8.reversed().starts(with: suffix.utf8.reversed())
            ? String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self) : text
    }

    private static func replace(_ text: String, _ old: String, _ new: String, limit: Int64) -> String {
        if old.isEmpty || limit == 0 { return text }
        let bytes = Array(text.utf8)
        let needle = Array(old.utf8)
        var out: [UInt8] = []
        var start = 0
        var left = limit < 0 ? Int64.max : limit
        while left > 0, let at = ByteSearch.find(needle, in: bytes[start...]) {
            out.append(contentsOf: bytes[start..<at])
            out.append(contentsOf: new.utf8)
            start = at + needle.count
            left -= 1
        }
        return String(decoding: out + bytes[start...], as: UTF8.self)
    }

    /// Characters are Unicode scalars, as Go's runes.
    private static func truncated(_ text: String, _ count: Int64) -> String {
        let scalars = text.unicodeScalars
        guard count.magnitude < UInt64(scalars.count) else { return text }
        return count < 0
            ? String(scalars.suffix(Int(count.magnitude))) : String(scalars.prefix(Int(count)))
    }

    /// Loki's: a negative start takes from the beginning, a negative end to the end, both nothing.
    private static func substring(_ text: String, _ start: Int64, _ end: Int64) -> String {
        let scalars = Array(text.unicodeScalars)
        let high = Int(Swift.min(end, Int64(scalars.count)))
        let low = Int(Swift.min(start, Int64(scalars.count)))
        var part = scalars[...]
        switch (low < 0, high < 0) {
        case (true, true): part = []
        case (true, false): part = scalars[..<high]
        case (false, true): part = scalars[low...]
        case (false, false): part = low <= high ? scalars[low..<high] : []
        }
        return String(String.UnicodeScalarView(part))
    }
}
