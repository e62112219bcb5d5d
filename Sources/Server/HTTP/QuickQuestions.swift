import Codecs
import NIOCore
import Synchronization

/// Remembers which questions are answered in about the time that threads take to wake: a dashboard asks the same ones
/// again and again, each time for a later moment. Those are answered on the connection's own thread; all others on the
/// query threads, so that nobody waits for them.
final class QuickQuestions: Sendable {
    /// Longer ones keep a connection's thread from its other connections.
    private static let quick = Duration.microseconds(750)
    /// As many are remembered, in four bytes each; two that meet at one place drive each other out.
    private static let places = 4096
    /// What is longer is read on the query threads in any case.
    static let longestText = 4096

    private let known = Mutex([UInt32](repeating: 0, count: places))

    /// What a request asks, whichever moment it asks about: its path and parameters without `time`, and with the length
    /// of the time between `start` and `end`, to a power of two, in their stead. Nil where it is too long, its times are
    /// not written as seconds, or it wants to be explained.
    static func question(_ target: String, _ body: [UInt8]) -> UInt64? {
        guard target.utf8.count + body.count <= longestText else { return nil }
        var text: [UInt8] = []
        text.reserveCapacity(target.utf8.count + body.count + 2)
        var bounds: [Double] = []
        for form in [Array(target.utf8), body] {
            for pair in form.split(whereSeparator: { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: "?") }) {
                if pair.starts(with: time) { continue }
                // Work is counted by query thread.
                if pair.starts(with: explain) { return nil }
                if let name = [start, end].first(where: { pair.starts(with: $0) }) {
                    let value = String(decoding: pair.dropFirst(name.count), as: UTF8.self)
                    guard let bound = Double(value) else { return nil }
                    bounds.append(bound)
                    continue
                }
                text.append(UInt8(ascii: "&"))
                text.append(contentsOf: pair)
            }
            text.append(0)
        }
        guard bounds.isEmpty || bounds.count == 2 else { return nil }
        // Over a longer time the same words are another question.
        let length = bounds.isEmpty ? 0 : (bounds[0] - bounds[1]).magnitude
        guard length.isFinite else { return nil }
        text.append(UInt8(truncatingIfNeeded: length < 1 ? 0 : length.exponent + 1))
        return Hash64.hash(text[...])
    }

    private static let start = Array("start=".utf8)
    private static let end = Array("end=".utf8)
    private static let time = Array("time=".utf8)
    private static let explain = Array("explain=".utf8)

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
