/// A shell pattern as Go's `filepath.Match`: `*` and `?` (not over a slash), `[a-z]`, `[^a-z]`, backslash escapes.
package struct Glob: Hashable, Sendable {
    private enum Piece: Hashable, Sendable {
        case star
        case one
        case scalar(UInt32)
        case set([ClosedRange<UInt32>], isNegated: Bool)
    }

    package let expression: String
    private let pieces: [Piece]

    /// nil where a bracket or an escape is not finished.
    package init?(_ expression: String) {
        self.expression = expression
        let scalars = expression.unicodeScalars.map(\.value)
        var pieces: [Piece] = []
        var index = 0
        func next() -> UInt32? {
            guard index < scalars.count else { return nil }
            if scalars[index] == 0x5c {
                index += 1
                guard index < scalars.count else { return nil }
            }
            index += 1
            return scalars[index - 1]
        }
        while index < scalars.count {
            switch scalars[index] {
            case 0x2a:
                if pieces.last != .star { pieces.append(.star) }
                index += 1
            case 0x3f:
                pieces.append(.one)
                index += 1
            case 0x5b:
                index += 1
                let isNegated = index < scalars.count && scalars[index] == 0x5e
                if isNegated { index += 1 }
                var ranges: [ClosedRange<UInt32>] = []
                while index < scalars.count, scalars[index] != 0x5d || ranges.isEmpty {
                    guard let low = next() else { return nil }
                    var high = low
                    if index + 1 < scalars.count, scalars[index] == 0x2d {
                        index += 1
                        guard let end = next() else { return nil }
                        high = end
                    }
                    guard low <= high else { return nil }
                    ranges.append(low...high)
                }
                guard index < scalars.count else { return nil }
                index += 1
                pieces.append(.set(ranges, isNegated: isNegated))
            default:
                guard let scalar = next() else { return nil }
                pieces.append(.scalar(scalar))
            }
        }
        self.pieces = pieces
    }

    /// Whether there is anything to expand.
    package var hasWildcards: Bool {
        pieces.contains { if case .scalar = $0 { false } else { true } }
    }

    /// Time is bounded by pattern times text: only the last star is ever tried again.
    package func matches(_ text: String) -> Bool {
        let scalars = text.unicodeScalars.map(\.value)
        var piece = 0
        var position = 0
        var star: (piece: Int, position: Int)?
        while position < scalars.count || piece < pieces.count {
            if piece < pieces.count {
                if pieces[piece] == .star {
                    star = (piece, position)
                    piece += 1
                    continue
                }
                if position < scalars.count, accepts(pieces[piece], scalars[position]) {
                    piece += 1
                    position += 1
                    continue
                }
            }
            guard let last = star, last.position < scalars.count, scalars[last.position] != 0x2f else { return false }
            star = (last.piece, last.position + 1)
            piece = last.piece + 1
            position = last.position + 1
        }
        return true
    }

    private func accepts(_ piece: Piece, _ scalar: UInt32) -> Bool {
        switch piece {
        case .star: false
        case .one: scalar != 0x2f
        case .scalar(let wanted): scalar == wanted
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated && scalar != 0x2f
        }
    }
}
