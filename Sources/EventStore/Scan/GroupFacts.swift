import Storage
import Telemetry

/// What the groups of one source say to a query: whether they match its selector, and how their shared fields and
/// labels answer the tests of its predicate. Worked out once for a group, not for a row.
final class GroupFacts {
    enum Answer: UInt8 {
        /// The group has no such field.
        case absent
        case fails
        case passes
    }

    let groups: [EventGroup]
    /// nil: every group matches.
    private let matching: [Bool]?
    private let tests: [EventTest]
    private var answers: [[Answer]?]

    init(groups: [EventGroup], matchers: [CompiledMatcher], tests: [EventTest]) {
        self.groups = groups
        self.tests = tests
        answers = tests.isEmpty ? [] : [[Answer]?](repeating: nil, count: groups.count)
        matching = matchers.isEmpty ? nil : groups.map { matchers.matches($0.labels) }
    }

    var matchesAll: Bool { matching == nil }

    func matches(_ group: UInt32) -> Bool { matching?[Int(group)] ?? true }

    func answer(_ group: UInt32, test: Int) -> Answer {
        let number = Int(group)
        if let known = answers[number] { return known[test] }
        let all = tests.map { answer(groups[number], $0) }
        answers[number] = all
        return all[test]
    }

    private func answer(_ group: EventGroup, _ test: EventTest) -> Answer {
        guard let value = GroupFacts.value(of: test.column, in: group) else { return .absent }
        var payload: [UInt8] = []
        value.encode(to: &payload)
        return test.passes(kind: value.kind, payload: payload[...]) ? .passes : .fails
    }

    /// A shared field, else a label.
    static func value(of column: String, in group: EventGroup) -> AttributeValue? {
        group.shared(column) ?? group.labels[column].map { .string($0) }
    }
}
