extension DataFolder {
    /// A copy of everything at this moment, made while the engines run: hard links to parts and ended journal
    /// segments, a copy of the open ones and of the catalog. `target` must not exist yet and lie on the same file
    /// system. It opens like any data folder.
    ///
    /// - Parameter journals: folders inside the data folder, like `series/journal`; those that are not there are
    /// passed over.
    package func snapshot(to target: String, journals: [String]) throws {
        guard !fileSystem.exists(target) else {
            throw StorageError.unsupported("\(target) is there already; name a folder for the snapshot that is not")
        }
        try fileSystem.makeFolder(target)
        // Journals before the catalog: what is sealed in between is in both, and a replay leaves out what is in a part.
        for journal in journals where fileSystem.exists(path + "/" + journal) {
            try fileSystem.makeFolder(target + "/" + journal)
            let names = try fileSystem.list(path + "/" + journal).filter { $0.hasSuffix(".journal") }
            for name in names {
                let source = path + "/" + journal + "/" + name
                do {
                    if name == names.last {
                        // The one that is written to: whoever opens the snapshot may cut its end, and must not cut
                        // ours.
                        try fileSystem.writeAtomically(
                            try fileSystem.readAll(source), to: target + "/" + journal + "/" + name)
                    } else {
                        try fileSystem.link(source, to: target + "/" + journal + "/" + name)
                    }
                } catch {
                    // Sealed and discarded since it was listed: its samples are in a part that the catalog's copy has.
                    if fileSystem.exists(source) { throw error }
                }
            }
            try fileSystem.syncFolder(target + "/" + journal)
        }
        for attempt in 1... {
            try fileSystem.remove(target + "/catalog.sqlite")
            try catalog.copy(to: target + "/catalog.sqlite")
            do {
                try linkParts(to: target)
                break
            } catch {
                // A merge took members away between copy and link: the next copy knows their successor.
                if attempt >= 5 { throw error }
            }
        }
        try fileSystem.writeAtomically(Array("needletail \(DataFolder.format)\n".utf8), to: target + "/FORMAT")
    }

    private func linkParts(to target: String) throws {
        let copy = try Catalog(path: target + "/catalog.sqlite")
        defer { try? copy.close() }
        var folders: Set<String> = []
        for table in try copy.tables() {
            for part in try copy.parts(of: table) {
                let file = target + "/" + part.file
                if fileSystem.exists(file) { continue }
                if folders.insert(parentFolder(of: file)).inserted { try fileSystem.makeFolder(parentFolder(of: file)) }
                try fileSystem.link(path + "/" + part.file, to: file)
            }
        }
        for folder in folders.sorted() { try fileSystem.syncFolder(folder) }
    }
}
