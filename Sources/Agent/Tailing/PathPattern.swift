import Patterns

/// A path with wildcards: `*`, `?` and `[…]` within a folder's names, and `**` for any number of folders.
package struct PathPattern: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case name(String)
        case glob(Glob)
        case anyFolders
    }

    package let text: String
    private let parts: [Part]

    /// The folders that `**` goes down at most: a loop of symbolic links must end.
    static let deepest = 32
    /// Files of one pattern.
    static let mostFiles = 100_000

    /// Throws where a bracket or an escape is not finished, and for a relative path.
    package init(_ text: String) throws(AgentError) {
        guard text.hasPrefix("/") else { throw AgentError("\"\(text)\" is not an absolute path") }
        var parts: [Part] = []
        for component in text.split(separator: "/") {
            switch component {
            case ".": continue
            case "**": if parts.last != .anyFolders { parts.append(.anyFolders) }
            default:
                guard let glob = Glob(String(component)) else {
                    throw AgentError("\"\(text)\" has a bracket or a backslash that is not finished")
                }
                let hasMeaning = component.utf8.contains { "*?[\\".utf8.contains($0) }
                parts.append(hasMeaning ? .glob(glob) : .name(String(component)))
            }
        }
        // As shells and other agents have it, `logs/**` means every file below.
        if parts.last == .anyFolders, let all = Glob("*") { parts.append(.glob(all)) }
        guard !parts.isEmpty else { throw AgentError("\"\(text)\" names no file") }
        self.text = text
        self.parts = parts
    }

    package func matches(_ path: String) -> Bool {
        PathPattern.matches(parts[...], path.split(separator: "/")[...])
    }

    private static func matches(_ parts: ArraySlice<Part>, _ names: ArraySlice<Substring>) -> Bool {
        guard let part = parts.first else { return names.isEmpty }
        if part == .anyFolders {
            for skipped in 0...names.count where matches(parts.dropFirst(), names.dropFirst(skipped)) { return true }
            return false
        }
        guard let name = names.first, accepts(part, String(name)) else { return false }
        return matches(parts.dropFirst(), names.dropFirst())
    }

    private static func accepts(_ part: Part, _ name: String) -> Bool {
        switch part {
        case .name(let wanted): return name == wanted
        // As shells: a hidden file must be named.
        case .glob(let glob): return glob.matches(name) && (!name.hasPrefix(".") || glob.expression.hasPrefix("."))
        case .anyFolders: return true
        }
    }

    /// What an expansion looked at.
    package struct Found: Sendable {
        package var files: [String] = []
        /// Folders whose changes may change the answer.
        package var folders: Set<String> = []
        package init() {}
    }

    /// The files that match now. `list` gives the names in a folder, nil where it cannot be read; `isFolder` follows
    /// symbolic links.
    package func expand(
        list: (_ folder: String) -> [String]?, isFolder: (_ path: String) -> Bool, into found: inout Found
    ) {
        walk("", parts[...], depth: 0, list, isFolder, &found)
    }

    private func walk(
        _ folder: String, _ parts: ArraySlice<Part>, depth: Int, _ list: (String) -> [String]?,
        _ isFolder: (String) -> Bool, _ found: inout Found
    ) {
        guard let part = parts.first, found.files.count < PathPattern.mostFiles else { return }
        let rest = parts.dropFirst()
        if case .name(let name) = part {
            let path = folder + "/" + name
            if !rest.isEmpty {
                if isFolder(path) { walk(path, rest, depth: depth, list, isFolder, &found) }
                // The folder may come later.
                else { found.folders.insert(folder.isEmpty ? "/" : folder) }
                return
            }
            found.folders.insert(folder.isEmpty ? "/" : folder)
            if !isFolder(path) { found.files.append(path) }
            return
        }
        found.folders.insert(folder.isEmpty ? "/" : folder)
        guard let names = list(folder.isEmpty ? "/" : folder) else { return }
        if part == .anyFolders { walk(folder, rest, depth: depth, list, isFolder, &found) }
        for name in names where PathPattern.accepts(part, name) {
            let path = folder + "/" + name
            if part == .anyFolders {
                guard depth < PathPattern.deepest, !name.hasPrefix("."), isFolder(path) else { continue }
                walk(path, parts, depth: depth + 1, list, isFolder, &found)
            } else if rest.isEmpty {
                if !isFolder(path) { found.files.append(path) }
            } else if isFolder(path) {
                walk(path, rest, depth: depth, list, isFolder, &found)
            }
        }
    }
}
