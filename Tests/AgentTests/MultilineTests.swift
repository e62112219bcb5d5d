import Agent
import Patterns
import Testing
import TestSupport

@Suite struct MultilineTests {
    private func join(_ rule: MultilineRule, _ lines: [String]) -> [String] {
        var joiner = MultilineJoiner(rule)
        var out: [String] = []
        for (index, line) in lines.enumerated() {
            joiner.add(Array(line.utf8)[...], start: index, time: Int64(index), now: 0) {
                out.append(String(decoding: $0.text, as: UTF8.self))
            }
        }
        joiner.flush { out.append(String(decoding: $0.text, as: UTF8.self)) }
        return out
    }

    /// Each a list of events; their lines are fed one by one.
    static let events: [(what: String, events: [String])] = [
        ("Java after a message", [
            "10:00 INFO fine",
            "10:01 ERROR no pay\njava.lang.IllegalStateException: boom\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: x\n\tat d.E.f(E.java:2)\n\t... 7 more",
            "10:02 INFO fine",
        ]),
        ("Java alone, twice", [
            "Exception in thread \"main\" java.lang.RuntimeException: a\n\tat x.Y.main(Y.java:3)\n\tSuppressed: z.Q: b\n\t\tat x.Y.r(Y.java:4)",
            "java.lang.Error: b\n\tat x.Y.main(Y.java:9)", "java.lang.Error: c", "java.lang.Error: d",
        ]),
        ("Python with a chain", [
            "INFO start",
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\nValueError: y",
            "INFO end",
        ]),
        ("Python after logging.exception", [
            "ERROR:root:failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nZeroDivisionError: division by zero",
            "INFO:root:end",
        ]),
        ("Go's panic", [
            "2026/08/22 start",
            "panic: boom [recovered]\n\tpanic: boom\n\ngoroutine 1 [running]:\nmain.(*T).run(0xc000012, {0x1, 0x2})\n\t/app/a.go:3 +0x1d\ncreated by main.main in goroutine 1\n\t/app/a.go:9 +0x2c\n\ngoroutine 7 [select]:\nmain.w()\n\t/app/b.go:1 +0x1\nexit status 2",
            "2026/08/22 again",
        ]),
        ("Go, recovered", [
            "2026/08/22 10:00:00 http: panic serving 10.0.0.1:5: boom\ngoroutine 18 gp=0xc0 m=0 mp=0x5 [running]:\nnet/http.(*conn).serve.func1()\n\t/server.go:1868 +0xb9\npanic({0x6a1f40?, 0x7b2a10?})\n\t/panic.go:920 +0x270\nmain.main()\n\t/app/a.go:3",
            "2026/08/22 again",
        ]),
        ("Go's signal", [
            "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/a.go:3",
            "next",
        ]),
        ("Node, uncaught", [
            "/app/x.js:10\n    throw new TypeError('no')\n    ^\n\nTypeError: no\n    at f (/app/x.js:10:9)\n    at node:internal/main:1:1 {\n  code: 'E'\n}\n\nNode.js v22.1.0",
            "listening",
        ]),
        ("Node, a module that is missing", [
            "node:internal/modules/cjs/loader:1080\n  throw err;\n  ^\n\nError: Cannot find module 'x'\nRequire stack:\n- /app/y.js\n- /app/z.js\n    at f (node:internal:1:2) {\n  code: 'E'\n}\n\nNode.js v18.19.0",
            "- a list", "Error: Cannot find module 'x'\nRequire stack:\n- /app/y.js\n    at f (node:internal:1:2)", "done",
        ]),
        ("Node, a promise", [
            "node:internal/process/promises:288\n            triggerUncaughtException(err, true);\n            ^\n\n[UnhandledPromiseRejection: This error originated either by throwing] {\n  code: 'E'\n}\n\nNode.js v18.19.0",
            "done",
        ]),
        ("Node, logged", ["Error: no\n    at f (/app/x.js:1:2)\n    at async g (/app/y.js:3:4)", "done"]),
        ("Ruby", [
            "a.rb:1:in `f': no (RuntimeError)\n\tfrom a.rb:5:in `g'\n\tfrom a.rb:9:in `<main>'",
            "NoMethodError (undefined method `x'):\napp/models/a.rb:3:in `x'\napp/models/b.rb:4:in `y'", "I, done",
        ]),
        (".NET", [
            "fail: System.Exception: a\n ---> System.IO.IOException: b\n   at X.Y() in /x.cs:line 3\n   --- End of inner exception stack trace ---\n   at X.Z()",
            "info: done",
        ]),
        ("PHP", [
            "PHP Fatal error:  Uncaught Exception: a in /a.php:3\nStack trace:\n#0 /a.php(9): f()\n#1 {main}\n  thrown in /a.php on line 3",
            "[22-Aug] next",
        ]),
        ("Rust", [
            "thread 'main' panicked at src/main.rs:2:5:\nno card\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "next",
        ]),
        ("Rust with a thread's number", ["thread 'main' (4711) panicked at src/main.rs:2:5:\nno card\nnote: run", "next"]),
        ("pretty JSON and plain lines", ["{\n  \"a\": 1\n}", "plain", "", "", "plain", "ERROR plain", "ERROR plain"]),
        ("empty lines belong to nobody", ["a", "", "b"]),
    ]

    @Test(arguments: events) func `stack traces are one event each`(_ what: String, _ events: [String]) {
        let lines = events.joined(separator: "\n").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(join(MultilineRule(.stackTraces(.all)), lines) == events, "\(what)")
    }

    @Test func `first lines and continuations by expression`() throws {
        let lines = ["2026 a", "b", "", "2027 c", "  d"]
        #expect(join(MultilineRule(.firstLine(try Pattern("^\\d{4}"))), lines) == ["2026 a\nb\n", "2027 c\n  d"])
        #expect(join(MultilineRule(.continuation(try Pattern("^\\s"))), lines) == ["2026 a", "b", "", "2027 c\n  d"])
        // What comes before any first line is an event, too.
        #expect(join(MultilineRule(.firstLine(try Pattern("^x"))), ["a", "b", "x"]) == ["a\nb", "x"])
    }

    @Test func `no line is lost, whatever comes and whatever the limits`() {
        let corpus = MultilineTests.events.flatMap { $0.events.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) } }
            .map(String.init)
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 100)) {
            var chance = SeededGenerator(seed: seed)
            var rule = MultilineRule(.stackTraces(.all))
            rule.mostLines = Int.random(in: 1...12, using: &chance)
            rule.mostBytes = Int.random(in: 10...400, using: &chance)
            let lines = (0..<200).map { _ in corpus.randomElement(using: &chance) ?? "" }
            var joiner = MultilineJoiner(rule)
            var out: [String] = []
            var times: [Int64] = []
            func emit(_ event: JoinedEvent) {
                out.append(String(decoding: event.text, as: UTF8.self))
                times.append(event.time)
                #expect(event.text.count { $0 == 0x0a } < rule.mostLines, "seed \(seed)")
            }
            for (index, line) in lines.enumerated() {
                joiner.add(Array(line.utf8)[...], start: index, time: Int64(index), now: Int64(index), emit)
                // What is held is what was not emitted.
                let emitted = out.reduce(0) { $0 + $1.utf8.count { $0 == 0x0a } + 1 }
                #expect((joiner.pendingStart ?? index + 1) == emitted, "seed \(seed)")
                if UInt8.random(in: 0..<20, using: &chance) == 0 {
                    joiner.expire(now: Int64(index) + 999, emit)
                    #expect(joiner.deadline != nil)
                    joiner.expire(now: Int64(index) + 1_000, emit)
                    #expect(joiner.deadline == nil)
                }
            }
            joiner.flush(emit)
            #expect(out.joined(separator: "\n") == lines.joined(separator: "\n"), "seed \(seed)")
            #expect(times == times.sorted(), "seed \(seed)")
        }
    }
}
