import ArgumentParser
import Foundation
import Glibc

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, csv, raw
}

struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .long], help: "table, json, csv or raw.")
    var output: OutputFormat = .table
}

/// Standard output and standard error.
enum Terminal {
    static let isInteractive = isatty(STDOUT_FILENO) == 1

    /// Colour only for a person who looks at it.
    static let hasColour =
        isInteractive && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    static var width: Int {
        var size = winsize()
        if isInteractive, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 {
            return Int(size.ws_col)
        }
        return Int(ProcessInfo.processInfo.environment["COLUMNS"] ?? "") ?? 120
    }

    static func write(_ text: String) { put(Array(text.utf8), to: STDOUT_FILENO) }

    static func line(_ text: String) { write(text + "\n") }

    static func complain(_ text: String) { put(Array((text + "\n").utf8), to: STDERR_FILENO) }

    /// JSON from the server, passed on with a line end.
    static func json(_ data: Data) {
        put(Array(data), to: STDOUT_FILENO)
        if data.last != 10 { write("\n") }
    }

    /// A reader that has seen enough (`| head`) ends the command without a word, as it ends any other.
    private static func put(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                usleep(1000)
            } else if errno != EINTR {
                if descriptor == STDOUT_FILENO { Foundation.exit(errno == EPIPE ? 0 : 1) }
                return
            }
        }
    }
}

enum Style: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"
    case magenta = "35"
    case cyan = "36"
    case dim = "2"
    case bold = "1"

    func callAsFunction(_ text: String) -> String { Terminal.hasColour ? "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" : text }
}

extension StringProtocol {
    /// Control characters made visible: what a log line says must not move the cursor or colour the screen.
    var withoutControls: String {
        guard
            unicodeScalars.contains(where: {
                $0.value < 32 && $0 != "\t" || $0.value == 127 || (0x80..<0xa0).contains($0.value)
            })
        else { return String(self) }
        var out = ""
        for scalar in unicodeScalars {
            switch scalar.value {
            case 10: out += "\\n"
            case 13: out += "\\r"
            case 9: out += "\t"
            case 0..<32, 127, 0x80..<0xa0:
                out += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Columns that the text takes; combining marks none, wide characters two.
    var columns: Int {
        unicodeScalars.reduce(0) { sum, scalar in
            if scalar.properties.generalCategory == .nonspacingMark { return sum }
            let isWide =
                (0x1100...0x115f).contains(scalar.value) || (0x2e80...0xa4cf).contains(scalar.value)
                || (0xac00...0xd7a3).contains(scalar.value) || (0xf900...0xfaff).contains(scalar.value)
                || (0xff00...0xff60).contains(scalar.value) || (0x1f300...0x1faff).contains(scalar.value)
            return sum + (isWide ? 2 : 1)
        }
    }
}
