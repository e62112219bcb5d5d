import Glibc
import Synchronization

/// How the reading thread is woken: a pipe that it polls beside everything else.
package final class AgentControl: Sendable {
    package enum Request: UInt8, Sendable {
        case wake = 0
        case stop = 1
        case reload = 2
    }

    let readEnd: Int32
    private let writeEnd: Int32

    package init() throws(AgentError) {
        guard let ends = Machine.pipe(isBlocking: false) else {
            throw AgentError("no pipe could be made: \(Machine.words(errno))")
        }
        readEnd = ends.read
        writeEnd = ends.write
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    package func send(_ request: Request) { AgentControl.write(request, to: writeEnd) }

    private static func write(_ request: Request, to descriptor: Int32) {
        var byte = request.rawValue
        // A full pipe wakes as well as one more byte would.
        _ = Glibc.write(descriptor, &byte, 1)
    }

    func take() -> [Request] {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(readEnd, &buffer, buffer.count)
        return count > 0 ? buffer[..<count].compactMap(Request.init) : []
    }

    // MARK: Signals

    private static let signalled = Atomic<Int32>(-1)

    /// SIGTERM and SIGINT stop, SIGHUP reloads.
    package func handleSignals() {
        AgentControl.signalled.store(writeEnd, ordering: .sequentiallyConsistent)
        for number in [SIGTERM, SIGINT, SIGHUP] {
            signal(number) { number in
                // Only what a signal handler may do: an atomic load and a write.
                let code = errno
                AgentControl.write(
                    number == SIGHUP ? .reload : .stop,
                    to: AgentControl.signalled.load(ordering: .sequentiallyConsistent))
                errno = code
            }
        }
        signal(SIGPIPE, SIG_IGN)
    }
}
