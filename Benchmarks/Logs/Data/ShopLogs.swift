/// Log lines of a shop, the same for one seed on every machine: JSON, logfmt, access logs, plain lines of a JVM with
/// stack traces of many lines, and needles at places that are known before.
package struct ShopLogs {
    package struct Options: Sendable {
        package var seed: UInt64 = 1
        package var lines = 3_000_000
        /// Instances of each service; a stream is an instance.
        package var instances = 3
        /// Nanoseconds since 1970 of the first line.
        package var start: Int64 = 1_772_323_200_000_000_000
        /// Nanoseconds that all lines take.
        package var span: Int64 = 6 * 3600 * 1_000_000_000
        package var needles = 40
        package init() {}
    }

    /// Text that is in known lines and in no other; both ends lie inside a word.
    package struct Needle: Sendable {
        package enum Place: Sendable {
            /// In a word of the message.
            case word
            /// The middle of a hexadecimal id, as somebody pastes a piece of one.
            case identifier
        }
        package var text: String
        package var place: Place
        /// Numbers of the lines from 0, ascending.
        package var lines: [Int]
    }

    package struct Stream: Sendable {
        package var labels: [(name: String, value: String)]
        let kind: ServiceKind
        let name: String
    }

    /// Lines one after the other: line `i` is `bytes[ends[i - 1]..<ends[i]]`.
    package struct Batch: Sendable {
        package var timestamps: [Int64] = []
        /// Index into ``ShopLogs/streams``.
        package var streams: [Int] = []
        package var levels: [String] = []
        package var bytes: [UInt8] = []
        package var ends: [Int] = []
        package var count: Int { ends.count }
    }

    package let options: Options
    package let streams: [Stream]
    package let needles: [Needle]
    private let needleOfLine: [Int: Int]
    private var random: SeededRandom
    private var next = 0
    private var time: Int64
    private var writer = LineWriter()

    package init(_ options: Options = Options()) {
        self.options = options
        random = SeededRandom(seed: options.seed)
        time = options.start
        var streams: [Stream] = []
        for (service, kind) in ShopServices.all {
            for instance in 0..<max(1, options.instances) {
                streams.append(
                    Stream(
                        labels: [
                            ("app", service), ("env", "production"), ("namespace", ShopServices.namespace(service)),
                            ("pod", "\(service)-\(ShopServices.suffix(service, instance))"),
                            ("service_name", service),
                        ], kind: kind, name: service))
            }
        }
        self.streams = streams
        var dice = SeededRandom(seed: options.seed ^ 0x6e65_6564_6c65)
        var needles: [Needle] = []
        var places: [Int: Int] = [:]
        for number in 0..<options.needles where options.lines > options.needles * 10 {
            var lines: Set<Int> = []
            while lines.count < number % 3 + 1 {
                let line = dice.below(options.lines)
                if places[line] == nil { lines.insert(line) }
            }
            for line in lines { places[line] = number }
            needles.append(ShopLogs.needle(number, lines.sorted(), &dice))
        }
        self.needles = needles
        needleOfLine = places
    }

    /// A quarter are pieces of ids.
    private static func needle(_ number: Int, _ lines: [Int], _ dice: inout SeededRandom) -> Needle {
        if number % 4 == 3 {
            var text = LineText()
            text.add(hexadecimal: dice.next(), width: 16)
            return Needle(text: String(decoding: text.bytes, as: UTF8.self), place: .identifier, lines: lines)
        }
        let letters = Array("abcdefghijklmnopqrstuvwxyz".utf8)
        let word = (0..<12).map { _ in letters[dice.below(letters.count)] }
        return Needle(text: String(decoding: word, as: UTF8.self), place: .word, lines: lines)
    }

    /// The next lines, at most `count`; none at the end.
    package mutating func batch(_ count: Int) -> Batch {
        var out = Batch()
        let wanted = min(count, options.lines - next)
        guard wanted > 0 else { return out }
        out.timestamps.reserveCapacity(wanted)
        out.streams.reserveCapacity(wanted)
        out.ends.reserveCapacity(wanted)
        out.bytes.reserveCapacity(wanted * 320)
        let step = max(1, Int(options.span / Int64(max(1, options.lines))))
        for _ in 0..<wanted {
            time += Int64(random.below(2 * step))
            let stream = random.skewed(below: streams.count)
            let needle = needleOfLine[next].map { needles[$0] }
            writer.text.bytes.removeAll(keepingCapacity: true)
            let level = writer.write(streams[stream], time: time, needle: needle, &random)
            out.timestamps.append(time)
            out.streams.append(stream)
            out.levels.append(level)
            out.bytes.append(contentsOf: writer.text.bytes)
            out.ends.append(out.bytes.count)
            next += 1
        }
        return out
    }
}
