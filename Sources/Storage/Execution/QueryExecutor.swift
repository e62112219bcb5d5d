import Foundation

/// Threads of our own, one for each core, for what keeps a core busy: queries, sealing, merging. Event loops and the
/// common pool stay free. Used with `withTaskExecutorPreference(QueryExecutor.shared) { … }`.
package final class QueryExecutor: TaskExecutor {
    package static let shared = QueryExecutor(threads: ProcessInfo.processInfo.activeProcessorCount)

    private let jobs = JobQueue()

    package init(threads: Int) {
        for i in 0..<max(1, threads) {
            let thread = Thread { [jobs] in
                while true {
                    let job = jobs.next()
                    unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
                }
            }
            thread.name = "query-\(i)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) { jobs.add(UnownedJob(job)) }
}

/// `@unchecked Sendable`: `waiting` and `first` are touched with the condition's lock held only.
private final class JobQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [UnownedJob] = []
    private var first = 0

    func add(_ job: UnownedJob) {
        condition.lock()
        waiting.append(job)
        condition.signal()
        condition.unlock()
    }

    func next() -> UnownedJob {
        condition.lock()
        defer { condition.unlock() }
        while first == waiting.count { condition.wait() }
        let job = waiting[first]
        first += 1
        if first == waiting.count || first > 1024 {
            waiting.removeFirst(first)
            first = 0
        }
        return job
    }
}
