import Glibc

/// What the kernel counts as work of a thread.
package enum ProcessorTime {
    /// Of the calling thread since it began; zero where the kernel does not say.
    package static var ofThisThread: Duration {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return .zero }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
