import ArgumentParser

@main
struct Needletail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "needletail", abstract: "Metrics, logs, traces and alerts in one program.")
}
