import Glibc
import Synchronization

/// A disk in memory that can crash, tear a write and be full, the same way every time for one seed.
///
/// After ``crash(losingUnsynced:)`` all open files and functions fail until ``restart()``. A loss of power keeps of
/// each
/// file what was synced and a random part of what was appended since, and of names those whose folder was synced.
package final class SimulatedFileSystem: FileSystem {
    private let state: Mutex<State>

    private struct Node {
        var content: [UInt8] = []
        var durable: [UInt8] = []
    }

    private struct State {
        var nodes: [Int: Node] = [:]
        var nextNode = 1
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var folders: Set<String> = ["/"]
        var random: UInt64
        var capacity = Int.max
        var crashed = false
        /// Changes left until the crash that ``crash(afterChanges:losingUnsynced:)`` planned.
        var countdown: (changes: Int, losingUnsynced: Bool)?
        var epoch = 0
        var changes = 0

        mutating func next() -> UInt64 {
            random &+= 0x9e37_79b9_7f4a_7c15
            var z = random
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }

        var used: Int { nodes.values.reduce(0) { $0 + $1.content.count } }

        mutating func crash(losingUnsynced: Bool) {
            crashed = true
            epoch += 1
            countdown = nil
            guard losingUnsynced else { return }
            names = durableNames
            for id in nodes.keys.sorted() {
                guard var node = nodes[id] else { continue }
                // An append that was not synced may be there whole, in part, or with rubbish at its end.
                let synced = node.durable.count
                if node.content.count > synced, node.content.starts(with: node.durable) {
                    let kept = synced + Int(next() % UInt64(node.content.count - synced + 1))
                    node.content.removeSubrange(kept...)
                    if kept > synced, next() % 3 == 0 { node.content[kept - 1] ^= 0xff }
                } else {
                    node.content = node.durable
                }
                node.durable = node.content
                nodes[id] = node
            }
        }

        /// Counts a change; true where the crash comes with this one.
        mutating func isLast() -> Bool {
            changes += 1
            guard let (left, _) = countdown else { return false }
            countdown?.changes = left - 1
            return left <= 1
        }

        /// Does the change, or half of nothing of it when the planned crash comes.
        mutating func change(_ operation: String, _ path: String, _ body: (inout State) throws(StorageError) -> Void)
            throws(StorageError)
        {
            if crashed { throw .io(operation: operation, path: path, errno: EIO) }
            if isLast(), let (_, losing) = countdown {
                // Whether the last one still happened is open.
                if next() % 2 == 0 { try body(&self) }
                crash(losingUnsynced: losing)
                throw .io(operation: operation, path: path, errno: EIO)
            }
            try body(&self)
        }
    }

    package init(seed: UInt64) { state = Mutex(State(random: seed)) }

    /// Bytes that fit on the disk.
    package func setCapacity(_ bytes: Int) { state.withLock { $0.capacity = bytes } }
    package var used: Int { state.withLock { $0.used } }
    package var isCrashed: Bool { state.withLock { $0.crashed } }
    package var changes: Int { state.withLock { $0.changes } }

    package func crash(losingUnsynced: Bool) { state.withLock { $0.crash(losingUnsynced: losingUnsynced) } }
    /// Crashes at the n-th change (write, sync, rename, …) from now, which may or may not happen, a write in part.
    package func crash(afterChanges changes: Int, losingUnsynced: Bool) {
        state.withLock { $0.countdown = (max(1, changes), losingUnsynced) }
    }
    /// The machine is up again; a planned crash that did not come is called off.
    package func restart() {
        state.withLock { state in
            state.crashed = false
            state.countdown = nil
        }
    }

    /// Every file with its bytes.
    package var files: [String] { state.withLock { $0.names.keys.sorted() } }
    /// Damages a file behind the engine's back.
    package func alter(_ path: String, _ body: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard let id = state.names[path], var node = state.nodes[id] else { return }
            body(&node.content)
            node.durable = node.content
            state.nodes[id] = node
        }
    }

    // MARK: FileSystem

    package func open(_ path: String, _ mode: FileOpenMode) throws(StorageError) -> any File {
        try locked { state throws(StorageError) in
            if state.crashed { throw .io(operation: "opening", path: path, errno: EIO) }
            if let id = state.names[path] {
                if mode == .create {
                    try state.change("opening", path) { state in state.nodes[id]?.content = [] }
                }
                return SimulatedFile(path: path, node: id, epoch: state.epoch, disk: self)
            }
            if mode == .read { throw .io(operation: "opening", path: path, errno: ENOENT) }
            guard state.folders.contains(parentFolder(of: path)) else {
                throw .io(operation: "opening", path: path, errno: ENOENT)
            }
            let id = state.nextNode
            state.nextNode += 1
            try state.change("opening", path) { state in
                state.nodes[id] = Node()
                state.names[path] = id
            }
            return SimulatedFile(path: path, node: id, epoch: state.epoch, disk: self)
        }
    }

    package func map(_ path: String) throws(StorageError) -> MappedFile {
        MappedFile(path: path, bytes: try readAll(path))
    }

    package func list(_ folder: String) throws(StorageError) -> [String] {
        try locked { state throws(StorageError) in
            if state.crashed { throw .io(operation: "listing", path: folder, errno: EIO) }
            guard state.folders.contains(folder) else { throw .io(operation: "listing", path: folder, errno: ENOENT) }
            let all = Array(state.names.keys) + state.folders.filter { $0 != "/" }
            return all.filter { parentFolder(of: $0) == folder }.map { String($0.dropFirst(folder.count + 1)) }.sorted()
        }
    }

    package func exists(_ path: String) -> Bool {
        state.withLock { $0.names[path] != nil || $0.folders.contains(path) }
    }

    package func size(of path: String) throws(StorageError) -> Int {
        try locked { state throws(StorageError) in
            guard !state.crashed, let id = state.names[path], let node = state.nodes[id] else {
                throw .io(operation: "asking for the size of", path: path, errno: state.crashed ? EIO : ENOENT)
            }
            return node.content.count
        }
    }

    package func rename(_ path: String, to target: String) throws(StorageError) {
        try locked { state throws(StorageError) in
            guard let id = state.names[path] else { throw .io(operation: "renaming", path: path, errno: ENOENT) }
            try state.change("renaming", path) { state in
                state.names[path] = nil
                state.names[target] = id
            }
        }
    }

    package func remove(_ path: String) throws(StorageError) {
        try locked { state throws(StorageError) in
            try state.change("removing", path) { state in state.names[path] = nil }
        }
    }

    package func makeFolder(_ path: String) throws(StorageError) {
        try locked { state throws(StorageError) in
            if state.crashed { throw .io(operation: "making the folder", path: path, errno: EIO) }
            var folder = path
            while folder != "/", folder != ".", state.folders.insert(folder).inserted {
                folder = parentFolder(of: folder)
            }
        }
    }

    package func syncFolder(_ path: String) throws(StorageError) {
        try locked { state throws(StorageError) in
            try state.change("syncing", path) { state in
                for name in state.durableNames.keys where parentFolder(of: name) == path {
                    state.durableNames[name] = nil
                }
                for (name, id) in state.names where parentFolder(of: name) == path { state.durableNames[name] = id }
            }
        }
    }

    package func link(_ path: String, to target: String) throws(StorageError) {
        try locked { state throws(StorageError) in
            guard let id = state.names[path] else { throw .io(operation: "linking", path: path, errno: ENOENT) }
            try state.change("linking", path) { state in state.names[target] = id }
        }
    }

    package func freeSpace(at path: String) throws(StorageError) -> Int {
        state.withLock { max(0, $0.capacity - $0.used) }
    }

    package func totalSpace(at path: String) throws(StorageError) -> Int { try freeSpace(at: path) }

    private func locked<R: Sendable>(_ body: (inout sending State) throws(StorageError) -> R) throws(StorageError) -> R
    {
        try state.withLock { state throws(StorageError) in try body(&state) }
    }

    // MARK: Files

    fileprivate func append(_ file: SimulatedFile, _ bytes: ArraySlice<UInt8>) throws(StorageError) {
        try onNode(file, "writing") { state, id throws(StorageError) in
            let room = max(0, state.capacity - state.used)
            let fits = min(room, bytes.count)
            let isLast = state.isLast()
            let written = isLast ? Int(state.next() % UInt64(fits + 1)) : fits
            state.nodes[id]?.content.append(contentsOf: bytes.prefix(written))
            if isLast, let (_, losing) = state.countdown {
                state.crash(losingUnsynced: losing)
                throw .io(operation: "writing", path: file.path, errno: EIO)
            }
            if fits < bytes.count { throw .diskFull(path: file.path) }
        }
    }

    fileprivate func read(_ file: SimulatedFile, _ offset: Int, _ count: Int) throws(StorageError) -> [UInt8] {
        var bytes: [UInt8] = []
        try onNode(file, "reading") { state, id in
            guard let content = state.nodes[id]?.content, offset < content.count, offset >= 0 else { return }
            bytes = Array(content[offset..<min(content.count, offset + max(0, count))])
        }
        return bytes
    }

    fileprivate func size(_ file: SimulatedFile) throws(StorageError) -> Int {
        var size = 0
        try onNode(file, "asking for the size of") { state, id in size = state.nodes[id]?.content.count ?? 0 }
        return size
    }

    fileprivate func truncate(_ file: SimulatedFile, _ size: Int) throws(StorageError) {
        try onNode(file, "truncating") { state, id throws(StorageError) in
            try state.change("truncating", file.path) { state in
                let length = state.nodes[id]?.content.count ?? 0
                if size < length { state.nodes[id]?.content.removeSubrange(max(0, size)...) }
            }
        }
    }

    fileprivate func sync(_ file: SimulatedFile) throws(StorageError) {
        try onNode(file, "syncing") { state, id throws(StorageError) in
            try state.change("syncing", file.path) { state in
                guard let content = state.nodes[id]?.content else { return }
                state.nodes[id]?.durable = content
            }
        }
    }

    private func onNode(
        _ file: SimulatedFile, _ operation: String, _ body: (inout State, Int) throws(StorageError) -> Void
    ) throws(StorageError) {
        try state.withLock { state throws(StorageError) in
            guard !state.crashed, file.epoch == state.epoch else {
                throw .io(operation: operation, path: file.path, errno: EIO)
            }
            try body(&state, file.node)
        }
    }
}

private final class SimulatedFile: File {
    let path: String
    let node: Int
    let epoch: Int
    let disk: SimulatedFileSystem

    init(path: String, node: Int, epoch: Int, disk: SimulatedFileSystem) {
        self.path = path
        self.node = node
        self.epoch = epoch
        self.disk = disk
    }

    func append(_ bytes: ArraySlice<UInt8>) throws(StorageError) { try disk.append(self, bytes) }
    func read(at offset: Int, count: Int) throws(StorageError) -> [UInt8] { try disk.read(self, offset, count) }
    func size() throws(StorageError) -> Int { try disk.size(self) }
    func truncate(to size: Int) throws(StorageError) { try disk.truncate(self, size) }
    func sync() throws(StorageError) { try disk.sync(self) }
    func close() {}
}
