import Foundation
import Server
import ServiceLifecycle
import Shop
import Synchronization

/// Switches the fault, tells what happens, and ends the demo when its time is over.
final class DemoDirector: Service {
    private struct State {
        var fired: Set<String> = []
        var last = DemoSummary.Ingested()
        var summary = DemoSummary()
    }

    private let settings: DemoSettings
    private let say: @Sendable (String) -> Void
    private let process: ServerProcess
    private let shop: ShopFleet
    private let receiver: WebhookReceiver
    private let started: Date
    private let state = Mutex(State())

    init(
        settings: DemoSettings, say: @escaping @Sendable (String) -> Void, process: ServerProcess, shop: ShopFleet,
        receiver: WebhookReceiver, started: Date
    ) {
        self.settings = settings
        self.say = say
        self.process = process
        self.shop = shop
        self.receiver = receiver
        self.started = started
    }

    /// What was seen; complete when ``run()`` has returned.
    var summary: DemoSummary { state.withLock { $0.summary } }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.direct() }
        let summary = await observe()
        state.withLock { $0.summary = summary }
    }

    private func direct() async {
        var nextReport = 5.0
        var faultIsOn = false
        var faultIsOver = false
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            let elapsed = Date().timeIntervalSince(started)
            if let duration = settings.duration, elapsed * 1000 >= Double(duration) { return }
            if !faultIsOn && !faultIsOver && elapsed >= settings.faultStart {
                shop.setFault(settings.fault, on: true)
                say("fault: \(settings.fault.rawValue) is on")
                faultIsOn = true
            }
            if faultIsOn && elapsed >= settings.faultStart + settings.faultLength {
                shop.setFault(settings.fault, on: false)
                say("fault: \(settings.fault.rawValue) is off")
                faultIsOn = false
                faultIsOver = true
            }
            watchAlerts()
            if elapsed >= nextReport {
                await report(elapsed)
                nextReport += 5
            }
        }
    }

    private func watchAlerts() {
        for group in process.rules.groups {
            for rule in group.rules {
                for alert in rule.alerts.active where alert.state == .firing {
                    let isNew = state.withLock { $0.fired.insert("\(alert.labelSet) \(alert.activeAt)").inserted }
                    if isNew { say("alert: \(rule.rule.name) fires: \(alert.annotations["summary"] ?? "")") }
                }
            }
        }
    }

    private func report(_ elapsed: Double) async {
        let totals = process.ingestedTotals
        let now = DemoSummary.Ingested(samples: totals.samples, logs: totals.logs, spans: totals.spans)
        let last = state.withLock { state in
            defer { state.last = now }
            return state.last
        }
        let targets = process.scrapes.targets
        let up = targets.count { $0.health == .up }
        let series = await process.series.health().activeSeries
        say(
            "\(Int(elapsed))s  targets \(up)/\(targets.count) up  \((now.spans - last.spans) / 5) spans/s  "
                + "\((now.logs - last.logs) / 5) logs/s  \((now.samples - last.samples) / 5) samples/s  \(series) series  "
                + "\(shop.loadCounts.orders) orders  queue \(shop.queueDepth)")
    }

    private func observe() async -> DemoSummary {
        watchAlerts()
        var summary = DemoSummary()
        let names = Set(shop.serviceNames)
        let seen = await process.seenServices()
        summary.services.metrics = seen.metrics.filter(names.contains)
        summary.services.logs = seen.logs.filter(names.contains)
        summary.services.traces = seen.traces.filter(names.contains)
        summary.alerts.fired = state.withLock { $0.fired.count }
        let counts = receiver.counts
        summary.alerts.delivered = counts.firing
        summary.alerts.resolved = counts.resolved
        let totals = process.ingestedTotals
        summary.ingested = .init(samples: totals.samples, logs: totals.logs, spans: totals.spans)
        summary.series = await process.series.health().activeSeries
        summary.rss_bytes = ServerProcess.residentBytes
        summary.seconds = (Date().timeIntervalSince(started) * 10).rounded() / 10
        return summary
    }
}
