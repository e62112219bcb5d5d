import Patterns

/// A line filter made ready to run.
struct LineTest {
    private enum Operand {
        case everything
        case bytes([UInt8])
        case expression(PatternMatcher)
        case ip(IPPattern)
        case pattern(PatternExpression)
    }

    private var operands: [Operand] = []
    private let isNegative: Bool

    init(_ filter: LineFilter) throws(LogQLError) {
        isNegative = filter.operation.isNegative
        for operand in filter.operands { operands.append(try LineTest.compile(operand, filter.operation)) }
    }

    private static func compile(
        _ operand: LineFilter.Operand, _ operation: LineFilter.Operator
    ) throws(LogQLError) -> Operand {
        switch operand {
        case .ip(let text):
            guard let pattern = IPPattern(text) else { throw .unsupported("invalid pattern: \(text) is no address") }
            return .ip(pattern)
        case .text(let text):
            switch operation {
            case .contains, .lacks: return text.isEmpty ? .everything : .bytes(Array(text.utf8))
            case .matches, .fails:
                if text.isEmpty { return .everything }
                do { return .expression(try RegularExpression(text).makeMatcher()) } catch {
                    throw .unsupported("\(error)")
                }
            case .fitsPattern, .misfitsPattern:
                if text.isEmpty { return .everything }
                do { return .pattern(try PatternExpression(text, purpose: .filtering)) } catch {
                    throw .unsupported("\(error)")
                }
            }
        }
    }

    mutating func keeps(_ line: ArraySlice<UInt8>) -> Bool {
        for i in operands.indices where LineTest.fits(&operands[i], line) { return !isNegative }
        return isNegative
    }

    private static func fits(_ operand: inout Operand, _ line: ArraySlice<UInt8>) -> Bool {
        switch operand {
        case .everything: return true
        case .bytes(let needle): return ByteSearch.find(needle, in: line) != nil
        case .ip(let pattern): return pattern.isFound(in: line)
        case .pattern(let pattern): return pattern.fits(line)
        case .expression(var matcher):
            // Taken out and put back, so that the automaton stays unshared.
            operand = .everything
            let found = matcher.isFound(in: line)
            operand = .expression(matcher)
            return found
        }
    }
}
