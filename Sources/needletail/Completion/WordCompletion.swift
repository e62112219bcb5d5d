import Foundation
import NIOCore

/// Candidates for the last of the words of a command line.
struct WordCompletion {
    let words: [String]
    var model = CommandLineModel.own

    /// Whole words, some with a tab and a description. A single `-` asks the shell for files.
    func candidates() async -> [String] {
        guard let current = words.last else { return [] }
        let before = words.dropLast()
        guard let name = before.first(where: { !$0.hasPrefix("-") }),
            let command = model.command.subcommands?.first(where: { $0.commandName == name })
        else {
            return (model.command.subcommands ?? [])
                .filter { $0.shouldDisplay != false && $0.commandName.hasPrefix(current) }
                .map { "\($0.commandName)\t\($0.abstract ?? "")" }
        }
        let arguments = (command.arguments ?? []).filter { $0.shouldDisplay != false }
        if let flag = before.last, flag.hasPrefix("-"), let option = option(flag, arguments), option.kind == "option" {
            return values(of: option, current)
        }
        if current.hasPrefix("-") {
            return arguments.filter { $0.kind != "positional" }.flatMap { argument in
                (argument.names ?? []).map(\.text).filter { $0.hasPrefix("--") && $0.hasPrefix(current) }
                    .map { "\($0)\t\(argument.abstract ?? "")" }
            }
        }
        switch name {
        case "query":
            return await QueryCompletion(text: current, language: .promql, names: server(before)).candidates()
        case "logs": return await QueryCompletion(text: current, language: .logql, names: server(before)).candidates()
        default:
            guard let positional = arguments.first(where: { $0.kind == "positional" }) else { return [] }
            return values(of: positional, current)
        }
    }

    private func option(_ flag: String, _ arguments: [CommandLineModel.Argument]) -> CommandLineModel.Argument? {
        arguments.first { ($0.names ?? []).contains { $0.text == flag } }
    }

    private func values(of argument: CommandLineModel.Argument, _ current: String) -> [String] {
        let known = argument.values.filter { $0.hasPrefix(current) }
        if !known.isEmpty { return known }
        let name = (argument.valueName ?? "").lowercased()
        let isFile = ["file", "files", "dir", "folder", "path", "config", "output-file"].contains(name)
        return argument.values.isEmpty && isFile ? ["-"] : []
    }

    private func server(_ before: ArraySlice<String>) -> ServerNames {
        var url = ProcessInfo.processInfo.environment["NEEDLETAIL_URL"] ?? "http://127.0.0.1:9090"
        for (word, next) in zip(before, before.dropFirst()) where word == "--url" { url = next }
        for word in before where word.hasPrefix("--url=") { url = String(word.dropFirst(6)) }
        return ServerNames(client: ServerClient(base: url.hasSuffix("/") ? String(url.dropLast()) : url))
    }
}

/// What a server knows, asked for in a second; nothing where it does not answer.
struct ServerNames: Sendable {
    let client: ServerClient

    private struct Answer: Decodable { var data: [String]? }

    /// More would not be read by anybody at a prompt.
    private static let most = "1000"

    func get(_ path: String, _ parameters: [(String, String?)]) async -> [String] {
        let wanted = parameters + [("limit", ServerNames.most)]
        guard let data = try? await client.get(path, wanted, timeout: .milliseconds(1000)) else { return [] }
        return (try? JSONDecoder().decode(Answer.self, from: data))?.data ?? []
    }
}
