/// Literal branches of an alternation with their common beginnings joined, so that a thousand of them are a few dozen
/// ways at each place. The order of preference stays: `a|ab` prefers `a`, `ab|a|abc` prefers `ab`, then `a`.
struct LiteralTrie {
    enum Entry {
        /// A branch ends here.
        case end
        case child(UInt8, node: Int)
    }

    /// A child always comes after its parent.
    private(set) var nodes: [[Entry]] = [[]]
    /// The child that a byte may share, from node and byte. Children before an end are out of reach: what follows the
    /// end is less preferred than it.
    private var open: [UInt64: Int] = [:]

    mutating func insert(_ bytes: [UInt8]) {
        var node = 0
        for byte in bytes {
            let key = UInt64(node) << 8 | UInt64(byte)
            if let known = open[key] {
                node = known
                continue
            }
            nodes.append([])
            let child = nodes.count - 1
            nodes[node].append(.child(byte, node: child))
            open[key] = child
            node = child
        }
        nodes[node].append(.end)
        for case .child(let byte, _) in nodes[node] { open[UInt64(node) << 8 | UInt64(byte)] = nil }
    }
}
