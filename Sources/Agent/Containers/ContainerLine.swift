import Telemetry
import Wire

/// Which output of a container.
package enum ContainerOutput: Int, Sendable, Hashable, CaseIterable {
    case stdout, stderr

    package init?(_ bytes: ArraySlice<UInt8>) {
        if bytes.begins("stdout"), bytes.count == 6 { self = .stdout } else if bytes.begins("stderr"), bytes.count == 6 {
            self = .stderr
        } else {
            return nil
        }
    }

    package var name: String { self == .stdout ? "stdout" : "stderr" }
}

/// A line of a container's log file: a piece of what the container wrote, with time and output.
package struct ContainerLine: Sendable, Hashable {
    package var text: [UInt8]
    package var output: ContainerOutput
    /// Nanoseconds since 1970; nil where it is not there or no time.
    package var time: Int64?
    /// The container's line goes on in the next one.
    package var isPartial: Bool

    package init(text: [UInt8], output: ContainerOutput, time: Int64?, isPartial: Bool) {
        self.text = text
        self.output = output
        self.time = time
        self.isPartial = isPartial
    }

    /// Docker's `json-file`: `{"log":"text\n","stream":"stdout","time":"2026-08-22T10:00:00.123456789Z"}`. What has no
    /// line end goes on: Docker cuts at 16 KiB.
    package static func docker(_ line: ArraySlice<UInt8>) -> ContainerLine? {
        var reader = JSONReader(Array(line))
        var key: [UInt8] = []
        var text: [UInt8]?
        var output = ContainerOutput.stdout
        var time: Int64?
        do {
            try reader.beginObject()
            while try reader.nextKey(&key) {
                var value: [UInt8] = []
                guard try reader.peek() == .string else {
                    try reader.skipValue()
                    continue
                }
                try reader.readString(into: &value)
                if key[...].begins("log"), key.count == 3 {
                    text = value
                } else if key[...].begins("stream"), key.count == 6 {
                    output = ContainerOutput(value[...]) ?? output
                } else if key[...].begins("time"), key.count == 4 {
                    time = RFC3339.parse(String(decoding: value, as: UTF8.self))
                }
            }
        } catch {
            return nil
        }
        guard var text else { return nil }
        let isWhole = text.last == 0x0a
        if isWhole { text.removeLast() }
        if isWhole, text.last == 0x0d { text.removeLast() }
        return ContainerLine(text: text, output: output, time: time, isPartial: !isWhole)
    }

    /// Kubernetes' CRI format: `2026-08-22T10:00:00.123456789Z stdout F text`, `P` for a part of a line.
    package static func cri(_ line: ArraySlice<UInt8>) -> ContainerLine? {
        var rest = line
        func word() -> ArraySlice<UInt8>? {
            guard let space = rest.firstIndex(of: 0x20) else { return nil }
            defer { rest = rest[(space + 1)...] }
            return rest[..<space]
        }
        guard let stamp = word(), let time = RFC3339.parse(String(decoding: stamp, as: UTF8.self)),
            let output = word().flatMap(ContainerOutput.init)
        else { return nil }
        let tag = word() ?? rest
        guard tag.begins("F") || tag.begins("P") else { return nil }
        let text = tag.endIndex == rest.endIndex && tag.startIndex == rest.startIndex ? [] : Array(rest)
        return ContainerLine(text: text, output: output, time: time, isPartial: tag.begins("P"))
    }
}

/// Puts a container's lines together again, for each output by itself.
package struct ContainerAssembler: Sendable {
    private struct Part: Sendable {
        var text: [UInt8]
        var time: Int64?
        var start: Int
        var total: Int
    }

    private let longest: Int
    private var parts: [Part?] = [nil, nil]
    package private(set) var cutLines = 0

    package init(longest: Int) { self.longest = max(16, longest) }

    /// The offset of the oldest piece whose line has not ended.
    package var pendingStart: Int? { parts.compactMap { $0?.start }.min() }

    /// The whole line that ends with this piece, with the time and the offset of its first; nil where it goes on.
    package mutating func add(
        _ piece: ContainerLine, start: Int
    ) -> (text: [UInt8], time: Int64?, start: Int)? {
        let slot = piece.output.rawValue
        var part = parts[slot] ?? Part(text: [], time: piece.time, start: start, total: 0)
        parts[slot] = nil
        part.text.append(contentsOf: piece.text.prefix(max(0, longest - part.text.count)))
        part.total += piece.text.count
        if piece.isPartial {
            parts[slot] = part
            return nil
        }
        return whole(part)
    }

    /// What is there of lines that will not be finished.
    package mutating func flush(_ body: (ContainerOutput, _ text: [UInt8], _ time: Int64?, _ start: Int) -> Void) {
        for output in ContainerOutput.allCases {
            guard let part = parts[output.rawValue] else { continue }
            parts[output.rawValue] = nil
            let line = whole(part)
            body(output, line.text, line.time, line.start)
        }
    }

    private mutating func whole(_ part: Part) -> (text: [UInt8], time: Int64?, start: Int) {
        guard part.total > part.text.count else { return (part.text, part.time, part.start) }
        cutLines += 1
        return (LineSplitter.marked(part.text, total: part.total), part.time, part.start)
    }
}
