/// The answer to `_bulk`, byte by byte as shippers expect it: compact, `took`, `errors` and `items` in this order (some
/// look for `"errors":false,"items":[` in the text), one object with one key for each action.
package struct BulkResponse: Sendable {
    private let filter: FilterPath
    private var json = JSONWriter()

    /// `filterPath` is the request's parameter `filter_path`.
    package init(filterPath: String? = nil) { filter = FilterPath(filterPath ?? "") }

    /// `made` names documents that came without an id, by their place in the request.
    package mutating func encode(
        _ request: BulkRequest, milliseconds: Int, made: (Int) -> String
    ) -> [UInt8] {
        json = JSONWriter(reservingCapacity: 64 + request.items.count * 160)
        json.beginObject()
        if filter.keeps(["took"]) {
            json.key("took")
            json.integer(milliseconds)
        }
        if filter.keeps(["errors"]) {
            json.key("errors")
            json.bool(request.hasErrors)
        }
        // What is kept depends on action and outcome only, so it is asked once for each.
        let plans = BulkItem.Action.allCases.map { Plan(filter, $0.rawValue) }
        if plans.contains(where: \.keepsAny) {
            var items = JSONWriter(reservingCapacity: request.items.count * 160)
            items.beginArray()
            var isEmpty = true
            for (place, item) in request.items.enumerated() {
                guard let plan = plans.first(where: { $0.action == item.action.rawValue }), plan.writes(item) else {
                    continue
                }
                isEmpty = false
                BulkResponse.write(item, plan, made(place), to: &items)
            }
            items.endArray()
            // As Elasticsearch has it, a filter that leaves nothing of a list leaves no list.
            if !isEmpty || filter.isEmpty {
                json.key("items")
                json.raw(items.bytes)
            }
        }
        json.endObject()
        return json.takeBytes()
    }

    /// The answer to a single document: that of its item without what is around it.
    package static func single(_ item: BulkItem, id: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.field("_index", item.index)
        json.field("_id", id)
        var plan = Plan(FilterPath(""), item.action.rawValue)
        plan.status = false
        written(item, plan, to: &json)
        json.endObject()
        return json.bytes
    }

    private struct Plan {
        let action: String
        var index = false
        var id = false
        var version = false
        var result = false
        var shards = false
        var sequence = false
        var status = false
        var errorType = false
        var errorReason = false

        init(_ filter: FilterPath, _ action: String) {
            self.action = action
            func keeps(_ names: String...) -> Bool { filter.keeps(["items", action] + names) }
            index = keeps("_index")
            id = keeps("_id")
            version = keeps("_version")
            result = keeps("result")
            shards = keeps("_shards")
            sequence = keeps("_seq_no")
            status = keeps("status")
            errorType = keeps("error", "type")
            errorReason = keeps("error", "reason")
        }

        var keepsAny: Bool {
            index || id || version || result || shards || sequence || status || errorType || errorReason
        }

        func writes(_ item: BulkItem) -> Bool {
            if index || id || status { return true }
            if case .failed = item.fate { return errorType || errorReason }
            return version || result || shards || sequence
        }
    }

    private static func write(_ item: BulkItem, _ plan: Plan, _ made: String, to json: inout JSONWriter) {
        json.beginObject()
        json.key(item.action.rawValue)
        json.beginObject()
        if plan.index { json.field("_index", item.index) }
        if plan.id { json.field("_id", item.id ?? made) }
        switch item.fate {
        case .created, .updated: written(item, plan, to: &json)
        case .failed(let status, let type, let reason):
            if plan.status {
                json.key("status")
                json.integer(status)
            }
            if plan.errorType || plan.errorReason {
                json.key("error")
                json.beginObject()
                if plan.errorType { json.field("type", type) }
                if plan.errorReason { json.field("reason", reason) }
                json.endObject()
            }
        }
        json.endObject()
        json.endObject()
    }

    private static func written(_ item: BulkItem, _ plan: Plan, to json: inout JSONWriter) {
        let isNew = item.fate == .created
        if plan.version {
            json.key("_version")
            json.integer(isNew ? 1 : 2)
        }
        if plan.result { json.field("result", isNew ? "created" : "updated") }
        if plan.shards {
            json.key("_shards")
            json.raw(#"{"total":1,"successful":1,"failed":0}"#.utf8)
        }
        if plan.sequence {
            json.key("_seq_no")
            json.integer(max(0, item.row))
            json.key("_primary_term")
            json.integer(1)
        }
        if plan.status {
            json.key("status")
            json.integer(isNew ? 201 : 200)
        }
    }
}

/// Elasticsearch's `filter_path`: `errors,items.*.status,-took`, with `*` inside a name and `**` for any depth.
package struct FilterPath: Sendable {
    private var included: [[Substring]] = []
    private var excluded: [[Substring]] = []

    package var isEmpty: Bool { included.isEmpty && excluded.isEmpty }

    package init(_ text: String) {
        for one in text.split(separator: ",").prefix(64) {
            let isExclusion = one.first == "-"
            let path = (isExclusion ? one.dropFirst() : one).split(separator: ".").prefix(16)
            guard !path.isEmpty else { continue }
            if isExclusion { excluded.append(Array(path)) } else { included.append(Array(path)) }
        }
    }

    /// Whether a value at this path is in the answer: it, or something around it, is included.
    package func keeps(_ path: [String]) -> Bool {
        if excluded.contains(where: { FilterPath.covers($0[...], path[...]) }) { return false }
        return included.isEmpty || included.contains { FilterPath.covers($0[...], path[...]) }
    }

    /// Whether the pattern matches the path or one of its beginnings.
    private static func covers(_ pattern: ArraySlice<Substring>, _ path: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return true }
        if first == "**" {
            return covers(pattern.dropFirst(), path) || !path.isEmpty && covers(pattern, path.dropFirst())
        }
        guard let name = path.first, matches(first, name) else { return false }
        return covers(pattern.dropFirst(), path.dropFirst())
    }

    private static func matches(_ pattern: Substring, _ name: String) -> Bool {
        guard pattern.contains("*") else { return pattern == name }
        let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false)
        var rest = name[...]
        for (i, piece) in pieces.enumerated() {
            if i == 0 {
                guard rest.hasPrefix(piece) else { return false }
                rest = rest.dropFirst(piece.count)
            } else if i == pieces.count - 1 {
                return rest.hasSuffix(piece)
            } else if let found = rest.firstRange(of: String(piece)) {
                rest = rest[found.upperBound...]
            } else if !piece.isEmpty {
                return false
            }
        }
        return true
    }
}
