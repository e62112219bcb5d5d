/// The windows `(t - R, t]` of all evaluation times, cut into segments that no window's edge divides. A sample belongs
/// to one segment, a window is a run of segments, so each sample is looked at once however much the windows overlap.
struct WindowPlan {
    /// Segment j is `(edges[j], edges[j + 1]]`.
    private let edges: [Int64]
    /// Segments `lower[i]..<upper[i]` make window i.
    let lower: [Int]
    let upper: [Int]
    private let isUsed: [Bool]

    /// All in nanoseconds. The caller has checked that nothing overflows.
    init(start: Int64, step: Int64, count: Int, range: Int64, offset: Int64) {
        let ends = (0..<count).map { start &+ Int64($0) &* step &- offset }
        let starts = ends.map { $0 &- range }
        var edges: [Int64] = []
        edges.reserveCapacity(count * 2)
        var i = 0
        var j = 0
        while i < count || j < count {
            let next = i < count && (j >= count || starts[i] <= ends[j]) ? starts[i] : ends[j]
            edges.append(next)
            while i < count, starts[i] == next { i += 1 }
            while j < count, ends[j] == next { j += 1 }
        }
        self.edges = edges
        lower = WindowPlan.positions(of: starts, in: edges)
        upper = WindowPlan.positions(of: ends, in: edges)
        var used = [Bool](repeating: false, count: max(0, edges.count - 1))
        var reached = 0
        for window in 0..<count {
            for segment in max(reached, lower[window])..<max(reached, upper[window]) { used[segment] = true }
            reached = max(reached, upper[window])
        }
        isUsed = used
    }

    /// Both ascending.
    private static func positions(of times: [Int64], in edges: [Int64]) -> [Int] {
        var at = 0
        return times.map { time in
            while edges[at] < time { at += 1 }
            return at
        }
    }

    func end(of window: Int) -> Int64 { edges[upper[window]] }

    var segmentCount: Int { isUsed.count }

    /// Half-open range of timestamps that some window may hold.
    var first: Int64 { (edges.first ?? 0) &+ 1 }
    var end: Int64 { (edges.last ?? 0) &+ 1 }

    /// `hint` is the last answer: rows come nearly in order.
    func segment(of time: Int64, hint: Int) -> Int? {
        var j = hint
        if !(j >= 0 && j < isUsed.count && edges[j] < time && time <= edges[j + 1]) {
            var low = 0
            var high = edges.count
            while low < high {
                let middle = (low + high) / 2
                if edges[middle] < time { low = middle + 1 } else { high = middle }
            }
            j = low - 1
        }
        return j >= 0 && j < isUsed.count && isUsed[j] ? j : nil
    }
}
