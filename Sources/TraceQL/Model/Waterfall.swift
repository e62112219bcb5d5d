/// A trace laid out for a reader, whatever draws it: rows in depth-first order, siblings by start.
package struct Waterfall: Sendable {
    package struct Row: Sendable {
        /// Index into the trace's spans.
        package var span: Int
        package var depth: Int
        /// Nanoseconds from the start of the trace.
        package var offset: Int64
        package var duration: Int64
        package var service: String
        package var name: String
        package var isError: Bool
        /// Its parent id is of a span that has not arrived.
        package var isOrphan: Bool
        /// The failing span where the failure began.
        package var isGuilty: Bool
        /// The trace would have ended earlier had this span been faster.
        package var isOnCriticalPath: Bool
        package var links: [TraceSpan.Link]
    }

    package let rows: [Row]
    /// Index into the trace's spans.
    package let guilty: Int?

    package init(_ trace: Trace) {
        let critical = Waterfall.criticalPath(of: trace)
        let guilty = Waterfall.guiltySpan(of: trace)
        self.guilty = guilty
        rows = trace.tree.depthFirst.map { index in
            let span = trace.spans[index]
            return Row(
                span: index, depth: trace.tree.depth[index], offset: span.start.subtractingSaturating(trace.start),
                duration: span.duration, service: span.serviceName, name: span.name, isError: span.isError,
                isOrphan: span.parentID != nil && trace.tree.parent[index] == TraceTree.none,
                isGuilty: index == guilty, isOnCriticalPath: critical.contains(index), links: span.links)
        }
    }

    /// The deepest failed span none of whose children failed. One from which failure reaches the top without a gap is
    /// preferred: a failure that somebody above has handled is not why the request failed.
    static func guiltySpan(of trace: Trace) -> Int? {
        let tree = trace.tree
        var childFailed = [Bool](repeating: false, count: trace.spans.count)
        var reachesTop = childFailed
        for index in tree.depthFirst where trace.spans[index].isError {
            let parent = tree.parent[index]
            reachesTop[index] = parent == TraceTree.none || reachesTop[parent]
            if parent != TraceTree.none { childFailed[parent] = true }
        }
        let candidates = trace.spans.indices.filter { trace.spans[$0].isError && !childFailed[$0] }
        return candidates.max { a, b in
            if reachesTop[a] != reachesTop[b] { return reachesTop[b] }
            if tree.depth[a] != tree.depth[b] { return tree.depth[a] < tree.depth[b] }
            return a > b
        }
    }

    /// Walks back from the end of the first tree: of a span's children, the one that ended last before the moment
    /// looked at held it up, then the one before that child's start, and so on.
    static func criticalPath(of trace: Trace) -> Set<Int> {
        guard let top = trace.root ?? trace.tree.tops.first else { return [] }
        var children: [Int: [Int]] = [:]
        for index in trace.spans.indices where trace.tree.parent[index] != TraceTree.none {
            children[trace.tree.parent[index], default: []].append(index)
        }
        var path: Set<Int> = []
        var work: [(span: Int, until: Int64)] = [(top, trace.spans[top].end)]
        while let (span, until) = work.popLast() {
            path.insert(span)
            var moment = until
            for child in (children[span] ?? []).sorted(by: { trace.spans[$0].end > trace.spans[$1].end }) {
                // A child that outlives its parent did not hold it up after it ended.
                let end = trace.spans[child].end
                guard end <= moment else { continue }
                work.append((child, end))
                moment = trace.spans[child].start
            }
        }
        return path
    }
}

extension Int64 {
    func subtractingSaturating(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (self < other ? .min : .max) : difference
    }
}
