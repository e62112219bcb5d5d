/// The names of a template's holes. They follow from the static text, so that they need no bytes on disk.
struct TemplateFields {
    struct Field: Hashable {
        /// Keys from the outermost object to the value as they stand in the line, escapes and all.
        var path: [[UInt8]]
        /// Between quotes.
        var isQuoted: Bool
    }

    /// One for each hole; empty for plain templates.
    private(set) var holes: [Field] = []

    init(pieces: [ArraySlice<UInt8>], mode: LineMode) {
        switch mode {
        case .plain: break
        case .json: readObject(pieces)
        case .logfmt:
            for piece in pieces.dropLast() {
                var key = piece
                let isQuoted = key.last == 0x22
                if isQuoted { key = key.dropLast() }
                key = key.dropLast()
                if let space = key.lastIndex(of: 0x20) { key = key[(space + 1)...] }
                holes.append(Field(path: [Array(key)], isQuoted: isQuoted))
            }
        }
        if !holes.isEmpty, holes.count != pieces.count - 1 { holes = [] }
    }

    /// Of a JSON template all strings in the static text are keys.
    private mutating func readObject(_ pieces: [ArraySlice<UInt8>]) {
        var path: [[UInt8]] = []
        var key: [UInt8] = []
        var isValue = false
        for (number, piece) in pieces.enumerated() {
            var at = piece.startIndex
            if number > 0, holes[number - 1].isQuoted { at = min(at + 1, piece.endIndex) }
            var isQuoted = false
            while at < piece.endIndex {
                switch piece[at] {
                case 0x22 where isValue: isQuoted = true
                case 0x22:
                    let start = at + 1
                    at = start
                    while at < piece.endIndex, piece[at] != 0x22 { at += piece[at] == 0x5c ? 2 : 1 }
                    key = Array(piece[min(start, piece.endIndex)..<min(at, piece.endIndex)])
                case 0x3a: isValue = true
                case 0x7b:
                    if isValue { path.append(key) }
                    isValue = false
                case 0x7d:
                    if !path.isEmpty { path.removeLast() }
                    isValue = false
                default: break
                }
                at += 1
            }
            if number < pieces.count - 1 {
                holes.append(Field(path: path + [key], isQuoted: isQuoted))
                isValue = false
            }
        }
    }
}
