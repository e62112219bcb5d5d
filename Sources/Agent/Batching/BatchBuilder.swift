import Codecs
import Telemetry

/// Collects entries of streams into one `logproto.PushRequest`, written as they come.
package struct BatchBuilder {
    /// The limits of one batch.
    package struct Limits: Sendable, Hashable {
        /// Bytes before compression.
        package var bytes = 1 << 20
        /// Milliseconds from the first entry until it is sent at the latest.
        package var wait: Int64 = 1_000
        package init() {}
    }

    private struct Stream {
        var text: [UInt8]
        var entries: [UInt8] = []
    }

    private var streams: [Stream] = []
    private var indexes: [LabelSet: Int] = [:]
    package private(set) var entries = 0
    package private(set) var bytes = 0
    /// Milliseconds of the first entry's coming.
    package private(set) var started: Int64 = 0
    /// Counts the batches, so that who remembers a stream's number knows when it is void.
    package private(set) var generation = 0

    package init() {}

    package var isEmpty: Bool { entries == 0 }

    /// The number of a stream in this batch.
    package mutating func stream(_ labels: LabelSet) -> Int {
        if let known = indexes[labels] { return known }
        let text = BatchBuilder.text(of: labels)
        streams.append(Stream(text: text))
        bytes += text.count + 8
        indexes[labels] = streams.count - 1
        return streams.count - 1
    }

    /// `time` in nanoseconds since 1970, `now` in milliseconds of any clock.
    package mutating func add(
        stream: Int, time: Int64, line: ArraySlice<UInt8>, metadata: [Label], now: Int64
    ) {
        guard streams.indices.contains(stream) else { return }
        if entries == 0 { started = now }
        entries += 1
        let seconds = time >= 0 ? time / 1_000_000_000 : (time - 999_999_999) / 1_000_000_000
        let nanoseconds = time - seconds * 1_000_000_000
        let stampSize = 1 + Varint.size(UInt64(bitPattern: seconds)) + 1 + Varint.size(UInt64(nanoseconds))
        var size = 1 + 1 + stampSize + 1 + Varint.size(UInt64(line.count)) + line.count
        for label in metadata {
            let inner = BatchBuilder.size(of: label)
            size += 1 + Varint.size(UInt64(inner)) + inner
        }
        let before = streams[stream].entries.count
        streams[stream].entries.withAppending { out in
            out.append(0x12)
            Varint.write(UInt64(size), &out)
            out.append(0x0a)
            Varint.write(UInt64(stampSize), &out)
            out.append(0x08)
            Varint.write(UInt64(bitPattern: seconds), &out)
            out.append(0x10)
            Varint.write(UInt64(nanoseconds), &out)
            out.append(0x12)
            Varint.write(UInt64(line.count), &out)
            out.append(contentsOf: line)
            for label in metadata {
                out.append(0x1a)
                Varint.write(UInt64(BatchBuilder.size(of: label)), &out)
                out.append(0x0a)
                Varint.write(UInt64(label.name.utf8.count), &out)
                out.append(contentsOf: label.name.utf8)
                out.append(0x12)
                Varint.write(UInt64(label.value.utf8.count), &out)
                out.append(contentsOf: label.value.utf8)
            }
        }
        bytes += streams[stream].entries.count - before
    }

    private static func size(of label: Label) -> Int {
        let name = label.name.utf8.count
        let value = label.value.utf8.count
        return 2 + Varint.size(UInt64(name)) + name + Varint.size(UInt64(value)) + value
    }

    /// The request in snappy, and how long it was before. The builder is empty afterwards.
    package mutating func seal() -> (body: [UInt8], entries: Int, bytes: Int) {
        var request: [UInt8] = []
        request.reserveCapacity(bytes + streams.count * 16)
        for stream in streams where !stream.entries.isEmpty {
            request.append(0x0a)
            let labels = 1 + Varint.size(UInt64(stream.text.count)) + stream.text.count
            Varint.write(UInt64(labels + stream.entries.count), &request)
            request.append(0x0a)
            Varint.write(UInt64(stream.text.count), &request)
            request.append(contentsOf: stream.text)
            request.append(contentsOf: stream.entries)
        }
        let sealed = (Snappy.compress(request), entries, request.count)
        let next = generation &+ 1
        self = BatchBuilder()
        generation = next
        return sealed
    }

    /// `{a="b", c="d"}`, as Loki's clients write it.
    package static func text(of labels: LabelSet) -> [UInt8] {
        var out: [UInt8] = [0x7b]
        for label in labels.labels {
            if out.count > 1 { out += [0x2c, 0x20] }
            out += label.name.utf8
            out += [0x3d, 0x22]
            for byte in label.value.utf8 {
                switch byte {
                case 0x22, 0x5c: out += [0x5c, byte]
                case 0x0a: out += [0x5c, 0x6e]
                case 0x0d: out += [0x5c, 0x72]
                case 0x09: out += [0x5c, 0x74]
                case 0..<0x20, 0x7f: out += Array("\\u00".utf8) + [hex(byte >> 4), hex(byte & 15)]
                default: out.append(byte)
                }
            }
            out.append(0x22)
        }
        out.append(0x7d)
        return out
    }

    private static func hex(_ digit: UInt8) -> UInt8 { digit < 10 ? 0x30 + digit : 0x57 + digit }
}

enum Varint {
    static func size(_ value: UInt64) -> Int { max(1, (64 - value.leadingZeroBitCount + 6) / 7) }

    static func write(_ value: UInt64, _ out: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(truncatingIfNeeded: rest))
    }
}

extension [UInt8] {
    /// Appends in place: the array is held alone while `body` runs.
    fileprivate mutating func withAppending(_ body: (inout [UInt8]) -> Void) { body(&self) }
}
