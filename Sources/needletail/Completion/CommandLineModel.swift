import ArgumentParser
import Foundation

/// The program's commands and their options, as its own help knows them.
struct CommandLineModel: Decodable {
    struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var shouldDisplay: Bool?
        var subcommands: [Command]?
        var arguments: [Argument]?
    }
    struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
            var text: String { kind == "long" ? "--" + name : "-" + name }
        }
        var kind: String
        var shouldDisplay: Bool?
        var names: [Name]?
        var preferredName: Name?
        var valueName: String?
        var abstract: String?
        var allValues: [String]?
        var allValueStrings: [String]?
        var values: [String] { allValues ?? allValueStrings ?? [] }
    }

    var command: Command

    /// Empty where the argument parser tells it in another form.
    static var own: CommandLineModel {
        let text = Needletail._dumpHelp()
        return (try? JSONDecoder().decode(CommandLineModel.self, from: Data(text.utf8)))
            ?? CommandLineModel(command: Command(commandName: "needletail"))
    }
}
