/// Names of Unicode classes as Go 1.25 reads them: case, spaces, hyphens and underscores do not matter.
enum UnicodeNames {
    /// First letter upper, the others lower, nothing in between.
    static func canonical(_ name: String) -> String {
        var result = ""
        for scalar in name.unicodeScalars where scalar != "_" && scalar != "-" && scalar != " " {
            let letter = scalar.value < 0x80 ? String(Character(scalar)) : nil
            guard let letter else {
                result.unicodeScalars.append(scalar)
                continue
            }
            result += result.isEmpty ? letter.uppercased() : letter.lowercased()
        }
        return result
    }

    /// Canonical long name to the category's abbreviation.
    static let categories: [String: String] = [
        "Letter": "L", "Casedletter": "LC", "Lc": "LC", "Uppercaseletter": "Lu", "Lowercaseletter": "Ll",
        "Titlecaseletter": "Lt", "Modifierletter": "Lm", "Otherletter": "Lo", "Mark": "M", "Combiningmark": "M",
        "Nonspacingmark": "Mn", "Spacingmark": "Mc", "Enclosingmark": "Me", "Number": "N", "Decimalnumber": "Nd",
        "Digit": "Nd", "Letternumber": "Nl", "Othernumber": "No", "Punctuation": "P", "Punct": "P",
        "Connectorpunctuation": "Pc", "Dashpunctuation": "Pd", "Openpunctuation": "Ps", "Closepunctuation": "Pe",
        "Initialpunctuation": "Pi", "Finalpunctuation": "Pf", "Otherpunctuation": "Po", "Symbol": "S",
        "Mathsymbol": "Sm", "Currencysymbol": "Sc", "Modifiersymbol": "Sk", "Othersymbol": "So", "Separator": "Z",
        "Spaceseparator": "Zs", "Lineseparator": "Zl", "Paragraphseparator": "Zp", "Other": "C", "Control": "Cc",
        "Cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs", "Privateuse": "Co", "Unassigned": "Cn",
    ]
}
