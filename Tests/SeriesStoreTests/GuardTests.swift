import SeriesStore
import Storage
import Synchronization
import Telemetry
import TestSupport
import Testing

private func series(_ metric: String, job: String = "shop", instance: String = "a:80", _ more: [String: String] = [:])
    -> LabelSet
{
    LabelSet(["__name__": metric, "job": job, "instance": instance].merging(more) { $1 })
}

private final class Hands: Sendable {
    private let now = Mutex(ContinuousClock.now)
    var time: ContinuousClock.Instant { now.withLock { $0 } }
    func turn(_ seconds: Int) { now.withLock { $0 += .seconds(seconds) } }
}

@Test func anExplodingTargetLosesItsExcessAndNobodyElseLosesAnything() {
    var limits = CardinalityLimits()
    limits.perTarget = 1000
    let hands = Hands()
    let cardinality = CardinalityGuard(limits: limits, clock: { hands.time })
    for i in 0..<800 { #expect(cardinality.admit(series("normal", ["n": "\(i)"]))) }
    var admitted = 0
    // The session id explodes; path and code are innocent.
    for i in 0..<50_000 {
        let labels = series(
            "requests_total", ["session": "s\(i)", "path": "/p\(i % 300)", "code": "\(200 + i % 5)"])
        if cardinality.admit(labels) { admitted += 1 }
    }
    #expect(admitted == 200)
    for name in ["up", "scrape_duration_seconds", "scrape_samples_scraped"] { #expect(cardinality.admit(series(name))) }
    for i in 0..<900 { #expect(cardinality.admit(series("requests_total", instance: "b:80", ["n": "\(i)"]))) }
    let limited = cardinality.limited(top: 10)
    #expect(limited.count == 1)
    #expect(limited.first?.subject == "target job=\"shop\", instance=\"a:80\"")
    #expect(limited.first?.label == "session")
    #expect(limited.first?.limit == 1000)
    #expect(limited.first?.refusals == 49_800)
    // Estimates, by sketches of some kilobytes.
    #expect((45_000...55_000).contains(limited.first?.refusedSeries ?? 0), "\(limited)")
    #expect((40_000...60_000).contains(limited.first?.labelValues ?? 0), "\(limited)")
    // The same series again are the same series.
    let before = limited.first?.refusedSeries
    for i in 0..<50_000 where i % 7 == 0 {
        _ = cardinality.admit(
            series("requests_total", ["session": "s\(i)", "path": "/p\(i % 300)", "code": "\(200 + i % 5)"]))
    }
    #expect(cardinality.limited(top: 10).first?.refusedSeries == before)
    #expect(cardinality.takeWarnings().first?.contains("label \"session\" has about") == true)
    #expect(cardinality.takeWarnings().isEmpty)
    let taken = cardinality.takeRefusals()
    #expect(taken.map(\.label) == ["session"])
    #expect(taken.first?.name == "job=\"shop\", instance=\"a:80\"")
    #expect(cardinality.takeRefusals().isEmpty)
    hands.turn(301)
    _ = cardinality.admit(series("requests_total", ["session": "again"]))
    #expect(cardinality.takeWarnings().count == 1)
    hands.turn(700)
    #expect(cardinality.limited(top: 10).isEmpty)
}

@Test func seriesThatLeaveMemoryMakeRoom() {
    var limits = CardinalityLimits()
    limits.perMetric = 500
    limits.total = 1500
    let cardinality = CardinalityGuard(limits: limits)
    // Five live generations of a hundred at a time, two hundred generations.
    var live: [LabelSet] = []
    for generation in 0..<200 {
        for i in 0..<100 {
            let labels = series("churn", instance: "pod-\(generation)", ["i": "\(i)"])
            #expect(cardinality.admit(labels))
            live.append(labels)
        }
        if live.count == 500 {
            for labels in live.prefix(100) { cardinality.release(labels) }
            live.removeFirst(100)
        }
    }
    #expect(cardinality.activeSeries == 400)
    #expect(cardinality.limited(top: 5).isEmpty)
    for i in 0..<900 { _ = cardinality.admit(series("churn", instance: "x", ["i": "\(i)"])) }
    #expect(cardinality.limited(top: 5).map(\.subject) == ["metric churn"])
    #expect(cardinality.limited(top: 5).map(\.label) == ["i"])
    for labels in live { cardinality.release(labels) }
    #expect(cardinality.admit(series("churn", instance: "x", ["i": "after"])))
    // Without job and instance there is no target, and the whole store has its limit.
    var admitted = 0
    for i in 0..<3000 {
        if cardinality.admit(LabelSet(["__name__": "m\(i % 100)", "id": "\(i)"])) { admitted += 1 }
    }
    #expect(admitted == 1500 - 101)
    #expect(cardinality.limited(top: 1).map(\.subject) == ["all series"])
    #expect(cardinality.limited(top: 1).map(\.label) == ["id"])
    #expect(cardinality.refusal(of: LabelSet(["__name__": "m1", "id": "z"])).contains("the limit of 1500 series"))
    // What the journal brings back is counted and never refused; what leaves twice does not make room twice.
    for _ in 0..<3 { cardinality.add(series("up", instance: "q")) }
    for _ in 0..<9 { cardinality.release(series("up", instance: "q")) }
    #expect(cardinality.admit(LabelSet(["__name__": "m1", "id": "z"])))
}

@Test func shortMemoryRefusesNewSeriesOfTheBigAndOfNobodySmall() {
    let pressure = MemoryPressure()
    let cardinality = CardinalityGuard(pressure: pressure)
    for i in 0..<2000 { #expect(cardinality.admit(series("big", ["i": "\(i)"]))) }
    #expect(!cardinality.isStoreCrowded)
    pressure.set(.high)
    #expect(!cardinality.admit(series("big", ["i": "new"])))
    #expect(cardinality.refusal(of: series("big", ["i": "new"])).contains("the process is short of memory"))
    #expect(cardinality.admit(series("small", instance: "other", ["i": "new"])))
    #expect(cardinality.admit(series("up")))
    pressure.set(.calm)
    #expect(cardinality.admit(series("big", ["i": "new"])))
}

@Test func manyExplosionsAtOnceTakeBoundedMemory() {
    var limits = CardinalityLimits()
    limits.perTarget = 2
    let cardinality = CardinalityGuard(limits: limits)
    for target in 0..<1000 {
        for i in 0..<5 { _ = cardinality.admit(series("m", instance: "t\(target)", ["i": "\(i)"])) }
    }
    #expect(cardinality.activeSeries == 2000)
    #expect(cardinality.limited(top: 1000).count <= 128)
    let taken = cardinality.takeRefusals()
    #expect(taken.reduce(0) { $0 + $1.count } == 3000)
    #expect(taken.count <= 129)
}

@Test func aStoreThatFilledUpQuicklyAwaitsRoomAndOneThatStaysFullDoesNot() {
    var limits = CardinalityLimits()
    limits.total = 100
    let hands = Hands()
    let cardinality = CardinalityGuard(limits: limits, clock: { hands.time })
    for i in 0..<95 { #expect(cardinality.admit(series("m\(i)"))) }
    #expect(cardinality.isStoreCrowded && !cardinality.isNearlyFull && !cardinality.awaitsRoom)
    for i in 95..<100 { #expect(cardinality.admit(series("m\(i)"))) }
    #expect(cardinality.isNearlyFull && !cardinality.awaitsRoom, "nothing was refused yet")
    #expect(!cardinality.admit(series("new")))
    #expect(cardinality.awaitsRoom)
    // Room came between the refusal and the question.
    cardinality.release((0..<50).map { series("m\($0)") })
    #expect(cardinality.awaitsRoom && !cardinality.isNearlyFull)
    hands.turn(11)
    #expect(!cardinality.awaitsRoom)
    for i in 0..<50 { #expect(cardinality.admit(series("again\(i)"))) }
    #expect(!cardinality.admit(series("new")))
    #expect(cardinality.awaitsRoom)
    hands.turn(91)
    #expect(!cardinality.admit(series("new")))
    #expect(!cardinality.awaitsRoom, "it stays full")
}
