import BenchmarkSupport
import Foundation
import Synchronization

/// What was measured of one server.
struct LogFigures: Codable {
    var name: String
    var cpuSecondsPerGB: Double = .nan
    var wallSeconds: Double = .nan
    var peakRSS = 0
    var settledRSS = 0
    var diskBytes = 0
    var restartMilliseconds: [Double] = []
    var needleMilliseconds: [Double] = []
    /// Bytes that the server read for a needle, by the kernel's count.
    var needleReadBytes: [Double] = []
    /// By the question's name: median milliseconds, and CPU milliseconds.
    var questions: [String: [Double]] = [:]
    var failures: [String] = []
}

/// One server with a fresh folder: filled, measured, crashed, asked, ended.
final class LogRun {
    private let server: any LogServer
    private let folder: URL
    private let port: Int
    private let arguments: [String]
    private var process: ServerProcess
    private let load: LogLoad

    init(_ server: any LogServer, _ load: LogLoad, scratch: URL) throws {
        self.server = server
        self.load = load
        folder = scratch.appendingPathComponent(server.name, isDirectory: true)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try SocketAddress.freePort()
        arguments = try server.arguments(folder: folder, port: port)
        process = try LogRun.start(server, arguments, folder)
        try waitUntilReady()
    }

    private static func start(_ server: any LogServer, _ arguments: [String], _ folder: URL) throws -> ServerProcess {
        try ServerProcess(
            program: server.program, arguments: arguments, log: folder.appendingPathComponent("log.txt").path)
    }

    private func waitUntilReady() throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            if let answer = try? HTTPConnection(port: port).get(server.readyPath), answer.status == 200 { return }
            guard process.isRunning else { throw BenchmarkError("\(server.name) ended at its start: see its log") }
            usleep(2_000)
        }
        throw BenchmarkError("\(server.name) was not ready within two minutes")
    }

    func end() {
        process.end(SIGTERM)
        try? FileManager.default.removeItem(at: folder)
    }

    func measure(connections: Int, restarts: Int, runs: Int) throws -> LogFigures {
        var figures = LogFigures(name: server.name)
        try ingest(&figures, connections)
        try server.compact(HTTPConnection(port: port))
        settle()
        figures.settledRSS = process.memory("VmRSS")
        figures.diskBytes = Folder.size(folder.appendingPathComponent("data"))
        for _ in 0..<restarts { figures.restartMilliseconds.append(try restart()) }
        settle()
        try search(&figures, runs)
        return figures
    }

    private func ingest(_ figures: inout LogFigures, _ connections: Int) throws {
        let cpu = process.cpuSeconds
        let start = ContinuousClock.now
        let failure = Mutex<(any Error)?>(nil)
        let next = Atomic(0)
        let (port, path, load) = (port, server.pushPath, load)
        DispatchQueue.concurrentPerform(iterations: connections) { _ in
            let connection = HTTPConnection(port: port)
            do {
                while failure.withLock({ $0 == nil }) {
                    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard number < load.requests else { return }
                    try LogRun.push(load.body(number), to: path, connection)
                }
            } catch { failure.withLock { $0 = error } }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        figures.wallSeconds = (ContinuousClock.now - start) / .seconds(1)
        settle()
        figures.cpuSecondsPerGB = (process.cpuSeconds - cpu) / (Double(load.rawBytes) / 1e9)
        figures.peakRSS = process.memory("VmHWM")
    }

    private static func push(
        _ body: UnsafeRawBufferPointer, to path: String, _ connection: HTTPConnection
    ) throws {
        for _ in 0..<3000 {
            let answer = try connection.post(path, headers: "Content-Type: application/x-protobuf\r\n", body)
            if (200..<300).contains(answer.status) { return }
            guard answer.status == 429 || answer.status == 503 else {
                throw BenchmarkError("a push was answered with \(answer.status): \(answer.text.prefix(300))")
            }
            usleep(10_000)
        }
        throw BenchmarkError("the server refused a push for 30 seconds")
    }

    /// Waits until three seconds in a row cost less than 0.05 s of CPU each, at most a minute.
    private func settle() {
        var quiet = 0
        var last = process.cpuSeconds
        for _ in 0..<60 where quiet < 3 {
            sleep(1)
            let now = process.cpuSeconds
            quiet = now - last < 0.05 ? quiet + 1 : 0
            last = now
        }
    }

    /// To the first right answer: the lines of a needle.
    private func restart() throws -> Double {
        guard let needle = load.needles.first else { return .nan }
        let path = server.path(.needle(needle), load)
        process.kill()
        let start = ContinuousClock.now
        process = try LogRun.start(server, arguments, folder)
        while ContinuousClock.now - start < .seconds(120) {
            if let answer = try? HTTPConnection(port: port).get(path), answer.status == 200,
                answer.text.contains(needle.text)
            {
                return (ContinuousClock.now - start) / .milliseconds(1)
            }
            usleep(2_000)
        }
        throw BenchmarkError("no right answer within two minutes of a restart")
    }

    private func search(_ figures: inout LogFigures, _ runs: Int) throws {
        let connection = HTTPConnection(port: port)
        for needle in load.needles {
            let before = readBytes
            let (answer, milliseconds) = try ask(connection, server.path(.needle(needle), load))
            figures.needleReadBytes.append(readBytes - before)
            figures.needleMilliseconds.append(milliseconds)
            let hits = answer.text.components(separatedBy: needle.text).count - 1
            // The answer may quote the query too.
            if answer.status != 200 || hits < needle.lines.count {
                figures.failures.append("\(needle.text): \(hits) of \(needle.lines.count) lines, status \(answer.status)")
            }
        }
        for question in LogQuestion.all {
            var times: [Double] = []
            let cpu = process.cpuSeconds
            for _ in 0..<runs {
                let (answer, milliseconds) = try ask(connection, server.path(question, load))
                times.append(milliseconds)
                if answer.status != 200 {
                    figures.failures.append("\(question.name): \(answer.status) \(answer.text.prefix(200))")
                    break
                }
            }
            figures.questions[question.name] = [
                times.sorted()[times.count / 2], (process.cpuSeconds - cpu) * 1000 / Double(times.count),
            ]
        }
    }

    private func ask(_ connection: HTTPConnection, _ path: String) throws -> (HTTPConnection.Answer, Double) {
        let start = ContinuousClock.now
        let answer = try connection.get(path)
        return (answer, (ContinuousClock.now - start) / .milliseconds(1))
    }

    /// What its calls of `read` and the like have brought.
    private var readBytes: Double {
        guard let text = try? String(contentsOfFile: "/proc/\(process.identifier)/io", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("rchar:") })
        else { return .nan }
        return Double(line.dropFirst(6).trimmingCharacters(in: .whitespaces)) ?? .nan
    }
}
