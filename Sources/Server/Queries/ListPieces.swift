import Storage
import Wire

/// An answer that is a list inside of an object, written while it is sent: no more than a piece of it is in memory.
///
/// The query that the answer is for stays in the list of running queries until the last piece, and can be ended by
/// then.
struct ListPieces: BodyPieces {
    typealias Write = @Sendable (inout JSONWriter) -> Void

    private static let pieceBytes = 64 << 10

    private let query: RunningQuery
    private let count: Int
    private let before: Write
    private let element: @Sendable (Int, inout JSONWriter) -> Void
    private let after: Write
    private var json = JSONWriter()
    /// The next element; -1 before the beginning, `count + 1` after the end.
    private var next = -1

    private init(
        _ query: RunningQuery, count: Int, before: @escaping Write,
        element: @escaping @Sendable (Int, inout JSONWriter) -> Void, after: @escaping Write
    ) {
        self.query = query
        self.count = count
        self.before = before
        self.element = element
        self.after = after
    }

    /// `before` opens what `after` closes; elements write themselves one after the other. An answer of one piece goes
    /// out whole, with its length.
    static func answer(
        _ query: RunningQuery, count: Int, before: @escaping Write,
        element: @escaping @Sendable (Int, inout JSONWriter) -> Void, after: @escaping Write
    ) async throws -> HTTPAnswer {
        var pieces = ListPieces(query, count: count, before: before, element: element, after: after)
        var answer = HTTPAnswer.json(try await pieces.next() ?? [])
        if pieces.isDone { query.finish() } else { answer.rest = pieces }
        return answer
    }

    private var isDone: Bool { next > count }

    mutating func next() async throws -> [UInt8]? {
        guard !isDone else {
            query.finish()
            return nil
        }
        let current = self
        let (bytes, after) = try await query.run { context in
            var pieces = current
            context.measure(.encode) { pieces.fill() }
            // By itself, so that what an explanation says of the time of writing is all but this.
            let bytes = context.measure(.encode) { pieces.finish() }
            return (bytes, pieces)
        }
        self = after
        return bytes
    }

    private mutating func fill() {
        if next < 0 {
            before(&json)
            next = 0
        }
        while next < count, json.bytes.count < ListPieces.pieceBytes {
            element(next, &json)
            next += 1
        }
    }

    private mutating func finish() -> [UInt8] {
        if next == count, json.bytes.count < ListPieces.pieceBytes {
            after(&json)
            next += 1
        }
        return json.takeBytes()
    }
}
