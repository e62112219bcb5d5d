import Endpoints
import Glibc
import Logging
import NIOCore
import Storage

/// The process: one thread that reads and fills the spool, one task that empties it into the server.
package enum Agent {
    /// Runs until SIGTERM or SIGINT. `reload` reads the configuration again at SIGHUP.
    package static func run(
        _ configuration: AgentConfiguration, logger: Logger,
        reload: @escaping @Sendable () throws -> AgentConfiguration
    ) async throws {
        try configuration.check()
        ProgramPages.letGo()
        Machine.raiseFileLimit()
        let fileSystem = POSIXFileSystem()
        try fileSystem.makeFolder(configuration.dataFolder)
        let lock = try FolderLock(configuration.dataFolder)
        defer { lock.release() }
        let positionsPath = configuration.dataFolder + "/" + PositionBook.name
        let isFirstStart = !fileSystem.exists(positionsPath)
        var book = isFirstStart ? PositionBook() : try PositionBook.read(try fileSystem.readAll(positionsPath))
        let spoolFolder = configuration.dataFolder + "/spool"
        let spool = try SpoolWriter(
            folder: spoolFolder, fileSystem: fileSystem, limits: configuration.spool, positions: &book)
        let control = try AgentControl()
        control.handleSignals()
        let statistics = AgentStatistics()
        let ledger = spool.ledger
        let connections = EndpointConnections()
        let sender = PushSender(
            server: configuration.server, connections: connections, statistics: statistics, logger: logger)
        ledger.onAppend { sender.poke() }
        ledger.onAcknowledge { control.send(.wake) }
        var metrics: (any Channel)?
        if let (host, port) = configuration.listen {
            metrics = try await MetricsListener.listen(host: host, port: port) {
                statistics.now.exposition(ledger: ledger)
            }
        }
        ProgramPages.letGo()
        logger.info(
            "agent is ready",
            metadata: [
                "server": "\(configuration.server.url)", "data": "\(configuration.dataFolder)",
                "metrics": "\(metrics?.localAddress.map { "\($0)" } ?? "off")",
            ])
        let collector = Collector(
            configuration: configuration, book: book, isFirstStart: isFirstStart && ledger.lastSequence == 0, spool: spool,
            fileSystem: fileSystem, statistics: statistics, control: control, logger: logger,
            reload: { reloaded(by: reload, sender: sender, dataFolder: configuration.dataFolder, logger) })
        await withTaskGroup { group in
            let sending = SendingEnds(folder: spoolFolder, fileSystem: fileSystem, ledger: ledger)
            group.addTask { await sender.run(sending.makeReader()) }
            group.addTask { await trim() }
            await onThread(collector)
            sender.drain()
            let patience = configuration.drainTimeout
            group.addTask { try? await Task.sleep(for: .milliseconds(patience)) }
            // Whichever is first: the spool is empty, or patience is at its end.
            await group.next()
            group.cancelAll()
        }
        try? await metrics?.close().get()
        await connections.shutdown()
        if ledger.waiting > 0 {
            logger.info("stopped; \(ledger.waiting) batches stay in the spool and are sent at the next start")
        } else {
            logger.info("stopped; everything that was read is with the server")
        }
    }

    /// Resident bytes above which pages are let go at once: a backlog needs code that is not needed after it.
    private static let trimmedAbove = 20 << 20
    /// How often that is looked at: a backlog of megabytes is read and sent within a second.
    private static let look = Duration.milliseconds(250)
    /// After so many looks they are let go in any case.
    private static let longest = 60

    private static func trim() async {
        var looks = 0
        while !Task.isCancelled {
            do { try await Task.sleep(for: look) } catch { return }
            looks += 1
            guard looks >= longest || ProcessMemory.residentBytes > trimmedAbove else { continue }
            ProgramPages.letGo()
            ReleaseFreeMemory.now()
            looks = 0
        }
    }

    /// What the sending task makes its reader of: a reader belongs to one task.
    private struct SendingEnds: Sendable {
        var folder: String
        var fileSystem: POSIXFileSystem
        var ledger: SpoolLedger
        func makeReader() -> SpoolReader { SpoolReader(folder: folder, fileSystem: fileSystem, ledger: ledger) }
    }

    private static func reloaded(
        by reload: @Sendable () throws -> AgentConfiguration, sender: PushSender, dataFolder: String, _ logger: Logger
    ) -> AgentConfiguration? {
        do {
            var fresh = try reload()
            try fresh.check()
            if fresh.dataFolder != dataFolder {
                logger.warning("data_dir stays \(dataFolder) until the next start")
                fresh.dataFolder = dataFolder
            }
            sender.use(fresh.server)
            return fresh
        } catch {
            logger.error("the configuration was not taken over: \(error)")
            return nil
        }
    }

    /// Runs the collector on a thread of its own, since it waits in the kernel, and returns when it is done.
    private static func onThread(_ collector: Collector) async {
        nonisolated(unsafe) let collector = collector
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            // The collector is used by the new thread alone from here on: its maker only waits.
            let work = Unmanaged.passRetained(
                ThreadWork {
                    collector.run()
                    continuation.resume()
                })
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { pointer in
                    guard let pointer else { return nil }
                    Unmanaged<ThreadWork>.fromOpaque(pointer).takeRetainedValue().body()
                    return nil
                }, work.toOpaque())
            if code == 0 {
                pthread_detach(thread)
            } else {
                work.takeRetainedValue().body()
            }
        }
    }

    private final class ThreadWork {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }
}

/// Keeps a second agent out of the data folder.
struct FolderLock {
    private let descriptor: Int32

    init(_ folder: String) throws(AgentError) {
        let path = folder + "/lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw AgentError("\(path) cannot be opened: \(Machine.words(errno))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw AgentError("another agent uses \(folder): give each its own --data-dir")
        }
    }

    func release() { close(descriptor) }
}
