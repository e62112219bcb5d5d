import Codecs

/// How the values of a hole's column are laid out; on disk (docs/formats/text-column.md).
enum VariableEncoding: UInt8 {
    case constant = 0
    /// Decimal integers that are written in one way only, or all with one width.
    case integers = 1
    case dictionary = 2
    /// Hexadecimal digits, two to the byte.
    case hexadecimal = 3
    case times = 4
    case plain = 5
    /// Taken apart once more.
    case nested = 6
    /// Texts of several lines, stack traces: how many lines each has, and the lines taken apart once more.
    case multiline = 7
}

enum TextFormat {
    static let version: UInt8 = 2
    /// Bodies up to this size lie together in the head.
    static let inlineLimit = 256
    /// Hexadecimal values of so many bytes, if there are so many of them, lie byte by byte: the first of all, then the
    /// second of all. A piece of an id is looked for in a few of these planes.
    static let leastPlanes = 8
    static let mostPlanes = 64
    static let leastPlaneSize = 512
    /// A value of a line, taken apart once more, is not taken apart again.
    static let maximumDepth = 3
    /// Digits of the longest integers.
    static let maximumDigits = 18
}

/// Where the bytes of a column are.
struct TextBody: Equatable {
    /// nil: in the head.
    var chunk: TextChunk?
    /// In the head's small bodies; of a chunk: once unpacked.
    var range: Range<Int>
}

/// A piece of a text column's body that is read by itself.
struct TextChunk: Equatable {
    var codec: BlockCodec
    var plainSize: Int
    /// From the start of the column's body.
    var range: Range<Int>
    var checksum: UInt32
}
