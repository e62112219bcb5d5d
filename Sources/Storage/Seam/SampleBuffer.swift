/// The samples of one series after the other, in memory that is used again. One task at a time works with it.
///
/// `@safe`: the memory is its own and is freed with it, and it is only lent for the time of a call.
@safe package final class SampleBuffer {
    /// Of the samples, ascending. Many series share one column.
    package var timestamps: [Int64] = []
    /// Equal numbers of one reader mean equal ``timestamps``; −1 says nothing.
    package var timeline = -1
    package var mayHoldStaleMarkers = true
    /// How many values there are: as many as timestamps, or none where only times were asked for and no value is a
    /// stale marker.
    package private(set) var count = 0
    private var memory: UnsafeMutableBufferPointer<Double>

    package init() { unsafe memory = .allocate(capacity: 512) }
    deinit { unsafe memory.deallocate() }

    package var byteCount: Int { unsafe memory.count * 8 }

    package func clear() {
        count = 0
        timeline = -1
        mayHoldStaleMarkers = true
    }

    package func append(values: [Double]) {
        unsafe extend(by: values.count) { target in
            for index in 0..<values.count { unsafe target[index] = values[index] }
        }
    }

    /// Room for so many values behind those that are there. The body fills all of it; where it throws, they do not
    /// count.
    @unsafe
    package func extend(
        by more: Int, _ body: (UnsafeMutableBufferPointer<Double>) throws -> Void
    ) rethrows {
        if unsafe count + more > memory.count { grow(to: count + more) }
        try unsafe body(UnsafeMutableBufferPointer(rebasing: memory[count..<count + more]))
        count += more
    }

    private func grow(to needed: Int) {
        let larger = unsafe UnsafeMutableBufferPointer<Double>.allocate(capacity: max(needed, memory.count * 2))
        for index in 0..<count { unsafe larger[index] = memory[index] }
        unsafe memory.deallocate()
        unsafe memory = larger
    }

    package func remove(last: Int) { count = max(0, count - last) }

    /// Lends the values.
    @unsafe
    package func withValues<R>(_ body: (UnsafeBufferPointer<Double>) throws -> R) rethrows -> R {
        try unsafe body(UnsafeBufferPointer(rebasing: memory[..<count]))
    }

    /// The values as an array of their own.
    package var values: [Double] { unsafe Array(memory[..<count]) }
}
