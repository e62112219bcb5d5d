import Foundation

/// Threads of our own, one for each core, for what keeps a core busy: queries, sealing, merging. Event loops and the
/// common pool stay free. Used with `withTaskExecutorPreference(QueryExecutor.shared) { … }`, and by queries through a
/// ``QueryLane`` of their own.
package final class QueryExecutor: TaskExecutor {
    package static let shared = QueryExecutor(threads: ProcessInfo.processInfo.activeProcessorCount)

    private let jobs = JobQueue()
    /// Of everything that has no lane of its own.
    private let common = JobQueue.Lane()

    package init(threads: Int) {
        for i in 0..<max(1, threads) {
            let thread = Thread { [jobs] in
                jobs.join()
                let account = ThreadAccount()
                Thread.current.threadDictionary[ThreadAccount.key] = account
                while true {
                    let (job, query) = jobs.next()
                    guard let query else {
                        unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
                        continue
                    }
                    account.open(query.context)
                    unsafe job.runSynchronously(on: query.asUnownedTaskExecutor())
                    account.close()
                }
            }
            thread.name = "query-\(i)"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) { jobs.add(UnownedJob(job), of: nil, to: common) }

    fileprivate func enqueue(_ job: consuming ExecutorJob, of query: QueryLane) {
        jobs.add(UnownedJob(job), of: query, to: query.lane)
    }
}

/// One query's place among the threads of a ``QueryExecutor``.
///
/// Lanes take turns, so that a query of a thousand jobs does not keep one of two waiting. All work in a lane, child tasks
/// on other cores too, is charged to the query's ``QueryStatistics/processorTime``.
package final class QueryLane: TaskExecutor {
    package let context: QueryContext
    private let executor: QueryExecutor
    fileprivate let lane = JobQueue.Lane()

    package init(_ context: QueryContext, on executor: QueryExecutor = .shared) {
        self.context = context
        self.executor = executor
    }

    package func enqueue(_ job: consuming ExecutorJob) { executor.enqueue(job, of: self) }

    /// Charges what the running job has worked so far; else a job is charged when it ends.
    package static func settle() {
        (Thread.current.threadDictionary[ThreadAccount.key] as? ThreadAccount)?.charge()
    }
}

/// Whose work a query thread does, and since when. Touched by its own thread only.
private final class ThreadAccount {
    static let key = "needletail.query"
    private var context: QueryContext?
    private var since = Duration.zero

    func open(_ context: QueryContext) {
        self.context = context
        since = ProcessorTime.ofThisThread
    }

    func charge() {
        guard let context else { return }
        let now = ProcessorTime.ofThisThread
        let spent = now - since
        since = now
        context.count { $0.processorTime += spent }
    }

    func close() {
        charge()
        context = nil
    }
}

/// `@unchecked Sendable`: `waiting`, and the lanes' jobs, are touched with the condition's lock held only.
private final class JobQueue: @unchecked Sendable {
    /// `@unchecked Sendable`: both fields are touched with the queue's lock held only.
    final class Lane: @unchecked Sendable {
        /// A job keeps the query alive whose executor it will run on.
        fileprivate var jobs: [(job: UnownedJob, query: QueryLane?)] = []
        fileprivate var first = 0
    }

    private let condition = NSCondition()
    /// Lanes that have jobs, each once, in the order of their turns.
    private var waiting: [Lane] = []
    private var first = 0
    /// The threads that take jobs, and how many of them wait for one.
    private var threads: [pthread_t] = []
    private var idle = 0

    func join() {
        condition.lock()
        threads.append(pthread_self())
        condition.unlock()
    }

    /// Wakes a thread, but not for the only job of one that runs a job itself: it will come for it in a moment, and a
    /// thread that is woken takes longer than most jobs.
    func add(_ job: UnownedJob, of query: QueryLane?, to lane: Lane) {
        condition.lock()
        let isOnly = first == waiting.count
        if lane.first == lane.jobs.count { waiting.append(lane) }
        lane.jobs.append((job, query))
        if idle > 0, !isOnly || !threads.contains(pthread_self()) { condition.signal() }
        condition.unlock()
    }

    func next() -> (job: UnownedJob, query: QueryLane?) {
        condition.lock()
        defer {
            // For what was left to a thread that is busy with this job now.
            if idle > 0, first < waiting.count { condition.signal() }
            condition.unlock()
        }
        while first == waiting.count {
            idle += 1
            condition.wait()
            idle -= 1
        }
        let lane = waiting[first]
        first += 1
        if first == waiting.count || first > 1024 {
            waiting.removeFirst(first)
            first = 0
        }
        let job = lane.jobs[lane.first]
        lane.first += 1
        if lane.first == lane.jobs.count {
            lane.jobs.removeAll(keepingCapacity: true)
            lane.first = 0
        } else {
            waiting.append(lane)
            if lane.first > 1024 {
                lane.jobs.removeFirst(lane.first)
                lane.first = 0
            }
        }
        return job
    }
}
