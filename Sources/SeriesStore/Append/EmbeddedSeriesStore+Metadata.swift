internal import Storage
import Synchronization
internal import Telemetry

/// What exporters say about their families. It is small and seldom changes: memory, journal, and one document for each
/// family in the catalog.
extension EmbeddedSeriesStore {
    private static let documentKind = "series.family"

    func remember(_ metadata: [MetricMetadata]) {
        var changed: Set<String> = []
        families.withLock { families in
            for one in metadata where families[one.name]?.first != one {
                // The newest first; a family that two exporters describe differently keeps both.
                var list = families[one.name] ?? []
                list.removeAll { $0 == one }
                list.insert(one, at: 0)
                families[one.name] = Array(list.prefix(8))
                changed.insert(one.name)
            }
        }
        if !changed.isEmpty { changedFamilies.withLock { $0.formUnion(changed) } }
    }

    /// Before the journal forgets them.
    func writeFamilies() throws {
        let changed = changedFamilies.withLock { names in
            defer { names = [] }
            return names
        }
        guard !changed.isEmpty else { return }
        let all = families.withLock { $0 }
        do {
            try folder.catalog.putDocuments(
                changed.sorted().compactMap { name in
                    all[name].map { family in
                        CatalogDocument(
                            kind: EmbeddedSeriesStore.documentKind, key: name, body: FamilyText.encode(family),
                            updated: 0)
                    }
                })
        } catch {
            changedFamilies.withLock { $0.formUnion(changed) }
            throw error
        }
    }

    func readFamilies() throws {
        for document in try folder.catalog.documents(kind: EmbeddedSeriesStore.documentKind) {
            let family = FamilyText.decode(document.body, name: document.key)
            if !family.isEmpty { families.withLock { $0[document.key] = family } }
        }
    }
}

/// A family's metadata as a JSON array of `[kind, help, unit]`.
enum FamilyText {
    static func encode(_ family: [MetricMetadata]) -> String {
        "[" + family.map { "[\(quoted($0.kind.rawValue)),\(quoted($0.help)),\(quoted($0.unit))]" }
            .joined(separator: ",") + "]"
    }

    /// Empty where the text is not one of ours.
    static func decode(_ text: String, name: String) -> [MetricMetadata] {
        var strings: [String] = []
        var current: String?
        var isEscaped = false
        for scalar in text.unicodeScalars {
            guard var open = current else {
                if scalar == "\"" { current = "" }
                continue
            }
            if isEscaped {
                open.unicodeScalars.append(scalar == "n" ? "\n" : scalar == "r" ? "\r" : scalar == "t" ? "\t" : scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                strings.append(open)
                current = nil
                continue
            } else {
                open.unicodeScalars.append(scalar)
            }
            current = open
        }
        return stride(from: 0, to: strings.count / 3 * 3, by: 3).map { place in
            MetricMetadata(
                name: name, kind: MetricMetadata.Kind(rawValue: strings[place]) ?? .unknown, help: strings[place + 1],
                unit: strings[place + 2])
        }
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            // Not allowed in JSON, and of no use in a help text.
            case "\u{0}"..<" ": out += " "
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
