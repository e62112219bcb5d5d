/// Templates as Go's `Regexp.Expand`: `$1`, `$name`, `${name}`, `$$`. A name is as long as letters, digits and `_`
/// go, so `$1x` is `${1x}`. What names no group is nothing; a `$` that begins no reference stays.
extension Pattern {
    package func expand(_ template: String, _ match: PatternMatch, in bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        expand(Array(template.utf8), match, in: bytes, into: &result)
        return result
    }

    func expand(
        _ template: [UInt8], _ match: PatternMatch, in bytes: ArraySlice<UInt8>, into result: inout [UInt8]
    ) {
        var position = 0
        while position < template.count {
            guard template[position] == 0x24 else {
                result.append(template[position])
                position += 1
                continue
            }
            if position + 1 < template.count, template[position + 1] == 0x24 {
                result.append(0x24)
                position += 2
                continue
            }
            guard let (name, end) = Pattern.reference(template, after: position + 1) else {
                result.append(0x24)
                position += 1
                continue
            }
            position = end
            if let range = group(name, match), range.lowerBound >= bytes.startIndex, range.upperBound <= bytes.endIndex
            {
                result.append(contentsOf: bytes[range])
            }
        }
    }

    private static func reference(_ template: [UInt8], after start: Int) -> (name: ArraySlice<UInt8>, end: Int)? {
        let isBraced = start < template.count && template[start] == 0x7b
        let first = isBraced ? start + 1 : start
        var end = first
        while end < template.count, Surroundings.isWord(template[end]) { end += 1 }
        guard end > first else { return nil }
        if isBraced {
            guard end < template.count, template[end] == 0x7d else { return nil }
            return (template[first..<end], end + 1)
        }
        return (template[first..<end], end)
    }

    private func group(_ name: ArraySlice<UInt8>, _ match: PatternMatch) -> Range<Int>? {
        let isNumber = name.allSatisfy { (0x30...0x39).contains($0) }
        if isNumber, name.first != 0x30 || name.count == 1 {
            guard name.count < 9, let number = Int(String(decoding: name, as: UTF8.self)) else { return nil }
            return match[number]
        }
        for (index, candidate) in captureNames.enumerated() {
            // The first group of that name that took part.
            if let candidate, candidate.utf8.elementsEqual(name), let range = match[index] { return range }
        }
        return nil
    }

    /// Every match replaced by the template's expansion, as Go's `ReplaceAll`.
    package func replacingAll(in bytes: ArraySlice<UInt8>, with template: String) -> [UInt8] {
        let template = Array(template.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var copied = bytes.startIndex
        for match in allMatches(in: bytes) {
            result.append(contentsOf: bytes[copied..<match.range.lowerBound])
            expand(template, match, in: bytes, into: &result)
            copied = match.range.upperBound
        }
        result.append(contentsOf: bytes[copied...])
        return result
    }

    package func replacingAll(in text: String, with template: String) -> String {
        String(decoding: replacingAll(in: Array(text.utf8)[...], with: template), as: UTF8.self)
    }
}
