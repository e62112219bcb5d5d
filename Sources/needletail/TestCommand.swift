import ArgumentParser
import Foundation
import PromQL

struct TestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run tests of queries, without a server.", subcommands: [TestPromQL.self])
}

struct TestPromQL: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promql", abstract: "Run scripts in the format of Prometheus' own query tests.",
        discussion: """
            A script has `load`, `clear` and `eval` commands, as the files of promql/promqltest/testdata in Prometheus' \
            source. It is run as Prometheus runs them: the whole language is on, metric names go at the end of an \
            evaluation, and start timestamps count. Each failure says where, what was asked, and what came instead.
            """)

    @Argument(help: "Scripts.", completion: .file(extensions: ["test"]))
    var files: [String]

    @Flag(help: "Take metric names away with each operation, as a server does without promql-delayed-name-removal.")
    var eagerNameRemoval = false

    func run() async throws {
        var passed = 0
        var failed = 0
        for file in files {
            do {
                let text = try TestPromQL.read(file)
                let report = try await PromQLTestRunner.run(script: text, names: eagerNameRemoval ? .eager : .delayed)
                passed += report.passed
                failed += report.failures.count
                for failure in report.failures {
                    Terminal.line("\(file):\(failure.line): \(failure.query)\n    \(failure.reason)")
                }
            } catch {
                // A script that cannot be read is a failure too, and no reason to leave out the others.
                failed += 1
                Terminal.complain("\(file): \(error)")
            }
        }
        Terminal.line("\(passed) passed, \(failed) failed")
        if failed > 0 { throw SilentFailure(code: 1) }
    }

    private static func read(_ file: String) throws -> String {
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
            throw CommandFailure("cannot be read: \(error.localizedDescription)")
        }
        // What is no UTF-8 is for the script's parser to refuse, with its line.
        return String(decoding: bytes, as: UTF8.self)
    }
}
