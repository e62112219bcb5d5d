import Storage
import Telemetry
import Testing

@Test func matchersFollowPrometheus() throws {
    let labels = LabelSet(["job": "api", "path": "/a\nb"])
    let cases: [(Matcher, matches: Bool, matchesEmpty: Bool, literals: [String]?)] = [
        (Matcher("job", .equal, "api"), true, false, ["api"]),
        (Matcher("job", .equal, "ap"), false, false, ["ap"]),
        (Matcher("job", .notEqual, "api"), false, true, nil),
        (Matcher("gone", .equal, ""), true, true, [""]),
        (Matcher("gone", .notEqual, ""), false, false, nil),
        (Matcher("gone", .notEqual, "x"), true, true, nil),
        (Matcher("job", .regex, "a.i"), true, false, nil),
        (Matcher("job", .regex, "ap"), false, false, ["ap"]),
        (Matcher("job", .regex, "web|api"), true, false, ["api", "web"]),
        (Matcher("job", .notRegex, "web|api"), false, true, nil),
        (Matcher("gone", .regex, ".*"), true, true, nil),
        (Matcher("gone", .regex, ".+"), false, false, nil),
        (Matcher("gone", .notRegex, ".+"), true, true, nil),
        (Matcher("gone", .regex, "x?"), true, true, nil),
        // A dot matches a newline, and the expression is anchored at both ends.
        (Matcher("path", .regex, "/a.b"), true, false, nil),
        (Matcher("path", .regex, "/a"), false, false, ["/a"]),
    ]
    for (matcher, matches, matchesEmpty, literals) in cases {
        let compiled = try CompiledMatcher(matcher)
        #expect(compiled.matches(labels) == matches, "\(matcher)")
        #expect(compiled.matchesEmpty == matchesEmpty, "\(matcher)")
        if let literals, matcher.operation == .equal || literals.count > 1 {
            #expect(compiled.literals.map { Set($0) } == Set(literals), "\(matcher)")
        }
        if matcher.operation == .notEqual || matcher.operation == .notRegex { #expect(compiled.literals == nil) }
        if let value = labels[matcher.name] {
            #expect(compiled.matches(value: value) == matches, "\(matcher)")
            #expect(compiled.matches(value: Array(value.utf8)[...]) == matches, "\(matcher)")
        }
    }
    #expect(throws: StorageError.self) { try CompiledMatcher(Matcher("a", .regex, "(")) }
    #expect(
        try [Matcher("job", .equal, "api"), Matcher("path", .equal, "x")].map { try CompiledMatcher($0) }.matches(
            labels) == false)
}
