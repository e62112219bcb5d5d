import Dispatch
import Glibc
import Storage

/// Work of a query on all cores, for the thread that waits for it.
enum ParallelWork {
    /// Calls `body` with every number below `count`; the time of other threads is charged to the query, that of the
    /// caller's is counted where it runs.
    static func run(_ count: Int, context: QueryContext, _ body: @Sendable (Int) -> Void) {
        if count == 1 { return body(0) }
        let caller = pthread_self()
        DispatchQueue.concurrentPerform(iterations: count) { i in
            guard pthread_self() != caller else { return body(i) }
            let before = ProcessorTime.ofThisThread
            body(i)
            let spent = ProcessorTime.ofThisThread - before
            context.count { $0.processorTime += spent }
        }
    }
}
