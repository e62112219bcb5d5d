/// Looks at the process several times a second and tells the budget: a scrape of a million series is in memory within
/// one second.
package struct MemoryWatch: Sendable {
    private static let pause = Duration.milliseconds(250)
    /// Where the process is far from its limit: waking a thread costs something too.
    private static let calmPause = Duration.seconds(1)
    /// Trimming walks through all of the allocator's memory, so not at every look.
    private static let trimPause = Duration.seconds(5)

    private let budget: MemoryBudget
    private let resident: @Sendable () -> Int
    private let trim: @Sendable () -> Void
    private var lastTrim: ContinuousClock.Instant?

    package init(
        budget: MemoryBudget, resident: @escaping @Sendable () -> Int = { ProcessMemory.anonymousBytes },
        trim: @escaping @Sendable () -> Void = { ReleaseFreeMemory.now() }
    ) {
        self.budget = budget
        self.resident = resident
        self.trim = trim
    }

    /// Until cancelled.
    package mutating func run() async {
        while !Task.isCancelled {
            look(at: .now)
            let isFar = budget.usage.resident < budget.limit / 3
            do { try await Task.sleep(for: isFar ? MemoryWatch.calmPause : MemoryWatch.pause) } catch { return }
        }
    }

    /// One look. Before pressure counts, what is only the allocator's reserve goes back to the kernel.
    package mutating func look(at now: ContinuousClock.Instant) {
        budget.observe(resident: resident())
        guard budget.pressure.level > .calm else { return }
        if let lastTrim, lastTrim.duration(to: now) < MemoryWatch.trimPause { return }
        lastTrim = now
        trim()
        budget.observe(resident: resident())
    }
}
