enum Arguments {
    static func has(_ name: String) -> Bool { CommandLine.arguments.contains(name) }

    static func text(_ name: String) -> String? {
        guard let at = CommandLine.arguments.firstIndex(of: name), at + 1 < CommandLine.arguments.count else {
            return nil
        }
        return CommandLine.arguments[at + 1]
    }

    static func number(_ name: String) -> Int? { text(name).flatMap { Int($0) } }
}
