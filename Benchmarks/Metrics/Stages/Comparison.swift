import Foundation

/// The whole run: every stage for every server, one server at a time.
struct Comparison {
    struct Options {
        var stages: Set<Stage>
        var connections: Int
        var restarts: Int
        var queryRuns: Int
        var scrape: ScrapeStage.Shape
    }

    let options: Options
    let shape: RemoteWriteLoad.Shape
    let scratch: URL

    func run(_ servers: [any MeasuredServer]) throws -> BenchmarkReport {
        var report = BenchmarkReport(
            settings: .init(
                series: shape.series, samples: shape.series * shape.ticks,
                intervalSeconds: Int(shape.intervalMilliseconds / 1000),
                durationMinutes: shape.ticks * Int(shape.intervalMilliseconds) / 60_000, seed: shape.seed,
                connections: options.connections, requestBytesPerSample: 0))
        let present = servers.filter { $0.location != nil }
        report.skipped = servers.filter { $0.location == nil }.map {
            "\($0.name) is skipped: there is no \($0.program)"
        }
        guard !present.isEmpty else { return report }
        var answers: [String: [[UInt8]]] = [:]
        var load: RemoteWriteLoad?
        if options.stages != [.scrape] {
            let made = try RemoteWriteLoad(shape, folder: scratch, progress: Self.say)
            report.settings.requestBytesPerSample = Double(made.byteCount) / Double(made.sampleCount)
            load = made
        }
        for server in present {
            var figures = ServerFigures(name: server.name)
            if let load {
                do { answers[server.name] = try stored(server, load, &figures) } catch {
                    figures.failures.append("\(error)")
                }
            }
            if options.stages.contains(.scrape) {
                Self.say("\(server.name): scrape")
                do { figures.scrape = try ScrapeStage.run(server, in: scratch, options.scrape) } catch {
                    figures.failures.append("scrape: \(error)")
                }
            }
            report.servers.append(figures)
            // A whole run takes a while: what is known can be read at once, and survives control-C.
            Self.say(ReportText.figures(of: server.name, report))
        }
        if let ours = answers[BenchmarkReport.ours], let peer = answers["prometheus"] {
            report.disagreements = QueryStage.disagreements(ours: ours, prometheus: peer)
        }
        return report
    }

    /// The stages that need the written data. Memory is taken right after ingestion; the crash comes while the data
    /// still lies in heads and journals; compaction comes last, but for servers without a journal.
    private func stored(
        _ server: any MeasuredServer, _ load: RemoteWriteLoad, _ figures: inout ServerFigures
    ) throws -> [[UInt8]] {
        Self.say("\(server.name): ingest")
        let running = try RunningServer(server, in: scratch)
        defer { running.stop(keep: false) }
        figures.ingest = try IngestStage.run(running, load, connections: options.connections)
        var answers: [[UInt8]] = []
        if options.stages.contains(.queries) {
            Self.say("\(server.name): queries")
            let result = try QueryStage.run(running, load, runs: options.queryRuns)
            figures.queries = result.figures
            answers = result.answers
        }
        if server.isCompactedBeforeRestart { compact(running, &figures) }
        if options.stages.contains(.restart) {
            Self.say("\(server.name): restart")
            do { figures.restart = try RestartStage.run(running, load, tries: options.restarts) } catch {
                figures.failures.append("restart: \(error)")
            }
        }
        if !server.isCompactedBeforeRestart { compact(running, &figures) }
        return answers
    }

    private func compact(_ running: RunningServer, _ figures: inout ServerFigures) {
        guard options.stages.contains(.disk) else { return }
        Self.say("\(running.server.name): disk")
        do { figures.disk = try running.server.compact(running) } catch { figures.failures.append("disk: \(error)") }
    }

    private static func say(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}
