/// Classes by name: Perl's, POSIX's, and Unicode's general categories and scripts.
enum NamedClasses {
    static let digit = ScalarSet([0x30...0x39])
    static let space = ScalarSet([9...10, 12...13, 32...32])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a])

    static func perl(_ letter: UInt32) -> ScalarSet? {
        switch letter {
        case 0x64: digit
        case 0x44: digit.inverted
        case 0x73: space
        case 0x53: space.inverted
        case 0x77: word
        case 0x57: word.inverted
        default: nil
        }
    }

    static func posix(_ name: String) -> ScalarSet? {
        switch name {
        case "alnum": ScalarSet([0x30...0x39, 0x41...0x5a, 0x61...0x7a])
        case "alpha": ScalarSet([0x41...0x5a, 0x61...0x7a])
        case "ascii": ScalarSet([0...0x7f])
        case "blank": ScalarSet([9...9, 32...32])
        case "cntrl": ScalarSet([0...31, 127...127])
        case "digit": digit
        case "graph": ScalarSet([0x21...0x7e])
        case "lower": ScalarSet([0x61...0x7a])
        case "print": ScalarSet([0x20...0x7e])
        case "punct": ScalarSet([0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e])
        case "space": ScalarSet([9...13, 32...32])
        case "upper": ScalarSet([0x41...0x5a])
        case "word": word
        case "xdigit": ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
        default: nil
        }
    }

    /// `L`, `Lu`, `Uppercase_Letter`, `Greek`, `Any`.
    static func unicode(_ name: String) -> ScalarSet? {
        let canonical = UnicodeNames.canonical(name)
        switch canonical {
        case "Any": return .all
        case "Ascii": return ScalarSet([0...0x7f])
        case "Assigned": return category("Cn")?.inverted
        default: break
        }
        if let set = category(UnicodeNames.categories[canonical] ?? canonical) { return set }
        return scripts[canonical].map { ScalarSet($0) }
    }

    private static let scripts = Dictionary(
        Scripts.ranges.map { (UnicodeNames.canonical($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })

    private static func category(_ name: String) -> ScalarSet? { categorySets[name] }

    /// Kept ready: an expression may name a class thousands of times.
    private static let categorySets: [String: ScalarSet] = {
        var result: [String: ScalarSet] = [:]
        for (name, ranges) in categories { result[name] = ScalarSet(ranges) }
        // Unassigned scalars are in no class but their own.
        for major in ["C", "L", "M", "N", "P", "S", "Z"] {
            let minors = categories.filter { $0.key.hasPrefix(major) && $0.key != "Cn" }
            result[major] = ScalarSet(minors.values.flatMap { $0 })
        }
        result["LC"] = ScalarSet(["Lu", "Ll", "Lt"].flatMap { categories[$0] ?? [] })
        return result
    }()

    /// Made on first use from the standard library's own tables, so no copy of them is kept here.
    private static let categories: [String: [ClosedRange<UInt32>]] = {
        var result: [String: [ClosedRange<UInt32>]] = [:]
        var current = ""
        var start: UInt32 = 0
        for value in 0...ScalarSet.maximum {
            let name = Unicode.Scalar(value).map { abbreviation($0.properties.generalCategory) } ?? "Cs"
            if name == current { continue }
            if value > 0 { result[current, default: []].append(start...(value - 1)) }
            current = name
            start = value
        }
        result[current, default: []].append(start...ScalarSet.maximum)
        return result
    }()

    private static func abbreviation(_ category: Unicode.GeneralCategory) -> String {
        switch category {
        case .uppercaseLetter: "Lu"
        case .lowercaseLetter: "Ll"
        case .titlecaseLetter: "Lt"
        case .modifierLetter: "Lm"
        case .otherLetter: "Lo"
        case .nonspacingMark: "Mn"
        case .spacingMark: "Mc"
        case .enclosingMark: "Me"
        case .decimalNumber: "Nd"
        case .letterNumber: "Nl"
        case .otherNumber: "No"
        case .connectorPunctuation: "Pc"
        case .dashPunctuation: "Pd"
        case .openPunctuation: "Ps"
        case .closePunctuation: "Pe"
        case .initialPunctuation: "Pi"
        case .finalPunctuation: "Pf"
        case .otherPunctuation: "Po"
        case .mathSymbol: "Sm"
        case .currencySymbol: "Sc"
        case .modifierSymbol: "Sk"
        case .otherSymbol: "So"
        case .spaceSeparator: "Zs"
        case .lineSeparator: "Zl"
        case .paragraphSeparator: "Zp"
        case .control: "Cc"
        case .format: "Cf"
        case .surrogate: "Cs"
        case .privateUse: "Co"
        case .unassigned: "Cn"
        @unknown default: "Cn"
        }
    }
}
