import Glibc
import Storage
import Telemetry

/// A child process that writes the journal's entries, and the cursor up to which they are in batches. Used by the
/// reading thread alone.
final class JournalProcess {
    let source: AgentConfiguration.Journal
    private(set) var descriptor: Int32 = -1
    private var child: pid_t = 0
    private var reader: JournalExportReader
    private let router: JournalRouter
    /// Of the last entry that is in a batch, with all before it.
    private(set) var cursor: String?
    var isDirty = false
    /// Entries are numbered as they come; the cursors of those that are not settled.
    private var number = 0
    private var cursors: [(number: Int, cursor: String)] = []
    private var retryAt: Int64 = 0
    private var failures = 0
    private(set) var problem: String?

    init(source: AgentConfiguration.Journal, labels: LabelSet, cursor: String?) {
        self.source = source
        self.cursor = cursor
        reader = JournalExportReader(longest: source.treatment.longestLine)
        router = JournalRouter(treatment: source.treatment, base: labels)
    }

    deinit { stop() }

    var isRunning: Bool { descriptor >= 0 }
    var deadline: Int64? { router.deadline }
    var retryTime: Int64 { retryAt }

    func takeProblem() -> String? {
        defer { problem = nil }
        return problem
    }

    /// Starts the program where it does not run and its time has come.
    func startIfDue(now: Int64) {
        guard descriptor < 0, now >= retryAt else { return }
        var command = source.command
        if let cursor {
            command += ["--after-cursor", cursor]
        } else if source.startsAtEnd {
            command += ["--lines", "0"]
        } else if command.first == "journalctl" || command.first?.hasSuffix("/journalctl") == true {
            // With --follow alone it would begin ten lines before the end.
            command += ["--no-tail"]
        }
        guard let ends = Machine.pipe(isBlocking: true) else { return failed("no pipe: \(Machine.words(errno))", now) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends.write, 1)
        JournalProcess.keepDescriptors()
        // Its own complaints go where ours go.
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, command[0], &actions, nil, &arguments, environ)
        close(ends.write)
        guard code == 0 else {
            close(ends.read)
            return failed("\(command[0]) cannot be run: \(Machine.words(code))", now)
        }
        _ = fcntl(ends.read, F_SETFL, O_NONBLOCK)
        child = pid
        descriptor = ends.read
        reader = JournalExportReader(longest: source.treatment.longestLine)
    }

    /// None but those that it is given: else the program would keep the port of an agent that was killed until it has
    /// something to write.
    private static func keepDescriptors() {
        for name in (try? POSIXFileSystem().list("/proc/self/fd")) ?? [] {
            guard let descriptor = Int32(name), descriptor > 2 else { continue }
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0, flags & FD_CLOEXEC == 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }
    }

    private func failed(_ sentence: String, _ now: Int64) {
        failures += 1
        problem = "\(source.name): \(sentence)"
        retryAt = now + min(60_000, 1_000 << Int64(min(failures, 6)))
    }

    /// Reads what is there, at most one chunk. False where there was nothing.
    func read(_ sink: EntrySink) -> Bool {
        guard descriptor >= 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: Tail.chunkBytes)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return false }
        guard count > 0 else {
            let code = stop()
            failed("\(source.command[0]) ended" + (code == 0 ? "" : " with status \(code)"), sink.monotonic)
            return false
        }
        failures = 0
        sink.counted.bytesRead += count
        let problems = reader.problems
        reader.feed(Array(buffer[..<count])) { entry, _ in
            self.number += 1
            self.router.add(entry, start: self.number, sink: sink)
            if let cursor = entry.cursor { self.cursors.append((self.number, cursor)) }
        }
        if reader.problems > problems { problem = "\(source.name): its output is not in the export format" }
        settle()
        return true
    }

    private func settle() {
        let held = router.pendingStart ?? .max
        guard let last = cursors.lastIndex(where: { $0.number < held }) else { return }
        cursor = cursors[last].cursor
        isDirty = true
        cursors.removeFirst(last + 1)
    }

    func expire(_ sink: EntrySink) {
        router.expire(sink)
        settle()
    }

    func flush(_ sink: EntrySink) {
        router.flush(sink)
        settle()
    }

    /// Ends the program; its exit status.
    @discardableResult
    func stop() -> Int32 {
        guard descriptor >= 0 else { return 0 }
        close(descriptor)
        descriptor = -1
        kill(child, SIGTERM)
        var status: Int32 = 0
        // journalctl ends at once; what does not must not keep us.
        for _ in 0..<50 {
            let done = waitpid(child, &status, WNOHANG)
            if done != 0 { return done == child ? (status >> 8) & 0xff : 0 }
            usleep(10_000)
        }
        kill(child, SIGKILL)
        waitpid(child, &status, 0)
        return 0
    }
}
