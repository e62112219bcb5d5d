import Codecs
package import Storage
import Synchronization
package import Telemetry

/// Counts the series in memory by target and by metric name, and refuses the new ones of whoever has too many, so that
/// an exploding label costs its own excess and nobody else's series.
///
/// Asked on the way of a new series only, perhaps under a shard's lock: it holds a lock of its own for a few lookups
/// and calls nobody.
package final class CardinalityGuard: Sendable {
    package let limits: CardinalityLimits
    private let pressure: MemoryPressure
    private let clock: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())

    /// Sketches begin anew after this time, so that the blame is for what happens now.
    private static let memory = Duration.seconds(600)
    /// Subjects with a sketch (16 KiB each): more cannot be near their limits at once but with tiny limits.
    private static let mostWatched = 128
    /// Whole-process pressure refuses the series of a subject above this many; small ones cannot be the cause.
    private static let smallSubject = 1000
    /// What a scrape says about itself must arrive, above all when the target explodes.
    private static let reportMetrics: Set<String> = [
        "up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling",
        "scrape_series_added", "scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes",
    ]
    /// Nobody has more targets than this: whoever sends more is not a scrape.
    private static let mostReports = 100_000

    private static let job = Array("job".utf8)[...]
    private static let instance = Array("instance".utf8)[...]
    private static let metricName = Array("__name__".utf8)[...]

    private struct Key: Hashable {
        var kind: LimitedSubject.Kind
        var hash: UInt64
    }

    private struct Watched {
        var name: String
        var sketch = NewSeriesSketch()
        var began: ContinuousClock.Instant
        var refusals = 0
        var lastRefusal: ContinuousClock.Instant?
        var lastWarning: ContinuousClock.Instant?
        /// Refusals that ``takeRefusals()`` has not handed over.
        var fresh = 0
        var freshLabel = ""
    }

    private struct State {
        var total = 0
        /// Since when `total` is above four fifths of its limit.
        var crowdedSince: ContinuousClock.Instant?
        var counts: [Key: Int] = [:]
        var watched: [Key: Watched] = [:]
        /// Refused by subjects beyond ``mostWatched``.
        var unwatchedRefusals = 0
    }

    package init(
        limits: CardinalityLimits = CardinalityLimits(), pressure: MemoryPressure = MemoryPressure(),
        clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.limits = limits
        self.pressure = pressure
        self.clock = clock
    }

    // MARK: The way of a new series

    /// Whether a series that is not in memory may come into it; counts it where it may.
    package func admit(_ labels: LabelSet) -> Bool {
        let subjects = subjects(of: labels)
        let now = clock()
        let isShort = pressure.level > .calm
        return state.withLock { state in
            guard let culprit = culprit(subjects, labels, isShort: isShort, state) else {
                count(subjects, labels, now, &state)
                return true
            }
            let isWatched = watch(culprit, labels, now, &state) { watched in
                watched.sketch.add(labels, isRefused: true)
                watched.refusals &+= 1
                watched.fresh &+= 1
                watched.lastRefusal = now
            }
            if !isWatched { state.unwatchedRefusals &+= 1 }
            return false
        }
    }

    /// Counts a series that must come into memory: one of the journal's, at start.
    package func add(_ labels: LabelSet) {
        let subjects = subjects(of: labels)
        let now = clock()
        state.withLock { count(subjects, labels, now, &$0) }
    }

    /// A series has left memory.
    package func release(_ labels: LabelSet) { release(CollectionOfOne(labels)) }

    /// These have left memory. Not to be called with a lock that appends wait for: there may be a million.
    package func release(_ gone: some Collection<LabelSet>) {
        for labels in gone {
            let subjects = subjects(of: labels)
            // One by one: new series wait for the lock no longer than for one of these.
            state.withLock { state in
                state.total = max(0, state.total - 1)
                if state.total <= limits.total / 5 * 4 { state.crowdedSince = nil }
                for key in subjects {
                    guard let count = state.counts[key] else { continue }
                    state.counts[key] = count > 1 ? count - 1 : nil
                }
            }
        }
    }

    /// Why a series was refused, for the sender: `admit` has said no just before.
    package func refusal(of labels: LabelSet) -> String {
        let subjects = subjects(of: labels)
        let sentence: String? = state.withLock { state in
            for key in [Key(kind: .store, hash: 0)] + subjects where state.watched[key]?.lastRefusal != nil {
                if let one = describe(key, state) { return one.sentence }
            }
            return nil
        }
        return sentence ?? "the process is short of memory and takes no new series at the moment"
    }

    /// Whether series that had no sample lately should leave memory soon: the store's limit is at four fifths. Not that of
    /// one target or metric: that one alone is refused, and the others' series should not leave memory for it.
    package var isStoreCrowded: Bool {
        pressure.level > .calm || limits.total > 0 && state.withLock { $0.total } > limits.total / 5 * 4
    }

    /// Whether the next new series are refused: the limit of the whole store is at nineteen twentieths.
    package var isNearlyFull: Bool {
        limits.total > 0 && state.withLock { $0.total } > limits.total / 20 * 19
    }

    /// Whether series that the limit of the whole store refuses will find room soon: it filled up quickly, and what has
    /// ended has not left memory yet. Where it stays full they will not.
    package var awaitsRoom: Bool {
        let now = clock()
        return state.withLock { state in
            guard let last = state.watched[Key(kind: .store, hash: 0)]?.lastRefusal, last.duration(to: now) < .seconds(10)
            else { return false }
            guard let since = state.crowdedSince else { return true }
            return since.duration(to: now) < .seconds(90)
        }
    }

    // MARK: What it tells

    /// Subjects that were refused something in the last ten minutes, the most refused first.
    package func limited(top: Int) -> [LimitedSubject] {
        let now = clock()
        let all = state.withLock { state in
            state.watched.compactMap { key, watched -> LimitedSubject? in
                guard let last = watched.lastRefusal, last.duration(to: now) < CardinalityGuard.memory else {
                    return nil
                }
                return describe(key, state)
            }
        }
        return Array(all.sorted { ($1.refusedSeries, $0.subject) < ($0.refusedSeries, $1.subject) }.prefix(max(0, top)))
    }

    /// Refusals since the last call, for a counter. What no longer fits among the watched has an empty name and label.
    package func takeRefusals() -> [(kind: LimitedSubject.Kind, name: String, label: String, count: Int)] {
        state.withLock { state in
            var taken: [(kind: LimitedSubject.Kind, name: String, label: String, count: Int)] = []
            for (key, watched) in state.watched where watched.fresh > 0 {
                // One label for one subject: a counter's label set that jumps to and fro is of no use.
                if watched.freshLabel.isEmpty {
                    state.watched[key]?.freshLabel = watched.sketch.widestLabel?.name ?? ""
                }
                taken.append((key.kind, watched.name, state.watched[key]?.freshLabel ?? "", watched.fresh))
                state.watched[key]?.fresh = 0
            }
            if state.unwatchedRefusals > 0 { taken.append((.store, "", "", state.unwatchedRefusals)) }
            state.unwatchedRefusals = 0
            return taken
        }
    }

    /// Sentences for the log: each subject that is refused something, at most once in five minutes.
    package func takeWarnings() -> [String] {
        let now = clock()
        return state.withLock { state in
            var sentences: [String] = []
            for (key, watched) in state.watched {
                guard let last = watched.lastRefusal, last.duration(to: now) < .seconds(60) else { continue }
                if let warned = watched.lastWarning, warned.duration(to: now) < .seconds(300) { continue }
                state.watched[key]?.lastWarning = now
                if let one = describe(key, state) { sentences.append(one.sentence) }
            }
            return sentences.sorted()
        }
    }

    package var activeSeries: Int { state.withLock { $0.total } }

    private func describe(_ key: Key, _ state: State) -> LimitedSubject? {
        guard let watched = state.watched[key] else { return nil }
        let widest = watched.sketch.widestLabel
        return LimitedSubject(
            kind: key.kind, name: watched.name, active: key.kind == .store ? state.total : state.counts[key] ?? 0,
            limit: limit(of: key.kind), refusedSeries: watched.sketch.refusedSeries, refusals: watched.refusals,
            label: widest?.name ?? "", labelValues: widest?.values ?? 0)
    }

    // MARK: Subjects

    private func limit(of kind: LimitedSubject.Kind) -> Int {
        switch kind {
        case .target: limits.perTarget
        case .metric: limits.perMetric
        case .store: limits.total
        }
    }

    private func subjects(of labels: LabelSet) -> [Key] {
        var target: UInt64 = 0
        var isOfTarget = false
        var metric: UInt64 = 0
        labels.forEachRange { name, value in
            switch name.count {
            case 3 where labels.bytes[name] == CardinalityGuard.job,
                8 where labels.bytes[name] == CardinalityGuard.instance:
                isOfTarget = true
                target = Hash64.hash(labels.bytes[value], seed: target &+ UInt64(name.count))
            case 8 where labels.bytes[name] == CardinalityGuard.metricName:
                metric = Hash64.hash(labels.bytes[value])
            default: break
            }
        }
        let ofMetric = Key(kind: .metric, hash: metric)
        return isOfTarget ? [Key(kind: .target, hash: target), ofMetric] : [ofMetric]
    }

    private func name(of key: Key, _ labels: LabelSet) -> String {
        switch key.kind {
        case .store: ""
        case .metric: labels.metricName ?? "without a name"
        case .target:
            ["job", "instance"].compactMap { name in labels[name].map { "\(name)=\"\($0)\"" } }.joined(separator: ", ")
        }
    }

    /// The subject because of which the series is refused, nil where it is admitted.
    private func culprit(_ subjects: [Key], _ labels: LabelSet, isShort: Bool, _ state: State) -> Key? {
        if let name = labels.valueRange(of: "__name__"), labels.bytes[name].count < 40,
            CardinalityGuard.reportMetrics.contains(String(decoding: labels.bytes[name], as: UTF8.self)),
            let metric = subjects.last, state.counts[metric] ?? 0 < CardinalityGuard.mostReports
        {
            return nil
        }
        for key in subjects {
            let limit = limit(of: key.kind)
            if limit > 0, state.counts[key] ?? 0 >= limit { return key }
        }
        if limits.total > 0, state.total >= limits.total { return Key(kind: .store, hash: 0) }
        if isShort, let first = subjects.first, state.counts[first] ?? 0 > CardinalityGuard.smallSubject {
            return first
        }
        return nil
    }

    private func count(
        _ subjects: [Key], _ labels: LabelSet, _ now: ContinuousClock.Instant, _ state: inout State
    ) {
        state.total += 1
        if limits.total > 0, state.crowdedSince == nil, state.total > limits.total / 5 * 4 { state.crowdedSince = now }
        for key in subjects {
            let count = (state.counts[key] ?? 0) + 1
            state.counts[key] = count
            // From half of the limit on: the label to blame is known when the first series is refused.
            let limit = limit(of: key.kind)
            if limit > 0, count > limit / 2 {
                watch(key, labels, now, &state) { $0.sketch.add(labels, isRefused: false) }
            }
        }
        if limits.total > 0, state.total > limits.total / 2 {
            watch(Key(kind: .store, hash: 0), labels, now, &state) { $0.sketch.add(labels, isRefused: false) }
        }
    }

    /// False where too many are watched already.
    @discardableResult
    private func watch(
        _ key: Key, _ labels: LabelSet, _ now: ContinuousClock.Instant, _ state: inout State,
        _ body: (inout Watched) -> Void
    ) -> Bool {
        if state.watched[key] == nil {
            if state.watched.count >= CardinalityGuard.mostWatched { dropIdle(now, &state) }
            guard state.watched.count < CardinalityGuard.mostWatched else { return false }
            state.watched[key] = Watched(name: name(of: key, labels), began: now)
        }
        // Taken out while it changes: its sketch is not copied.
        guard var watched = state.watched.removeValue(forKey: key) else { return false }
        if watched.began.duration(to: now) > CardinalityGuard.memory {
            watched.sketch = NewSeriesSketch()
            watched.began = now
            watched.freshLabel = ""
        }
        body(&watched)
        state.watched[key] = watched
        return true
    }

    private func dropIdle(_ now: ContinuousClock.Instant, _ state: inout State) {
        for (key, watched) in state.watched
        where watched.fresh == 0 && watched.began.duration(to: now) > CardinalityGuard.memory {
            if let last = watched.lastRefusal, last.duration(to: now) < CardinalityGuard.memory { continue }
            state.watched[key] = nil
        }
    }
}
