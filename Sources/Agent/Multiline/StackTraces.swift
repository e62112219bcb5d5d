/// Which languages' stack traces are joined.
package struct StackTraces: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Lines that begin with white space, and closing brackets after such lines. Part of every language here.
    package static let indented = StackTraces(rawValue: 1)
    package static let java = StackTraces(rawValue: 2)
    package static let python = StackTraces(rawValue: 4)
    package static let go = StackTraces(rawValue: 8)
    package static let node = StackTraces(rawValue: 16)
    package static let ruby = StackTraces(rawValue: 32)
    package static let dotnet = StackTraces(rawValue: 64)
    package static let php = StackTraces(rawValue: 128)
    package static let rust = StackTraces(rawValue: 256)
    package static let all: StackTraces = [.indented, .java, .python, .go, .node, .ruby, .dotnet, .php, .rust]

    package static let names: [(name: String, rules: StackTraces)] = [
        ("auto", .all), ("generic", .indented), ("java", .java), ("python", .python), ("go", .go), ("node", .node),
        ("javascript", .node), ("ruby", .ruby), ("dotnet", .dotnet), ("php", .php), ("rust", .rust),
    ]
}

/// What a line is to the event before it.
package enum LineRole: Hashable, Sendable {
    case begins
    case joins
    /// An empty line: part of the event if the next line is.
    case waits
}

/// Follows stack traces from line to line. What a line is depends on the state and on the line alone, by prefixes and
/// not by expressions: every line of every file goes through here.
package struct StackTraceReader: Sendable {
    private enum State: Sendable {
        case plain
        /// Frames come, indented, then one line with the exception.
        case python
        case pythonEnd
        case pythonChain
        case go
        /// After `/app/x.js:10`: the line of code, a caret, an empty line, the error.
        case nodePlace
        case nodeCode
        case nodeTrace
        /// A list of the files that wanted a module.
        case nodeRequire
        case rustPlace
        case rust
    }

    private let rules: StackTraces
    private var state = State.plain
    /// Of the event so far.
    private var lines = 0
    private var tellsOfError = false

    package init(_ rules: StackTraces) { self.rules = rules.union(.indented) }

    /// The event was ended from outside: by time or by a limit.
    package mutating func end() {
        state = .plain
        lines = 0
        tellsOfError = false
    }

    package mutating func role(of line: ArraySlice<UInt8>) -> LineRole {
        if line.isEmpty, lines > 0 { return .waits }
        if lines > 0, joins(line) {
            lines += 1
            return .joins
        }
        begin(line)
        return .begins
    }

    private mutating func begin(_ line: ArraySlice<UInt8>) {
        lines = 1
        state = .plain
        tellsOfError = line.tellsOfError
        if rules.contains(.python), line.begins("Traceback (most recent call last)") { state = .python }
        if rules.contains(.go), line.begins("panic: ") || line.begins("fatal error: ") || line.isGoroutine { state = .go }
        if rules.contains(.node), line.isScriptPlace { state = .nodePlace }
        if rules.contains(.rust), line.begins("thread '"), line.holds(" panicked at ") {
            // Before Rust 1.73 the message stood in the same line.
            state = line.last == UInt8(ascii: ":") ? .rustPlace : .rust
        }
    }

    private mutating func joins(_ line: ArraySlice<UInt8>) -> Bool {
        if let first = line.first, first == 0x20 || first == 0x09 {
            if state == .nodePlace { state = .nodeCode }
            if state == .rustPlace { state = .rust }
            if rules.contains(.python), line.holds("Traceback (most recent call last)") { state = .python }
            return true
        }
        if lines > 1, let first = line.first, "}])".utf8.contains(first) { return true }
        if let answer = joinsByState(line) { return answer }
        return joinsByWords(line)
    }

    /// nil where the state says nothing about the line.
    private mutating func joinsByState(_ line: ArraySlice<UInt8>) -> Bool? {
        switch state {
        case .python:
            state = .pythonEnd
            return true
        case .pythonEnd:
            guard
                line.begins("During handling of the above exception") || line.begins("The above exception was the direct")
            else { return nil }
            state = .pythonChain
            return true
        case .pythonChain where line.begins("Traceback (most recent call last)"):
            state = .python
            return true
        case .go:
            return line.isGoroutine || line.isGoPanicFrame || line.begins("[signal ") || line.begins("created by ")
                || line.begins("exit status ") || line.begins("...additional frames") || line.isGoCall
                || line.begins("goroutine running on other thread")
        case .nodePlace:
            state = .nodeCode
            return true
        case .nodeCode:
            let isError =
                line.holds("Error") || line.begins("Uncaught") || line.begins("Thrown at")
                || line.begins("[UnhandledPromiseRejection")
            if isError { state = .nodeTrace }
            return isError || line.first == UInt8(ascii: "^")
        case .nodeRequire where line.begins("- "): return true
        case .nodeTrace, .nodeRequire:
            state = line.begins("Require stack:") ? .nodeRequire : .nodeTrace
            return state == .nodeRequire || line.begins("Node.js v") ? true : nil
        case .rustPlace:
            state = .rust
            return true
        case .rust: return line.begins("note: ") || line.begins("stack backtrace:") ? true : nil
        case .plain, .pythonChain: return nil
        }
    }

    private mutating func joinsByWords(_ line: ArraySlice<UInt8>) -> Bool {
        let afterOneLine = lines == 1 && tellsOfError
        if rules.contains(.java) {
            if line.begins("Caused by: ") || line.begins("Suppressed: ") || line.begins("nested exception is:") {
                return true
            }
            // Loggers write the message and then, in a line of its own, the exception.
            if afterOneLine, line.isJavaException { return true }
        }
        if rules.contains(.python), afterOneLine, line.begins("Traceback (most recent call last)") {
            state = .python
            return true
        }
        if rules.contains(.go), afterOneLine, line.isGoroutine {
            state = .go
            return true
        }
        if rules.contains(.node), afterOneLine, line.begins("Require stack:") {
            state = .nodeRequire
            return true
        }
        if rules.contains(.ruby), line.isRubyFrame, tellsOfError || lines > 1 { return true }
        if rules.contains(.dotnet), line.begins("--- End of ") { return true }
        if rules.contains(.php) {
            return line.begins("Stack trace:") || line.isPHPFrame || line.begins("PHP Stack trace:")
                || line.begins("PHP   ")
        }
        return false
    }
}

extension ArraySlice<UInt8> {
    func begins(_ word: StaticString) -> Bool {
        guard count >= word.utf8CodeUnitCount else { return false }
        for index in 0..<word.utf8CodeUnitCount where self[startIndex + index] != word.utf8Start[index] { return false }
        return true
    }

    func holds(_ word: StaticString) -> Bool {
        guard word.utf8CodeUnitCount > 0, count >= word.utf8CodeUnitCount else { return false }
        let first = word.utf8Start[0]
        for start in startIndex...(endIndex - word.utf8CodeUnitCount) where self[start] == first {
            if self[start...].begins(word) { return true }
        }
        return false
    }

    fileprivate var tellsOfError: Bool {
        // Only the beginning: a message that is a megabyte long is not searched through.
        let head = self.prefix(400)
        for word: StaticString in [
            "ERR", "rror", "err", "FATAL", "fatal", "Fatal", "SEVERE", "CRIT", "crit", "WARN", "warn", "xception", "panic",
            "fail", "Fail", "FAIL", "Caught", "caught",
        ] where head.holds(word) { return !isJavaException }
        return false
    }

    /// `goroutine 12 [running]:`
    fileprivate var isGoroutine: Bool { begins("goroutine ") && holds(" [") }

    /// `main.(*T).run(0xc000012345, {0x1, 0x2})`: no white space before the bracket.
    fileprivate var isGoCall: Bool {
        guard last == UInt8(ascii: ")"), let bracket = firstIndex(of: UInt8(ascii: "(")) else { return false }
        return bracket > startIndex && self[..<bracket].contains(UInt8(ascii: "."))
            && !self[..<bracket].contains(0x20)
    }

    /// `panic({0x6a1f40?, 0x7b2a10?})`: the one function of a trace without its package.
    fileprivate var isGoPanicFrame: Bool { last == UInt8(ascii: ")") && begins("panic(") }

    /// `/app/server.js:10`, `file:///app/x.mjs:3`, `node:internal/errors:541`.
    fileprivate var isScriptPlace: Bool {
        guard begins("/") || begins("file://") || begins("node:") || begins("webpack:"), let colon = lastIndex(of: 0x3a),
            colon + 1 < endIndex
        else { return false }
        return self[(colon + 1)...].allSatisfy { $0 >= 0x30 && $0 <= 0x39 } && !contains(0x20)
    }

    /// `java.lang.IllegalStateException: text`, `Exception in thread "main" …` is not one: it begins an event.
    fileprivate var isJavaException: Bool {
        var end = startIndex
        var dots = 0
        while end < endIndex {
            let byte = self[end]
            if byte == UInt8(ascii: ".") { dots += 1 }
            let isName =
                (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x5f
                || byte == 0x24 || byte == UInt8(ascii: ".")
            if !isName { break }
            end += 1
        }
        guard dots > 0, end == endIndex || self[end] == UInt8(ascii: ":") else { return false }
        let name = self[startIndex..<end]
        return name.holds("Exception") || name.holds("Error") || name.holds("Throwable")
    }

    /// `app/models/user.rb:12:in 'find'`
    fileprivate var isRubyFrame: Bool {
        guard prefix(400).holds(".rb:"), prefix(400).holds(":in ") else { return false }
        return !self[startIndex..<(firstIndex(of: 0x3a) ?? endIndex)].contains(0x20)
    }

    /// `#0 /app/index.php(12): run()`
    fileprivate var isPHPFrame: Bool {
        count > 2 && first == UInt8(ascii: "#") && self[startIndex + 1] >= 0x30 && self[startIndex + 1] <= 0x39
    }
}
