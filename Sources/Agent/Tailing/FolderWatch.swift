import Glibc

/// Tells which folders' files changed, by inotify. Where there is none, or no watch left, it tells nothing and the
/// files are looked at by the clock alone.
final class FolderWatch {
    struct Changes {
        /// Paths whose content changed.
        var written: Set<String> = []
        /// Names came or went.
        var hasNewNames = false
        /// Events were lost.
        var isIncomplete = false
    }

    let descriptor: Int32
    private var folders: [Int32: String] = [:]
    private var watches: [String: Int32] = [:]
    /// Why watching fails, told once.
    private(set) var problem: String?

    private static let mask =
        UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_FROM) | UInt32(IN_MOVED_TO) | UInt32(IN_DELETE)
        | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_ONLYDIR)

    init(isWanted: Bool) {
        descriptor = isWanted ? inotify_init1(Int32(O_NONBLOCK | O_CLOEXEC)) : -1
        if isWanted, descriptor < 0 { problem = "files are looked at every second: inotify: \(Machine.words(errno))" }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Whether every folder that was asked for is watched.
    private(set) var isComplete = false

    func watch(_ wanted: Set<String>) {
        guard descriptor >= 0 else { return }
        isComplete = true
        for (folder, watch) in watches where !wanted.contains(folder) {
            inotify_rm_watch(descriptor, watch)
            watches[folder] = nil
            folders[watch] = nil
        }
        for folder in wanted where watches[folder] == nil {
            let watch = inotify_add_watch(descriptor, folder, FolderWatch.mask)
            guard watch >= 0 else {
                isComplete = false
                if errno == ENOSPC {
                    problem = "some files are looked at every second: raise fs.inotify.max_user_watches"
                }
                continue
            }
            watches[folder] = watch
            folders[watch] = folder
        }
    }

    func takeProblem() -> String? {
        defer { problem = nil }
        return problem
    }

    func take() -> Changes {
        var changes = Changes()
        guard descriptor >= 0 else { return changes }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return changes }
            read(buffer[..<count], &changes)
        }
    }

    private func read(_ bytes: ArraySlice<UInt8>, _ changes: inout Changes) {
        func number(_ at: Int) -> UInt32 {
            UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
        }
        var at = bytes.startIndex
        while at + 16 <= bytes.endIndex {
            let watch = Int32(bitPattern: number(at))
            let mask = number(at + 4)
            let length = Int(number(at + 12))
            guard at + 16 + length <= bytes.endIndex else { return }
            let name = bytes[(at + 16)..<(at + 16 + length)].prefix { $0 != 0 }
            at += 16 + length
            if mask & UInt32(IN_Q_OVERFLOW) != 0 { changes.isIncomplete = true }
            guard let folder = folders[watch] else { continue }
            if mask & UInt32(IN_MODIFY) != 0 {
                let path = (folder == "/" ? "" : folder) + "/" + String(decoding: name, as: UTF8.self)
                changes.written.insert(path)
            } else {
                changes.hasNewNames = true
            }
            if mask & UInt32(IN_IGNORED) != 0 {
                folders[watch] = nil
                watches[folder] = nil
            }
        }
    }
}
