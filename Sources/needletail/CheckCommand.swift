import Alerting
import ArgumentParser
import Foundation
import PromQL
import Server
import YAMLReading

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check files before they are used.",
        subcommands: [CheckConfig.self, CheckRules.self, CheckAgent.self])
}

/// Rules are checked without a server: only the grammar is asked.
private struct Grammar: RuleQuerying {
    func check(_ expression: String) throws { _ = try PromQLEngine.parse(expression) }
    func instant(_ expression: String, at time: Int64) async throws -> [RuleSample] { [] }
}

private struct LogGrammar: RuleQuerying {
    func check(_ expression: String) throws { try LogRules.check(expression) }
    func instant(_ expression: String, at time: Int64) async throws -> [RuleSample] { [] }
}

struct CheckConfig: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check configuration files and the rule files they name.")

    @Argument(help: "Configuration files.", completion: .file(extensions: ["yml", "yaml"]))
    var files: [String]

    func run() async throws {
        var failed = false
        for file in files {
            Terminal.line("Checking \(file)")
            do {
                let configuration = try ServerConfiguration.load(path: file)
                for warning in configuration.warnings { Terminal.complain("  WARNING: \(warning)") }
                let groups =
                    try RuleFiles.load(configuration.ruleFiles, folder: configuration.folder, language: Grammar())
                    + RuleFiles.load(
                        configuration.logRuleFiles, folder: configuration.folder, language: LogGrammar(),
                        dialect: .logql)
                Terminal.line(
                    "  SUCCESS: \(file) is valid: \(configuration.scrapes.count) scrape jobs, \(groups.count) rule groups"
                )
            } catch {
                failed = true
                Terminal.complain(
                    "  FAILED:\n" + "\(error)".split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
            }
        }
        if failed { throw SilentFailure(code: 1) }
    }
}

struct CheckRules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rules", abstract: "Check rule files.")

    @Argument(help: "Rule files; standard input where there is none.", completion: .file(extensions: ["yml", "yaml"]))
    var files: [String] = []

    @Flag(help: "The rules are in LogQL.")
    var logql = false

    func run() async throws {
        var failed = false
        for file in files.isEmpty ? ["standard input"] : files {
            Terminal.line("Checking \(file)")
            let text: String
            do {
                text =
                    files.isEmpty
                    ? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
                    : try String(contentsOfFile: file, encoding: .utf8)
            } catch {
                failed = true
                Terminal.complain("  FAILED:\n    \(file) cannot be read: \(error.localizedDescription)")
                continue
            }
            let (groups, errors) =
                logql
                ? RuleFile.read(text, file: file, language: LogGrammar(), dialect: .logql)
                : RuleFile.read(text, file: file, language: Grammar())
            if errors.isEmpty {
                Terminal.line("  SUCCESS: \(groups.reduce(0) { $0 + $1.rules.count }) rules found")
            } else {
                failed = true
                Terminal.complain("  FAILED:\n" + errors.map { "    \($0)" }.joined(separator: "\n"))
            }
        }
        if failed { throw SilentFailure(code: 1) }
    }
}

struct CheckAgent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Check configuration files of the agent.")

    @Argument(help: "Configuration files.", completion: .file(extensions: ["yml", "yaml"]))
    var files: [String]

    func run() async throws {
        var failed = false
        for file in files {
            Terminal.line("Checking \(file)")
            do {
                let configuration = try AgentFile.load(file)
                try configuration.check()
                Terminal.line(
                    "  SUCCESS: \(file) is valid: \(configuration.files.count) sources of files, \(configuration.journals.count) journals"
                )
            } catch {
                failed = true
                Terminal.complain("  FAILED:\n    \(error)")
            }
        }
        if failed { throw SilentFailure(code: 1) }
    }
}
