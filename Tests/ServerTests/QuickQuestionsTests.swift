import Testing

@testable import Server

/// Questions that took next to no time are known again at a later moment; everything else is another question.
@Suite struct QuickQuestionsTests {
    @Test func aQuestionIsTheSameAtAnotherMoment() throws {
        func question(_ target: String, _ body: String = "") throws -> UInt64 {
            try #require(QuickQuestions.question(target, Array(body.utf8)))
        }
        let range = "/api/v1/query_range?query=up&start=10000&end=13600&step=15"
        let same: [(String, String)] = [
            ("/api/v1/query_range?query=up&start=20000.5&end=23600.5&step=15", ""),
            ("/api/v1/query_range?start=70000&query=up&end=73599&step=15", ""),
        ]
        for (target, body) in same { #expect(try question(target, body) == question(range), "\(target)") }
        #expect(
            try question("/api/v1/query", "query=up&time=1") == question("/api/v1/query", "query=up&time=2"))
        let other: [(String, String)] = [
            ("/api/v1/query_range?query=up&start=10000&end=13600&step=1", ""),
            ("/api/v1/query_range?query=down&start=10000&end=13600&step=15", ""),
            ("/api/v1/query_range?query=up&start=10000&end=96400&step=15", ""),
            ("/api/v1/query_range?query=up&start=-1e18&end=1e18&step=15", ""),
            ("/api/v1/query_range?query=up&start=13600&end=13600&step=15", ""),
            ("/api/v1/query?query=up&step=15", ""), ("/api/v1/query_range", "query=up&start=10000&end=13600&step=15"),
            ("/api/v1/query_range?query=up&start=10000&end=13600&step=15&timeout=1", ""), ("", ""),
        ]
        for (target, body) in other { #expect(try question(target, body) != question(range), "\(target) \(body)") }
        for times in ["start=2026-11-22T00:00:00Z&end=2", "start=1", "start=nan&end=1", "start=1&start=2&end=3", "explain=1"] {
            #expect(QuickQuestions.question("/api/v1/query_range?query=up&\(times)", []) == nil, "\(times)")
        }
        #expect(QuickQuestions.question(range + String(repeating: "x", count: QuickQuestions.longestText), []) == nil)

        let questions = QuickQuestions()
        let asked = try question(range)
        #expect(!questions.isQuick(asked))
        questions.took(.milliseconds(3), asked)
        #expect(!questions.isQuick(asked))
        questions.took(.microseconds(200), asked)
        #expect(questions.isQuick(asked))
        #expect(!questions.isQuick(try question("/api/v1/query?query=up")))
        // What became slow goes back to the query threads.
        questions.took(.milliseconds(3), asked)
        #expect(!questions.isQuick(asked))
    }
}
