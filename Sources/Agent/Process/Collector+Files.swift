import Telemetry

/// Finding files, and what becomes of them when they are rotated.
extension Collector {
    /// Looks at which files there are, begins new ones and lets those go that have lost their name.
    func scan() {
        var folders: Set<String> = []
        var seen: Set<String> = []
        for tail in tails.values { tail.wasNamed = false }
        for (index, source) in configuration.files.enumerated() {
            var found = PathPattern.Found()
            for pattern in source.include {
                pattern.expand(list: Machine.list, isFolder: Machine.isFolder, into: &found)
            }
            folders.formUnion(found.folders)
            for path in Set(found.files).sorted() where !seen.contains(path) {
                guard !Rotation.isCompressed(path), !source.exclude.contains(where: { $0.matches(path) }) else { continue }
                seen.insert(path)
                guard let file = Machine.file(path) else { continue }
                if let tail = tails[file.identity] {
                    tail.wasNamed = true
                    if tail.state == .leaving, tail.position.path == path { tail.state = .active }
                    continue
                }
                consider(file, source: index)
            }
        }
        watch.watch(folders)
        for tail in tails.values where !tail.wasNamed && tail.state == .active {
            sink.counted.rotations += 1
            leave(tail)
        }
        isFirstScan = false
    }

    private func leave(_ tail: Tail) {
        tail.state = .leaving
        tail.isDrained = false
        tail.needsLook = true
        tail.lastGrowth = sink.monotonic
    }

    /// Positions as they are at this moment, the open files' included.
    private var livePositions: [FileIdentity: FilePosition] {
        var all = book.files
        for (identity, position) in closed { all[identity] = position }
        for (identity, tail) in tails { all[identity] = tail.livePosition(seen: sink.now / 1_000_000) }
        return all
    }

    private func consider(_ file: SeenFile, source: Int) {
        if ignored[file.identity] == file.path { return }
        if Rotation.isCompressed(head: Machine.read(file.path, 0, 8)) {
            ignored[file.identity] = file.path
            logger.info("\(file.path) is compressed and is passed over")
            return
        }
        let all = livePositions
        if let known = all[file.identity], Rotation.judge(file, known, Machine.read) == .same {
            // A file that we know under another name keeps the name that its entries have.
            open(file, position: known, source: source, waitsFor: nil)
            return
        }
        if all[file.identity] == nil, isCopy(file, among: all) { return }
        var lost = all.values.filter { $0.path == file.path }.max { $0.generation < $1.generation }
        if let reused = all[file.identity], reused.path == file.path { lost = reused }
        var start = 0
        var waitsFor: FileIdentity?
        if let lost {
            waitsFor = openRemainders(of: lost, current: file.identity, source: source, known: all)
        } else if isFirstScan, configuration.files[source].startsAtEnd {
            start = file.size
        }
        generation += 1
        let position = FilePosition(
            identity: file.identity, path: file.path, offset: start, generation: generation)
        open(file, position: position, source: source, waitsFor: waitsFor)
    }

    private func isCopy(_ file: SeenFile, among all: [FileIdentity: FilePosition]) -> Bool {
        let folder = Machine.folder(of: file.path)
        let name = Machine.name(of: file.path)
        let originals = all.values.filter {
            Machine.folder(of: $0.path) == folder && Rotation.isRotated(name, of: Machine.name(of: $0.path))
                && Machine.file($0.path)?.identity == $0.identity
        }
        guard !originals.isEmpty else { return false }
        return Rotation.origin(of: file, originals: originals, now: sink.now, Machine.read) == .copy
    }

    /// Opens what is to be read before the file that now has the name; the last one of it.
    private func openRemainders(
        of lost: FilePosition, current: FileIdentity?, source: Int, known: [FileIdentity: FilePosition]
    ) -> FileIdentity? {
        let folder = Machine.folder(of: lost.path)
        let name = Machine.name(of: lost.path)
        let siblings = (Machine.list(folder) ?? []).filter { Rotation.isRotated($0, of: name) }
            .compactMap { Machine.file((folder == "/" ? "" : folder) + "/" + $0) }
            .filter { !Rotation.isCompressed(head: Machine.read($0.path, 0, 8)) }
        var last: FileIdentity?
        if lost.identity != current, let tail = tails[lost.identity] {
            tail.isDrained = false
            tail.needsLook = true
            last = lost.identity
        }
        for remainder in Rotation.remainders(
            of: lost, current: current, siblings: siblings, known: known, Machine.read)
        {
            if let tail = tails[remainder.file.identity] {
                // It is being read already; it only has to be first.
                tail.isDrained = false
                tail.needsLook = true
                last = remainder.file.identity
                continue
            }
            generation += 1
            var position = lost
            position.identity = remainder.file.identity
            position.path = lost.path
            position.offset = remainder.offset
            position.generation = generation
            if open(remainder.file, position: position, source: source, waitsFor: last) {
                tails[remainder.file.identity].map(leave)
                last = remainder.file.identity
                logger.info("\(remainder.file.path) is read from byte \(remainder.offset), as what \(lost.path) was")
            }
        }
        return last
    }

    @discardableResult
    private func open(
        _ file: SeenFile, position: FilePosition, source: Int, waitsFor: FileIdentity?
    ) -> Bool {
        let files = configuration.files[source]
        var container: DockerContainer?
        if files.format == .docker {
            let folder = Machine.folder(of: file.path)
            container = DockerContainer.read(Machine.read(folder + "/config.v2.json", 0, 4 << 20))
        }
        let common = SourceLabels.common(configuration, hostName: hostName)
        guard let labels = SourceLabels.of(path: position.path, source: files, common: common, container: container)
        else {
            ignored[file.identity] = file.path
            return false
        }
        let handle: OpenFile
        do {
            handle = try OpenFile(path: file.path)
        } catch {
            sink.counted.unreadable += 1
            complain("\(error)")
            return false
        }
        // Renamed between two looks: the next scan sees it as it is.
        guard handle.status?.identity == file.identity else { return false }
        let tail = Tail(
            file: handle, position: position, source: source, of: files, labels: labels,
            batchBytes: configuration.batch.bytes, now: sink.monotonic)
        tail.waitsFor = waitsFor
        tails[file.identity] = tail
        closed[file.identity] = nil
        return true
    }

    /// A file that is shorter than what was read of it: from its beginning, after the rest of what it was, where
    /// rotation has made a copy.
    func truncated(_ tail: Tail) {
        sink.counted.truncations += 1
        let lost = tail.livePosition(seen: sink.now / 1_000_000)
        var known = livePositions
        known[lost.identity] = lost
        let before = openRemainders(of: lost, current: lost.identity, source: tail.source, known: known)
        if before == nil {
            // Nobody has the rest; what came of the last line is all there is of it.
            tail.finish(sink)
            logger.info("\(lost.path) was truncated; it is read from its beginning")
        }
        generation += 1
        tail.restart(generation: generation)
        tail.waitsFor = before
    }

    /// Closes files that have lost their name and to which nothing was added for a while.
    func closeLeaving() {
        for (identity, tail) in tails where tail.state == .leaving && tail.isAtEnd {
            guard sink.monotonic - tail.lastGrowth >= Collector.graceTime else { continue }
            tail.finish(sink)
            closed[identity] = tail.livePosition(seen: sink.now / 1_000_000)
            tails[identity] = nil
        }
    }

    /// Milliseconds that a program may go on writing into a file that was renamed.
    static let graceTime: Int64 = 10_000
}
