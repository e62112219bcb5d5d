import ArgumentParser

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print a script that completes words at the TAB key.",
        discussion: """
            Subcommands, flags and their values; in a query also functions, metric names, label names and label values, which the \
            server is asked for (NEEDLETAIL_URL or --url; without a word where it does not answer within a second).

              bash:  source <(needletail completion bash)
              zsh:   source <(needletail completion zsh)
              fish:  needletail completion fish | source
            """)

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        switch shell {
        case .bash: Terminal.write(CompletionScript.bash)
        case .zsh: Terminal.write(CompletionScript.zsh)
        case .fish: Terminal.write(CompletionScript.fish)
        }
    }
}

/// What the scripts call: the words of the line after the program's name, the last being the one at the cursor.
/// Candidates are printed one a line, each a whole word with its beginning, a tab and a description behind some.
struct CompleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "complete-words", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough)
    var words: [String] = []

    func run() async throws {
        let words = words.first == "--" ? Array(words.dropFirst()) : words
        let found = await WordCompletion(words: words).candidates()
        Terminal.write(found.map { $0.withoutLineEnds + "\n" }.joined())
    }
}

extension String {
    fileprivate var withoutLineEnds: String {
        contains(where: \.isNewline) ? String(filter { !$0.isNewline }) : self
    }
}
