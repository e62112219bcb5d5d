/// Simple case folding: the scalars that `(?i)` takes for the same, `k`, `K` and the Kelvin sign for example.
enum CaseFolding {
    /// Scalar to the others of its orbit, for every scalar that has any.
    private static let orbits: [UInt32: [UInt32]] = {
        var groups: [UInt32: [UInt32]] = [:]
        // Cased letters end with Adlam at U+1E943.
        for value in UInt32(0x41)...0x1e943 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let properties = scalar.properties
            guard
                value == 0x390 || value == 0x3b0 || value == 0xfb05 || properties.changesWhenCaseFolded
                    || properties.changesWhenUppercased || properties.changesWhenLowercased
            else { continue }
            groups[representative(scalar), default: []].append(value)
        }
        var result: [UInt32: [UInt32]] = [:]
        for group in groups.values where group.count > 1 {
            for value in group { result[value] = group.filter { $0 != value } }
        }
        return result
    }()

    /// Lower case of the upper case brings both sigmas, both `s` and the micro sign together.
    private static func representative(_ scalar: Unicode.Scalar) -> UInt32 {
        switch scalar.value {
        // ẞ has no single upper case to meet ß at, nor have Greek letters with two accents and the ligatures of st.
        case 0x1e9e: return 0xdf
        case 0x1fd3: return 0x390
        case 0x1fe3: return 0x3b0
        case 0xfb06: return 0xfb05
        // Turkish i without a dot has an upper case, and yet folds to nothing.
        case 0x131: return 0x131
        default: break
        }
        let upper = single(scalar.properties.uppercaseMapping) ?? scalar
        return (single(upper.properties.lowercaseMapping) ?? upper).value
    }

    private static func single(_ text: String) -> Unicode.Scalar? {
        var iterator = text.unicodeScalars.makeIterator()
        guard let first = iterator.next(), iterator.next() == nil else { return nil }
        return first
    }

    static func others(_ value: UInt32) -> [UInt32] {
        if value < 0x80 {
            let isLetter = (value | 0x20) >= 0x61 && (value | 0x20) <= 0x7a
            guard isLetter else { return [] }
            switch value | 0x20 {
            case 0x6b: return [value ^ 0x20, 0x212a]
            case 0x73: return [value ^ 0x20, 0x17f]
            default: return [value ^ 0x20]
            }
        }
        return orbits[value] ?? []
    }

    static func forEachFolded(in set: ScalarSet, _ body: (UInt32) -> Void) {
        if set.count(limit: 64) <= 64 {
            for value in set.ranges.joined() { others(value).forEach(body) }
            return
        }
        for value in UInt32(0)..<0x80 where set.contains(value) { others(value).forEach(body) }
        for (value, others) in orbits where value >= 0x80 && set.contains(value) { others.forEach(body) }
    }
}
