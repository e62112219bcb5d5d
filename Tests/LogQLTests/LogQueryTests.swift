import LogQL
import Storage
import Telemetry
import Testing

/// Lines of three streams, ten seconds apart; what a case expects was worked out by hand.
enum Fixture {
    static let web = ["app": "web", "env": "prod"]
    static let api = ["app": "api", "env": "prod"]
    static let other = ["app": "other"]

    static let rows: [MemoryEvents.Row] = [
        .init(
            10, web, #"{"level":"info","status":200,"user":{"id":"u1"},"tags":[1,2],"none":null,"app":"inner"}"#,
            ["trace.id": .string("abc"), "size": .int(10)]),
        .init(
            20, web, #"{"level":"error","status":500,"user":{"id":"u2"},"took":"1.5s"}"#,
            ["trace.id": .string("def"), "env": .string("sm")]),
        .init(30, web, #"not json at all"#),
        .init(
            40, api, #"level=info method=GET path="/a b" took=120ms bytes=2KB"#,
            ["size": .int(20), "flag": .bool(true)]),
        .init(50, api, #"level=warn method=POST path=/x took=2s bytes=3KB empty= bad"q"#),
        .init(60, api, #"level=error method=GET took=oops from 10.1.2.3:80"#, ["size": .double(2.5)]),
        .init(70, other, #"127.0.0.1 - admin [x] "GET /index HTTP/1.1" 200"#),
        .init(80, other, "\u{1b}[31mred\u{1b}[0m plain"),
        .init(90, other, #"{"_entry":"packed line","k":"v"}"#),
    ]

    static var engine: LogQLEngine { LogQLEngine(reader: MemoryEvents(rows)) }

    static func seconds(_ value: Double) -> Int64 { Int64(value * 1e9) }
}

@Suite struct LogQueryTests {
    /// Query, and for each expected line (oldest first) the second and some text: the line, or `name=value` pairs.
    private static let cases: [(query: String, expected: [String])] = [
        (#"{app="web"}"#, ["10", "20", "30"]),
        (#"{app=~"web|api", env!=""}"#, ["10", "20", "30", "40", "50", "60"]),
        (#"{app="web"} |= "json""#, ["30"]),
        (#"{app="web"} |= """#, ["10", "20", "30"]),
        (#"{app="web"} != "json""#, ["10", "20"]),
        (#"{app="web"} |= "u1" or "not""#, ["10", "30"]),
        (#"{app="web"} != "u1" or "not""#, ["20"]),
        (#"{app="web"} |~ "u[12]" !~ "5\\d\\d""#, ["10"]),
        (#"{app=~".+"} |= ip("10.0.0.0/8")"#, ["60"]),
        (#"{app=~".+"} |= ip("127.0.0.0-127.0.0.9") or "packed""#, ["70", "90"]),
        (#"{app="api"} |> "level=<_> method=GET <_>""#, ["40", "60"]),
        (#"{app="api"} !> "level=<_> method=GET <_>""#, ["50"]),
        (#"{app="other"} |> "<_> plain""#, ["80"]),
        // Structured metadata: other spelling, other kinds, clash with a stream label.
        (#"{app="web"} | trace_id="abc""#, ["10 trace_id=abc"]),
        (#"{app=~"web|api"} | size>=10"#, ["10 size=10", "40 size=20"]),
        (#"{app="api"} | size="2.5""#, ["60 size=2.5"]),
        (#"{app="api"} | flag="true""#, ["40 flag=true"]),
        (#"{app="api"} | flag=~"tr.*""#, ["40"]),
        (#"{app="api"} | flag!="true""#, ["50", "60"]),
        (#"{app="web"} | env="prod" | env_extracted="sm""#, ["20 env=prod env_extracted=sm"]),
        // JSON.
        (
            #"{app="web"} | json"#,
            [
                "10 level=info status=200 user_id=u1 app=web app_extracted=inner tags= none=",
                "20 level=error took=1.5s",
                "30 __error__=JSONParserErr",
            ]
        ),
        (#"{app="web"} | json | status>=500"#, ["20"]),
        (#"{app="web"} | json | status>=500 | __error__="""#, ["20"]),
        (#"{app="web"} | json | __error__!="""#, ["30"]),
        (
            #"{app="web"} | json id="user.id", second="tags[1]", gone="x.y", raw="user""#,
            [
                #"10 id=u1 second=2 gone= raw={"id":"u1"} level="#, "20 id=u2 second= gone=",
                "30 __error__=JSONParserErr",
            ]
        ),
        // logfmt.
        (
            #"{app="api"} | logfmt"#,
            [
                "40 level=info method=GET path=/a b took=120ms bytes=2KB", "50 level=warn path=/x empty= bad=",
                "60 level=error took=oops",
            ]
        ),
        (#"{app="api"} | logfmt --strict | __error__="LogfmtParserErr""#, ["50 __error__=LogfmtParserErr level=warn"]),
        (
            #"{app="api"} | logfmt verb="method", took"#,
            ["40 verb=GET took=120ms level=", "50 verb=POST", "60 verb=GET took=oops"]
        ),
        (#"{app="api"} | logfmt | took > 1s"#, ["50", "60 __error__=LabelFilterErr"]),
        (#"{app="api"} | logfmt | took > 1s | __error__="""#, ["50"]),
        (#"{app="api"} | logfmt | bytes >= 3KB"#, ["50"]),
        (#"{app="api"} | logfmt | method="GET" and (level="info" or bytes=3KB)"#, ["40"]),
        (#"{app="api"} | logfmt | method="POST" or level="error", took="oops""#, ["50", "60"]),
        // Other parsers.
        (
            #"{app="other"} | pattern "<ip> - <user> [<_>] \"<method> <path> <_>\" <status>" | user!="""#,
            [
                "70 ip=127.0.0.1 user=admin method=GET path=/index status=200"
            ]
        ),
        (#"{app="other"} | pattern "<addr> - <_>" | addr=ip("127.0.0.0/8")"#, ["70"]),
        (
            #"{app="api"} | regexp "method=(?P<verb>\\w+).*took=(?P<n>\\d+)""#,
            ["40 verb=GET n=120", "50 verb=POST n=2", "60 verb="]
        ),
        (#"{app="other"} | unpack | __error__="""#, ["90 k=v"]),
        (#"{app="other"} | unpack |= "packed""#, ["90 packed line"]),
        (#"{app="other"} | decolorize |= "red plain""#, ["80 red plain"]),
        // Formatting.
        (
            #"{app="api"} | logfmt | line_format "{{.method}} {{.took | ToUpper}}" |= "GET""#,
            ["40 GET 120MS", "60 GET OOPS"]
        ),
        (
            #"{app="api"} | logfmt | label_format verb=method, sum="{{.level}}-{{.verb}}" | verb="POST""#,
            [
                "50 verb=POST method= sum=warn-POST"
            ]
        ),
        (
            #"{app="web"} | json | line_format "{{ div .status 0 }}" | __error__="TemplateFormatErr""#,
            ["10", "20", "30"]
        ),
        (#"{app="api"} | logfmt | drop level, took="2s" | level="""#, ["40 took=120ms", "50 took=", "60 took=oops"]),
        (#"{app="web"} | json | drop __error__"#, ["10", "20", "30 __error__="]),
        (
            #"{app="api"} | logfmt | keep app, method="GET""#,
            ["40 app=api env= method=GET took=", "50 app=api method=", "60"]
        ),
    ]

    @Test func everyConstructFindsItsLines() async throws {
        for pushesDown in [true, false] {
            var options = LogQLEngine.Options()
            options.pushesDown = pushesDown
            let engine = LogQLEngine(reader: MemoryEvents(Fixture.rows), options: options)
            for (query, expected) in LogQueryTests.cases {
                let result = try await engine.logs(
                    query, range: TimeRange(start: 0, end: Fixture.seconds(1000)), limit: 0, direction: .forward,
                    context: QueryContext())
                let times = expected.map { Fixture.seconds(Double($0.split(separator: " ")[0]) ?? -1) }
                #expect(result.entries.map(\.timestamp) == times, "\(query), push-down \(pushesDown)")
                guard result.entries.count == expected.count else { continue }
                for (entry, wish) in zip(result.entries, expected) { check(entry, wish, query) }
            }
        }
    }

    private func check(_ entry: LogEntry, _ wish: String, _ query: String) {
        let parts = wish.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return }
        var text = String(parts[1])
        while let match = text.firstMatch(of: /(^|.* )([a-z_]+)=([^=]*)$/) {
            let name = String(match.output.2)
            #expect((entry.labels[name] ?? "") == String(match.output.3), "\(name) of \(query)")
            text = String(match.output.1)
            if text.hasSuffix(" ") { text.removeLast() }
        }
        if !text.isEmpty { #expect(String(decoding: entry.line, as: UTF8.self) == text, "line of \(query)") }
    }

    @Test func orderLimitAndStreamsAreAsAskedFor() async throws {
        let all = TimeRange(start: 0, end: Fixture.seconds(1000))
        func times(_ query: String, _ range: TimeRange, _ limit: Int, _ direction: LogDirection) async throws -> [Int64]
        {
            try await Fixture.engine.logs(
                query, range: range, limit: limit, direction: direction, context: QueryContext()
            )
            .entries.map { $0.timestamp / 1_000_000_000 }
        }
        #expect(try await times(#"{app=~".+"}"#, all, 4, .backward) == [90, 80, 70, 60])
        #expect(try await times(#"{app=~".+"}"#, all, 4, .forward) == [10, 20, 30, 40])
        let part = TimeRange(start: Fixture.seconds(20), end: Fixture.seconds(40))
        #expect(try await times(#"{app=~".+"}"#, part, 0, .forward) == [20, 30], "the range is half-open")
        #expect(try await times(#"{app="none"}"#, all, 0, .forward) == [])

        let result = try await Fixture.engine.logs(
            #"{app="api"} | logfmt | keep app, env, size, method"#, range: all, limit: 0, direction: .backward,
            context: QueryContext())
        let categorised = result.streams(categorised: true)
        #expect(categorised.map(\.labels.description) == [#"{app="api", env="prod"}"#])
        #expect(categorised.first?.entries == [0, 1, 2])
        #expect(result.entries[2].structuredMetadata == LabelSet(["size": "20"]))
        #expect(result.entries[2].parsed == LabelSet(["method": "GET"]))
        #expect(
            result.streams(categorised: false).map(\.labels.description) == [
                #"{app="api", env="prod", method="GET", size="2.5"}"#,
                #"{app="api", env="prod", method="GET", size="20"}"#,
                #"{app="api", env="prod", method="POST"}"#,
            ])
        await #expect(throws: LogQLError.self) {
            _ = try await Fixture.engine.logs(
                "vector(1)", range: all, limit: 1, direction: .forward, context: QueryContext())
        }
    }

    @Test func tailShowsOnlyWhatTheQuerySelects() async throws {
        guard case .log(let expression) = try LogQLEngine.parse(#"{app="api"} | logfmt | method="GET""#) else { return }
        var tail = try LogTail(expression)
        var batch = EventBatch()
        for row in Fixture.rows {
            let at = batch.addRow(timestamp: row.timestamp, group: batch.addGroup(row.group))
            batch.set(EventColumnName.line, row: at, .string(String(decoding: row.line, as: UTF8.self)))
        }
        #expect(tail.process(batch).map { $0.timestamp / 1_000_000_000 } == [40, 60])
        #expect(tail.process(batch).count == 2, "a tail goes on with the next batch")
    }
}
