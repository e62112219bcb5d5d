/// Finds what answers a path: patterns such as `/api/v1/label/{name}/values`, or `/elastic/**` for everything below.
///
/// Names go before parameters and parameters before `**`. Slashes that stand together count as one, and one at the end
/// counts for nothing.
struct RouteTable<Handler: Sendable>: Sendable {
    struct Match {
        /// By method.
        var handlers: [String: Handler]
        /// Values as they stand in the path, still with their percent escapes.
        var parameters: [(name: String, value: Substring)]
    }

    private struct Route {
        var parameters: [String]
        var handlers: [String: Handler] = [:]
    }

    private struct Node {
        var named: [Substring: Int] = [:]
        var parameter: Int?
        /// Of `**`, and of a path that ends here.
        var everything: Int?
        var route: Int?
    }

    private var nodes = [Node()]
    private var routes: [Route] = []

    /// A later handler of a pattern and method takes the place of an earlier one.
    mutating func add(_ method: String, _ pattern: String, _ handler: Handler) {
        var node = 0
        var parameters: [String] = []
        var isEverything = false
        for segment in pattern.split(separator: "/") {
            if segment == "**" {
                isEverything = true
                break
            }
            if segment.hasPrefix("{"), segment.hasSuffix("}") {
                parameters.append(String(segment.dropFirst().dropLast()))
                let next = nodes[node].parameter ?? newNode()
                nodes[node].parameter = next
                node = next
            } else {
                let next = nodes[node].named[segment] ?? newNode()
                nodes[node].named[segment] = next
                node = next
            }
        }
        let existing = isEverything ? nodes[node].everything : nodes[node].route
        let number = existing ?? routes.count
        if existing == nil {
            routes.append(Route(parameters: parameters))
            if isEverything { nodes[node].everything = number } else { nodes[node].route = number }
        }
        routes[number].handlers[method] = handler
    }

    private mutating func newNode() -> Int {
        nodes.append(Node())
        return nodes.count - 1
    }

    func match(_ path: String) -> Match? {
        let segments = path.split(separator: "/")
        var values: [Substring] = []
        guard let number = find(segments[...], at: 0, &values) else { return nil }
        let route = routes[number]
        return Match(
            handlers: route.handlers,
            parameters: zip(route.parameters, values).map { (name: $0, value: $1) })
    }

    private func find(_ segments: ArraySlice<Substring>, at node: Int, _ values: inout [Substring]) -> Int? {
        let node = nodes[node]
        guard let segment = segments.first else { return node.route ?? node.everything }
        if let next = node.named[segment], let found = find(segments.dropFirst(), at: next, &values) { return found }
        if let next = node.parameter {
            values.append(segment)
            if let found = find(segments.dropFirst(), at: next, &values) { return found }
            values.removeLast()
        }
        return node.everything
    }
}
