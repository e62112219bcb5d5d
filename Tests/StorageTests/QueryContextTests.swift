import Storage
import Testing

@Test func `what a query is charged is counted, given back and held to its limits from every core`() async throws {
    let megabyte = 1 << 20
    let budget = MemoryBudget(limit: 1 << 30)
    func reserved() -> Int { budget.usage.accounts[MemoryBudget.Account.queries.rawValue].bytes }
    let context = QueryContext(limits: .init(memory: 64 * megabyte, samples: 1000), budget: budget)
    try await withThrowingTaskGroup { group in
        for core in 0..<8 {
            group.addTask {
                for round in 0..<500 {
                    try context.charge(memory: 4096)
                    try context.charge(samples: 10)
                    var gathered = QueryStatistics()
                    gathered.blocksRead = 1
                    gathered.partsSkipped.byTime = core
                    gathered[.read] = .microseconds(round)
                    gathered.memory = 1 << 40
                    context.add(gathered)
                    context.release(samples: 10)
                    context.release(memory: 4096)
                }
            }
        }
        try await group.waitForAll()
    }
    let after = context.statistics
    #expect(after.samplesRead == 40_000 && after.samplesPeak <= 80 && after.samplesPeak >= 10)
    #expect(after.memory == 0 && after.memoryPeak >= 4096 && after.memoryPeak <= 8 * 4096)
    #expect(after.blocksRead == 4000 && after.partsSkipped.total == 28 * 500)
    #expect(after[.read] == .microseconds(8 * 499 * 500 / 2) && after[.parse] == .zero)
    #expect(throws: StorageError.tooManySamples(limit: 1000)) { try context.charge(samples: 1001) }
    do {
        var held = try context.holding(10 * megabyte)
        try held.grow(by: 20 * megabyte)
        #expect(context.statistics.memory == 30 * megabyte && reserved() == 30 * megabyte)
        #expect(throws: StorageError.memoryBudgetExceeded(limit: 64 * megabyte)) { try held.grow(by: 40 * megabyte) }
        #expect(throws: StorageError.self) { try held.grow(by: .max) }
        #expect(context.statistics.memory == 30 * megabyte, "what was refused is not held")
        held.shrink(by: 25 * megabyte)
        held.shrink(by: -1)
        #expect(held.bytes == 5 * megabyte && reserved() <= 9 * megabyte)
    }
    #expect(context.statistics.memory == 0)
}

@Test func `a query ends for the first reason that it was given`() throws {
    let cases: [(endings: [QueryContext.Ending], expected: StorageError)] = [
        ([.killed], .killed), ([.cancelled], .cancelled), ([.killed, .cancelled], .killed),
        ([.cancelled, .killed], .cancelled),
    ]
    for (endings, expected) in cases {
        let context = QueryContext()
        try context.check()
        for ending in endings { context.cancel(ending) }
        #expect(throws: expected) { try context.check() }
    }
    let late = QueryContext(limits: .init(deadline: .now - .seconds(1)))
    #expect(throws: StorageError.timedOut) { try late.check() }
}

/// Work that a compiler cannot leave out.
private func work(_ rounds: Int) -> UInt64 {
    var state: UInt64 = 88_172_645_463_325_252
    for _ in 0..<rounds {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
    }
    return state
}

@Test func `the work of a lane is charged to its query, on every core, and lanes take turns`() async throws {
    let executor = QueryExecutor(threads: 2)
    let heavy = QueryContext()
    let light = QueryContext()
    async let many: UInt64 = withTaskExecutorPreference(QueryLane(heavy, on: executor)) {
        await withTaskGroup { group in
            for _ in 0..<64 { group.addTask { work(300_000) } }
            var sum: UInt64 = 0
            for await one in group { sum &+= one }
            return sum
        }
    }
    while heavy.statistics.processorTime == .zero { try await Task.sleep(for: .milliseconds(1)) }
    let one = await withTaskExecutorPreference(QueryLane(light, on: executor)) { work(300_000) }
    let heavySoFar = heavy.statistics.processorTime
    let sum = await many
    #expect(sum == one &* 64)
    let spent = heavy.statistics.processorTime
    #expect(light.statistics.processorTime > .zero)
    let settled = QueryContext()
    let inside = await withTaskExecutorPreference(QueryLane(settled, on: executor)) {
        _ = work(300_000)
        QueryLane.settle()
        return settled.statistics.processorTime
    }
    #expect(inside > .zero, "a job knows of its own work before it ends")
    #expect(spent > light.statistics.processorTime * 8, "\(spent) and \(light.statistics.processorTime)")
    #expect(heavySoFar < spent, "the light query waited for all of the heavy one")
}
