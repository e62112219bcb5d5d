import NIOCore

/// Runs what a connection's task does on the connection's own thread: between two parts of a request it would else go to
/// the common pool and back, which costs a small query more than its evaluation. What takes time goes to the query threads.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
