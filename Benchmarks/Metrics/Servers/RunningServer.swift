import BenchmarkSupport
import Foundation

/// A server that was started with a fresh folder.
final class RunningServer {
    let server: any MeasuredServer
    let folder: URL
    let port: Int
    private(set) var process: ServerProcess
    private let location: String
    private let arguments: [String]

    init(_ server: any MeasuredServer, in parent: URL, scrape: ScrapeConfiguration? = nil) throws {
        guard let location = server.location else { throw BenchmarkError("\(server.program) is not installed") }
        self.server = server
        self.location = location
        folder = parent.appendingPathComponent(server.name, isDirectory: true)
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try SocketAddress.freePort()
        arguments = try server.arguments(folder: folder, port: port, scrape: scrape)
        process = try Self.start(location, arguments, folder)
        try waitUntilReady()
    }

    private static func start(_ program: String, _ arguments: [String], _ folder: URL) throws -> ServerProcess {
        try ServerProcess(
            program: program, arguments: arguments, log: folder.appendingPathComponent("log.txt").path)
    }

    func connection() -> HTTPConnection { HTTPConnection(port: port) }

    var data: URL { folder.appendingPathComponent("data", isDirectory: true) }

    /// Ends it as a crash would and starts it over its data; returns at once.
    func killAndStart() throws {
        process.kill()
        process = try Self.start(location, arguments, folder)
    }

    func waitUntilReady() throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            if let answer = try? connection().get("/api/v1/query?query=1"), answer.status == 200 { return }
            guard process.isRunning else { throw BenchmarkError("\(server.name) ended at its start: \(logTail)") }
            usleep(20_000)
        }
        throw BenchmarkError("\(server.name) was not ready within two minutes: \(logTail)")
    }

    /// Waits until three seconds in a row cost less than 0.05 s of CPU each, at most `limit` seconds.
    func settle(limit: Int = 60) {
        var quiet = 0
        var last = process.cpuSeconds
        for _ in 0..<limit where quiet < 3 {
            sleep(1)
            let now = process.cpuSeconds
            quiet = now - last < 0.05 ? quiet + 1 : 0
            last = now
        }
    }

    var logTail: String {
        let text = (try? String(contentsOf: folder.appendingPathComponent("log.txt"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(5).joined(separator: "\n")
    }

    func stop(keep: Bool) {
        process.end(SIGTERM)
        if !keep { try? FileManager.default.removeItem(at: folder) }
    }
}
