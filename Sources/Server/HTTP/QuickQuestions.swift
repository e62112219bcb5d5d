import Codecs
import NIOCore
import Synchronization

/// Remembers which questions are answered in less time than a thread takes to wake: a dashboard asks the same ones again
/// and again, each time for a later range. Those are answered on the connection's own thread; all others on the query
/// threads, so that nobody waits for them.
final class QuickQuestions: Sendable {
    /// Longer ones keep a connection's thread from its other connections.
    private static let quick = Duration.microseconds(750)
    /// As many are remembered, in four bytes each; two that meet at one place drive each other out.
    private static let places = 4096
    /// What is longer is read on the query threads in any case.
    static let longestText = 4096

    private let known = Mutex([UInt32](repeating: 0, count: places))

    /// What a request asks, whichever moment it asks about: its path and parameters without `start`, `end` and `time`.
    /// Nil where it is too long.
    static func question(_ target: String, _ body: [UInt8]) -> UInt64? {
        guard target.utf8.count + body.count <= longestText else { return nil }
        var text: [UInt8] = []
        text.reserveCapacity(target.utf8.count + body.count + 1)
        append(Array(target.utf8)[...], to: &text)
        text.append(0)
        append(body[...], to: &text)
        return Hash64.hash(text[...])
    }

    private static let moments: [[UInt8]] = ["start=", "end=", "time="].map { Array($0.utf8) }

    private static func append(_ form: ArraySlice<UInt8>, to text: inout [UInt8]) {
        let separators: (UInt8) -> Bool = { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: "?") }
        for pair in form.split(whereSeparator: separators) where !moments.contains(where: { pair.starts(with: $0) }) {
            text.append(UInt8(ascii: "&"))
            text.append(contentsOf: pair)
        }
    }

    func isQuick(_ question: UInt64) -> Bool {
        known.withLock { $0[QuickQuestions.place(question)] == QuickQuestions.mark(question) }
    }

    func took(_ time: Duration, _ question: UInt64) {
        let place = QuickQuestions.place(question)
        let mark = QuickQuestions.mark(question)
        known.withLock { known in
            if time < QuickQuestions.quick { known[place] = mark } else if known[place] == mark { known[place] = 0 }
        }
    }

    private static func place(_ question: UInt64) -> Int { Int(question % UInt64(places)) }
    /// Never 0, which stands for nothing.
    private static func mark(_ question: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: question >> 32) | 1 }
}
