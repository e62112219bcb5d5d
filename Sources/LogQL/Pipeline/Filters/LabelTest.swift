import Patterns
internal import Telemetry

/// A condition on the text of one label; a label that is not there is the empty text.
struct TextTest {
    private let literal: [UInt8]
    private var matcher: PatternMatcher?
    private let isNegative: Bool

    init(_ matcher: Matcher) throws(LogQLError) {
        literal = Array(matcher.value.utf8)
        isNegative = matcher.operation == .notEqual || matcher.operation == .notRegex
        guard matcher.operation == .regex || matcher.operation == .notRegex else { return }
        do { self.matcher = try RegularExpression(matcher.value, options: [.dotMatchesNewline]).makeMatcher() } catch {
            throw .unsupported("\(error)")
        }
    }

    mutating func holds(_ value: ArraySlice<UInt8>) -> Bool {
        guard matcher != nil else { return value.elementsEqual(literal) != isNegative }
        return (matcher?.matchesWhole(value) ?? false) != isNegative
    }
}

/// A label filter made ready to run, as a flat program: its parts refer to each other by index.
struct LabelTest {
    private enum Part {
        case and(Int, Int)
        case or(Int, Int)
        case text(name: Int, test: Int)
        case number(name: Int, Comparison, Double)
        case duration(name: Int, Comparison, Int64)
        case bytes(name: Int, Comparison, UInt64)
        case ip(name: Int, equal: Bool, IPPattern)
    }

    private var parts: [Part] = []
    private var texts: [TextTest] = []
    private var root = 0

    init(_ filter: LabelFilter, names: inout ByteTable) throws(LogQLError) { root = try add(filter, &names) }

    private mutating func add(_ filter: LabelFilter, _ names: inout ByteTable) throws(LogQLError) -> Int {
        let part: Part
        switch filter {
        case .and(let a, let b): part = .and(try add(a, &names), try add(b, &names))
        case .or(let a, let b): part = .or(try add(a, &names), try add(b, &names))
        case .text(let matcher):
            texts.append(try TextTest(matcher))
            part = .text(name: names.id(matcher.name), test: texts.count - 1)
        case .number(let name, let comparison, let value): part = .number(name: names.id(name), comparison, value)
        case .duration(let name, let comparison, let value): part = .duration(name: names.id(name), comparison, value)
        case .bytes(let name, let comparison, let value): part = .bytes(name: names.id(name), comparison, value)
        case .ip(let name, let equal, let text):
            guard let pattern = IPPattern(text) else { throw .unsupported("invalid pattern: \(text) is no address") }
            part = .ip(name: names.id(name), equal: equal, pattern)
        }
        parts.append(part)
        return parts.count - 1
    }

    mutating func keeps(_ record: inout Record) -> Bool { run(root, &record) }

    private mutating func run(_ index: Int, _ record: inout Record) -> Bool {
        switch parts[index] {
        case .and(let a, let b):
            // Both sides run: a value that does not convert on the right must be reported.
            let left = run(a, &record)
            return run(b, &record) && left
        case .or(let a, let b): return run(a, &record) ? true : run(b, &record)
        case .text(let name, let test): return texts[test].holds(record.value(name) ?? [])
        case .number(let name, let comparison, let wanted):
            return compare(name, &record) { value in
                guard let number = GoConversion.number(value) else {
                    return .failure(GoConversion.numberFailure(value))
                }
                return .success(comparison.holds(number, wanted))
            }
        case .duration(let name, let comparison, let wanted):
            return compare(name, &record) { value in
                guard let duration = GoConversion.duration(value) else {
                    return .failure(GoConversion.durationFailure(value))
                }
                return .success(comparison.holds(duration, wanted))
            }
        case .bytes(let name, let comparison, let wanted):
            return compare(name, &record) { value in
                guard let bytes = ByteCountText.parse(value) else {
                    return .failure(GoConversion.bytesFailure(value))
                }
                return .success(comparison.holds(bytes, wanted))
            }
        case .ip(let name, let equal, let pattern):
            if !record.error.isEmpty { return true }
            guard let value = record.value(name) else { return false }
            return pattern.isFound(in: value) == equal
        }
    }

    private enum Outcome {
        case success(Bool)
        case failure(String)
    }

    /// A line without the label is dropped; one whose value does not convert is kept, for the reader to see. The first
    /// failure owns the error.
    private func compare(_ name: Int, _ record: inout Record, _ body: (ArraySlice<UInt8>) -> Outcome) -> Bool {
        guard let value = record.value(name) else { return false }
        switch body(value) {
        case .success(let kept): return kept
        case .failure(let details):
            if record.error.isEmpty { record.fail("LabelFilterErr", details) }
            return true
        }
    }
}
