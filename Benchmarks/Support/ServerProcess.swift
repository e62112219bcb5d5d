import Foundation

/// A child process and what the kernel says about it.
package final class ServerProcess {
    package let identifier: pid_t

    package init(program: String, arguments: [String], log: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        let result = posix_spawnp(&child, program, &actions, nil, &words, environ)
        guard result == 0 else { throw BenchmarkError("cannot start \(program): \(String(cString: strerror(result)))") }
        identifier = child
        Children.add(child)
    }

    /// CPU time of all its threads, user and system, in seconds, with the clock's full precision: the ticks of
    /// /proc/PID/stat are 10 ms.
    package var cpuSeconds: Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(identifier, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .nan }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Bytes of a line of /proc/PID/status, such as VmRSS or RssAnon.
    package func memory(_ name: String) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8) else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map {
                $0 * 1024
            } ?? 0
        }
        return 0
    }

    /// From now on VmHWM counts anew.
    package func forgetPeak() { try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/\(identifier)/clear_refs")) }

    package var isRunning: Bool { waitpid(identifier, nil, WNOHANG) == 0 }

    package func kill() { end(SIGKILL) }

    package func end(_ signal: Int32) {
        guard Glibc.kill(identifier, signal) == 0 else { return }
        let deadline = ContinuousClock.now + .seconds(60)
        while waitpid(identifier, nil, WNOHANG) == 0 {
            if ContinuousClock.now > deadline { Glibc.kill(identifier, SIGKILL) }
            usleep(1000)
        }
        Children.remove(identifier)
    }
}
