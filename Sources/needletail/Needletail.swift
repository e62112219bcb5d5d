import ArgumentParser
import Foundation
import Server
import Storage

@main
struct Needletail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "needletail",
        abstract: "Metrics, logs, traces and alerts in one program.",
        discussion: """
            Exit status: 0 when it worked, 1 when a query or the server failed (the reason is on standard error), \
            2 when the command line is wrong.
            """,
        version: versionText,
        subcommands: [
            ServeCommand.self, AgentCommand.self, DemoCommand.self, ShopCommand.self, QueryCommand.self, LogsCommand.self,
            TracesCommand.self,
            TraceCommand.self, AlertsCommand.self, ServicesCommand.self, CheckCommand.self, TestCommand.self,
            ImportCommand.self, ExportCommand.self, StatusCommand.self,
            CompletionCommand.self, CompleteCommand.self,
        ])

    static func main() async {
        ReleaseFreeMemory.prepare()
        do {
            var command = try parsed(Array(CommandLine.arguments.dropFirst()))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            finish(with: error)
        }
    }

    /// What asks for the collector is not shown to all the other commands first: that would be a sixth of its start.
    private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
        let own = ServeCommand.configuration.commandName
        guard let first = arguments.first, first == own else { return try parseAsRoot(arguments) }
        StartAhead.begin()
        return try ServeCommand.parse(Array(arguments.dropFirst()))
    }

    /// Usage errors end with 2 and all other failures with 1, where the argument parser would say 64.
    private static func finish(with error: any Error) -> Never {
        let code = exitCode(for: error)
        if let quiet = error as? SilentFailure { Foundation.exit(quiet.code) }
        if code == .success {
            print(fullMessage(for: error))
            Foundation.exit(0)
        }
        if code == .validationFailure {
            Terminal.complain(fullMessage(for: error))
            Foundation.exit(2)
        }
        Terminal.complain("needletail: \(error)")
        Foundation.exit(1)
    }
}

/// Ends the process with a status when everything was already said.
struct SilentFailure: Error {
    var code: Int32
}

/// A failure in one sentence.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
