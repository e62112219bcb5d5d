import Codecs
import Patterns

/// Leads an automaton over static text and values instead of lines. Where it is idle, what cannot excite it is passed
/// over; only columns that it comes to awake, or that can wake it, are read.
extension TextReader {
    /// Of the lines that are suspected, those that match and those that have to be read in one.
    func lines(
        matching scanner: borrowing IdleScanner, among suspects: [Bool]
    ) throws(CodecError) -> (matches: [Bool], unknown: [Bool]) {
        let node = directory.nodes[0]
        let none = [Bool](repeating: false, count: node.lineCount)
        let epoch = scanner.epoch
        let course = MatchingCourse(node, directory.strings, scanner)
        guard scanner.epoch == epoch else { return (none, suspects) }
        let isPassedOver = node.columns.map { !mayExcite($0, scanner) }
        let codes = try templates(of: node) ?? []
        var values = [TextPool.Values?](repeating: nil, count: node.columns.count)
        var pool = TextPool()
        var next = [Int](repeating: 0, count: node.columns.count)
        var (matches, unknown) = (none, none)
        for line in 0..<node.lineCount {
            let t = codes.isEmpty ? 0 : Int(codes[line])
            let first = course.firstPiece[t]
            let last = course.firstPiece[t + 1] - 1
            guard suspects[line] else {
                for piece in first..<last { next[course.columns[piece]] &+= 1 }
                continue
            }
            var position = IdleScanner.Position.idle
            for piece in first...last {
                switch position {
                case .idle: position = scanner.epoch == epoch ? course.fromIdle[piece] : .lost
                case .inside:
                    let range = course.pieces[piece]
                    position = scanner.advance(position, over: directory.strings.span.extracting(range))
                case .found, .lost: break
                }
                if piece == last { break }
                let column = course.columns[piece]
                let value = next[column]
                next[column] &+= 1
                switch position {
                case .found, .lost: continue
                case .idle: if isPassedOver[column] { continue }
                case .inside: break
                }
                if values[column] == nil {
                    values[column] = try read(node.columns[column], try rowsOfValues(column, in: node, rows), &pool)
                }
                guard let one = values[column] else { continue }
                let entry = one.firstCode.map { Int(pool.codes[$0 &+ value]) } ?? (one.isConstant ? 0 : value)
                let range = pool.range(one, entry: entry)
                position = scanner.advance(position, over: pool.bytes.span.extracting(range))
            }
            // States that were thrown away on the way mean nothing any more.
            if position == .found {
                matches[line] = true
            } else if scanner.epoch != epoch {
                unknown[line] = true
            } else {
                switch scanner.isMatch(atEndOf: position) {
                case true?: matches[line] = true
                case false?: break
                case nil: unknown[line] = true
                }
            }
        }
        return (matches, unknown)
    }
}

/// The templates of a node, flat.
private struct MatchingCourse {
    /// By template, and one more.
    var firstPiece: [Int] = [0]
    /// Of all templates one after the other: places in the strings.
    var pieces: [Range<Int>] = []
    /// The column behind each piece; of a template's last one 0.
    var columns: [Int] = []
    /// Where each piece leads the automaton from idle.
    var fromIdle: [IdleScanner.Position] = []

    init(_ node: TextNode, _ strings: [UInt8], _ scanner: borrowing IdleScanner) {
        for template in node.templates {
            for (i, piece) in template.pieces.enumerated() {
                pieces.append(piece)
                columns.append(i < template.columns.count ? template.columns[i] : 0)
                fromIdle.append(scanner.advance(.idle, over: strings.span.extracting(piece)))
            }
            firstPiece.append(pieces.count)
        }
    }
}
