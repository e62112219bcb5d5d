/// Who is whose child in a trace, numbered as a nested set: a span's descendants have their numbers between its own
/// two, so that "is below" is a comparison of integers.
///
/// A span whose parent has not arrived begins a tree of its own (an orphan); a circle of parents is cut at its earliest
/// span. All loops run over arrays: a chain of 100,000 spans needs no stack.
package struct TraceTree: Sendable {
    package static let none = -1

    /// Index of the parent span, or ``none``.
    package private(set) var parent: [Int]
    /// 1-based numbers of the nested set over all trees of the trace.
    package private(set) var left: [Int]
    package private(set) var right: [Int]
    /// 0 at a root and at an orphan.
    package private(set) var depth: [Int]
    package private(set) var childCount: [Int]
    /// The first spans of the trees, roots and orphans, in the order of the spans.
    package private(set) var tops: [Int] = []
    /// All spans, each parent before its children and siblings in the order of the spans.
    package private(set) var depthFirst: [Int] = []

    /// `spans` in the order that siblings shall have.
    init(_ spans: [TraceSpan]) {
        let count = spans.count
        parent = TraceTree.parents(spans)
        left = Array(repeating: 0, count: count)
        right = left
        depth = left
        childCount = left
        cutCircles()
        var children: [[Int]] = Array(repeating: [], count: count)
        for index in 0..<count {
            if parent[index] == TraceTree.none {
                tops.append(index)
            } else {
                children[parent[index]].append(index)
                childCount[parent[index]] += 1
            }
        }
        number(children)
    }

    /// Whether `ancestor` is above `index`.
    package func isAncestor(_ ancestor: Int, of index: Int) -> Bool {
        left[ancestor] < left[index] && right[index] < right[ancestor]
    }

    /// A shared span id (Zipkin's client and server halves) makes the client the parent of the server, and the server
    /// the parent of what was called from there.
    private static func parents(_ spans: [TraceSpan]) -> [Int] {
        var holder: [SpanID: Int] = [:]
        var clients: [SpanID: Int] = [:]
        holder.reserveCapacity(spans.count)
        for (index, span) in spans.enumerated() {
            if let other = holder[span.spanID] {
                let serves = span.kind == .server || span.kind == .consumer
                clients[span.spanID] = serves ? other : index
                if serves { holder[span.spanID] = index }
            } else {
                holder[span.spanID] = index
            }
        }
        return spans.enumerated().map { index, span in
            if let client = clients[span.spanID], client != index, holder[span.spanID] == index { return client }
            guard let id = span.parentID, let found = holder[id], found != index else { return none }
            return found
        }
    }

    private mutating func cutCircles() {
        // 0 unseen, 1 on the path being walked, 2 known to end at a top.
        var state = [UInt8](repeating: 0, count: parent.count)
        for start in parent.indices where state[start] == 0 {
            var path: [Int] = []
            var at = start
            while at != TraceTree.none, state[at] == 0 {
                state[at] = 1
                path.append(at)
                at = parent[at]
            }
            if at != TraceTree.none, state[at] == 1, let first = path.firstIndex(of: at) {
                if let earliest = path[first...].min() { parent[earliest] = TraceTree.none }
            }
            for index in path { state[index] = 2 }
        }
    }

    private mutating func number(_ children: [[Int]]) {
        var next = 1
        var stack: [(index: Int, child: Int)] = []
        depthFirst.reserveCapacity(parent.count)
        for top in tops {
            stack.append((top, 0))
            left[top] = next
            next += 1
            depthFirst.append(top)
            while let (index, child) = stack.last {
                if child < children[index].count {
                    stack[stack.count - 1].child += 1
                    let below = children[index][child]
                    depth[below] = depth[index] + 1
                    left[below] = next
                    next += 1
                    depthFirst.append(below)
                    stack.append((below, 0))
                } else {
                    right[index] = next
                    next += 1
                    stack.removeLast()
                }
            }
        }
    }
}
