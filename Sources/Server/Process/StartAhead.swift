import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import Storage

/// Makes ready on a second core what the start of the collector will need while the first one still reads the arguments.
///
/// When a program first asks Swift for a conformance, it is looked for among all that the program has, some fifteen
/// thousand; a start asks for about a hundred and spends a quarter of its time so. SQLite, the catalog's tables, the
/// event loops and a connection with its first request ask for many of them, whichever folder they are for.
package enum StartAhead {
    package static func begin() {
        Thread.detachNewThread {
            _ = MultiThreadedEventLoopGroup.singleton.next()
            // In memory; a failure here is told by the real one.
            guard let catalog = try? Catalog() else { return }
            _ = try? catalog.setting("")
            try? catalog.close()
            answerOnce()
        }
    }

    /// One request goes the whole way of a connection, over a pair of sockets of this process: no port is open yet.
    private static func answerOnce() {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { return }
        let (served, own) = (ends[0], ends[1])
        defer { _ = close(own) }
        let logger = Logger(label: "start") { _ in SwiftLogNoOpLogHandler() }
        let routes = Routes(logger: logger, requests: SelfMetrics().httpRequests, budget: MemoryBudget(limit: 1 << 20))
        routes.on([.get], "/", errors: { .text("\($0)", status: 500) }) { _ in .text("") }
        let connection = UpgradableChannel(
            responder: HTTPListener.answering(routes.responder()), route: WebSocketRoute { _ in nil })
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let end = loop.makeFutureWithTask {
            let value = try await ClientBootstrap(group: loop).withConnectedSocket(served) { channel in
                connection.setup(channel: channel, logger: logger)
            }
            await connection.handle(value: value, logger: logger)
        }
        let request = Array("GET / HTTP/1.1\r\nHost: start\r\nConnection: close\r\n\r\n".utf8)
        _ = write(own, request, request.count)
        // The connection closes its end behind the answer.
        _ = try? end.wait()
    }
}
