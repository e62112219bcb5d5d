import Storage
import Telemetry

/// What the groups of one source say to a query: whether they match its selector, and how their shared fields and
/// labels answer the tests of its predicate. Worked out once for a group, or for a distinct value, not for a row.
final class GroupFacts: Sendable {
    enum Answer: UInt8 {
        /// The group has no such field.
        case absent
        case fails
        case passes
    }

    private enum Source: Sendable {
        case memory([EventGroup])
        case part(SealedPart)
    }

    private let source: Source
    /// nil: every group matches.
    private let matching: [Bool]?
    let matchesNone: Bool
    /// By test; nil where no group has such a field.
    private let answers: [[Answer]?]

    init(
        memory groups: [EventGroup], matchers: [CompiledMatcher], exceptions: [[CompiledMatcher]] = [],
        tests: [EventTest]
    ) {
        source = .memory(groups)
        let matching: [Bool]? =
            matchers.isEmpty && exceptions.isEmpty
            ? nil
            : groups.map { group in
                matchers.matches(group.labels) && !exceptions.contains { $0.matches(group.labels) }
            }
        self.matching = matching
        matchesNone = matching?.contains(true) == false
        answers = tests.map { test in
            let all = groups.enumerated().map { number, group -> Answer in
                if let matching, !matching[number] { return .absent }
                guard let value = GroupFacts.value(of: test.column, in: group) else { return .absent }
                return GroupFacts.answer(value, test)
            }
            return all.allSatisfy { $0 == .absent } ? nil : all
        }
    }

    init(
        part: SealedPart, footer: PartFooter, matchers: [CompiledMatcher], exceptions: [[CompiledMatcher]] = [],
        tests: [EventTest]
    ) throws {
        source = .part(part)
        var matching: [Bool]?
        if !matchers.isEmpty || !exceptions.isEmpty {
            var all: [Bool] = []
            all.reserveCapacity(footer.groupCount)
            for number in footer.segments.indices {
                let segment = try part.segment(number)
                var mask = [Bool](repeating: true, count: segment.count)
                segment.restrict(&mask, matchers)
                for exception in exceptions {
                    var excepted = [Bool](repeating: true, count: segment.count)
                    segment.restrict(&excepted, exception)
                    for i in mask.indices where excepted[i] { mask[i] = false }
                }
                all += mask
            }
            matching = all
        }
        self.matching = matching
        matchesNone = matching?.contains(true) == false
        let isAsked = tests.map { footer.labelNames.contains($0.column) || footer.sharedNames.contains($0.column) }
        var answers = [[Answer]?](repeating: nil, count: tests.count)
        if isAsked.contains(true), !matchesNone {
            for number in footer.segments.indices {
                let segment = try part.segment(number)
                for (i, test) in tests.enumerated() where isAsked[i] {
                    answers[i, default: []] +=
                        segment.answers(test) ?? [Answer](repeating: .absent, count: segment.count)
                }
            }
        }
        self.answers = answers
    }

    convenience init(part: SealedPart, footer: PartFooter, deletion: PreparedDeletion) throws {
        try self.init(
            part: part, footer: footer, matchers: deletion.matchers, exceptions: deletion.exceptions,
            tests: deletion.predicate.tests)
    }

    convenience init(memory groups: [EventGroup], deletion: PreparedDeletion) {
        self.init(
            memory: groups, matchers: deletion.matchers, exceptions: deletion.exceptions,
            tests: deletion.predicate.tests)
    }

    var matchesAll: Bool { matching == nil }

    func matches(_ group: UInt32) -> Bool { matching?[Int(group)] ?? true }

    func answer(_ group: UInt32, test: Int) -> Answer { answers[test]?[Int(group)] ?? .absent }

    /// Whether no group has the field that a test asks for.
    func isAbsent(test: Int) -> Bool { answers[test] == nil }

    func group(_ number: UInt32) throws -> EventGroup {
        switch source {
        case .memory(let groups): groups[Int(number)]
        case .part(let part): try part.group(number)
        }
    }

    static func answer(_ value: AttributeValue, _ test: EventTest) -> Answer {
        var payload: [UInt8] = []
        value.encode(to: &payload)
        return test.passes(kind: value.kind, payload: payload[...]) ? .passes : .fails
    }

    /// A shared field, else a label.
    static func value(of column: String, in group: EventGroup) -> AttributeValue? {
        group.shared(column) ?? group.labels[column].map { .string($0) }
    }
}

extension [[GroupFacts.Answer]?] {
    fileprivate subscript(index: Int, default empty: [GroupFacts.Answer]) -> [GroupFacts.Answer] {
        get { self[index] ?? empty }
        set { self[index] = newValue }
    }
}
