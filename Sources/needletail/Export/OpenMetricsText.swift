import Foundation
import Glibc
import Telemetry
import Wire

/// Lines of OpenMetrics 1.0.
struct OpenMetricsText {
    private(set) var bytes: [UInt8] = []

    mutating func take() -> [UInt8] {
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes
    }

    static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    private static func isPlain(_ name: String, colon: Bool) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy {
            ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "_") || colon && $0 == UInt8(ascii: ":")
        }
    }

    private static func quotedWhereNeeded(_ name: String, colon: Bool) -> String {
        isPlain(name, colon: colon) ? name : "\"\(escaped(name))\""
    }

    mutating func header(_ family: MetricFamily) {
        let name = OpenMetricsText.quotedWhereNeeded(family.name, colon: true)
        bytes += Array("# TYPE \(name) \(family.kind.rawValue)\n".utf8)
        if !family.unit.isEmpty { bytes += Array("# UNIT \(name) \(family.unit)\n".utf8) }
        if !family.help.isEmpty { bytes += Array("# HELP \(name) \(OpenMetricsText.escaped(family.help))\n".utf8) }
    }

    mutating func end() { bytes += Array("# EOF\n".utf8) }

    /// Name and labels as they stand before each sample of the series.
    static func prefix(_ labels: LabelSet) -> [UInt8] {
        let name = labels.metricName ?? ""
        let isPlain = isPlain(name, colon: true)
        var inner: [String] = isPlain || name.isEmpty ? [] : ["\"\(escaped(name))\""]
        labels.forEach { label, value in
            if label != "__name__" {
                inner.append("\(quotedWhereNeeded(label, colon: false))=\"\(escaped(value))\"")
            }
        }
        return Array(((isPlain ? name : "") + (inner.isEmpty ? "" : "{\(inner.joined(separator: ","))}") + " ").utf8)
    }

    mutating func sample(_ prefix: [UInt8], _ value: Double, _ time: Int64, _ exemplar: Exemplar?) {
        bytes += prefix
        FloatText.append(value, .general, to: &bytes)
        bytes.append(0x20)
        append(time: time)
        if let exemplar {
            var inner: [String] = []
            exemplar.labels.forEach { inner.append("\($0)=\"\(OpenMetricsText.escaped($1))\"") }
            bytes += Array(" # {\(inner.joined(separator: ","))} ".utf8)
            FloatText.append(exemplar.value, .general, to: &bytes)
            bytes.append(0x20)
            append(time: exemplar.timestamp)
        }
        bytes.append(0x0a)
    }

    /// Seconds. Prometheus reads a float, multiplies and cuts: where the nearest float would lose a millisecond by
    /// that, the next one is written.
    private mutating func append(time: Int64) {
        var seconds = Double(time) / 1000
        var tries = 0
        while Int64(seconds * 1000) < time, tries < 4 {
            seconds = seconds.nextUp
            tries += 1
        }
        FloatText.append(seconds, .plain, to: &bytes)
    }
}

/// Standard output or a file, written in pieces of a megabyte. A file gets its name when it is whole.
final class ExportOutput {
    private let path: String?
    private let descriptor: Int32
    private var isOpen = true

    init(path: String?) throws {
        self.path = path
        guard let path else {
            descriptor = STDOUT_FILENO
            return
        }
        descriptor = open(path + ".tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw CommandFailure("\(path).tmp cannot be written: \(ExportOutput.reason)") }
    }

    deinit { discard() }

    private static var reason: String { String(cString: strerror(errno)) }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                usleep(1000)
            } else if errno != EINTR {
                // `| head` has seen enough.
                if path == nil, errno == EPIPE { throw SilentFailure(code: 0) }
                throw CommandFailure("\(path ?? "standard output") cannot be written: \(ExportOutput.reason)")
            }
        }
    }

    func finish() throws {
        guard let path, isOpen else { return }
        isOpen = false
        let isSynced = fsync(descriptor) == 0
        guard close(descriptor) == 0, isSynced, rename(path + ".tmp", path) == 0 else {
            throw CommandFailure("\(path) cannot be written: \(ExportOutput.reason)")
        }
    }

    private func discard() {
        guard let path, isOpen else { return }
        isOpen = false
        _ = close(descriptor)
        _ = unlink(path + ".tmp")
    }
}
