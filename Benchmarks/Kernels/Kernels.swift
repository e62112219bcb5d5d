import Foundation

/// Hot kernels against a named other way of doing the same, in one run: `swift run -c release kernels`.
///
/// Each line is the time of ours, the time of the other, and their ratio; below 1 ours is faster (or smaller).
/// With words behind the command only the groups of those names run: traces, text, lookup, exposition, snappy, columns,
/// logs, wire.
@main
enum Kernels {
    static func main() throws {
        let groups: [(name: String, run: () throws -> Void)] = [
            ("traces", TraceKernels.run), ("text", TextKernels.run), ("lookup", LookupKernels.run),
            ("exposition", ExpositionKernels.run), ("snappy", SnappyKernels.run), ("columns", ColumnKernels.run),
            ("logs", LogKernels.run), ("wire", WireKernels.run),
        ]
        let wanted = CommandLine.arguments.dropFirst()
        for name in wanted where !groups.contains(where: { $0.name == name }) {
            let known = groups.map(\.name).joined(separator: ", ")
            FileHandle.standardError.write(Data("kernels: there is no group \(name); there are \(known)\n".utf8))
            exit(2)
        }
        Measure.head()
        for group in groups where wanted.isEmpty || wanted.contains(group.name) { try group.run() }
    }
}
