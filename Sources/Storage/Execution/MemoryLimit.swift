/// How much memory the process may take.
package enum MemoryLimit {
    /// Less than this and it would be refusing from the start.
    package static let least = 64 << 20

    /// Bytes of `2GiB`, `1.5G`, `512MB`, `1073741824` or `60%` (of `whole`). Units are powers of 1,024, as in
    /// Prometheus' flags. Nil where it is none of these, or less than ``least``.
    package static func bytes(_ text: String, of whole: Int) -> Int? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), number.isFinite, number > 0 else { return nil }
        let factor: Double
        switch text.dropFirst(digits.count).drop(while: { $0 == " " }).lowercased() {
        case "", "b": factor = 1
        case "k", "kb", "kib": factor = 1024
        case "m", "mb", "mib": factor = 1_048_576
        case "g", "gb", "gib": factor = 1_073_741_824
        case "t", "tb", "tib": factor = 1_099_511_627_776
        case "%":
            guard number <= 100 else { return nil }
            factor = Double(whole) / 100
        default: return nil
        }
        guard let bytes = Int(exactly: (number * factor).rounded()), bytes >= least else { return nil }
        return bytes
    }

    /// ``available(reading:)`` as it was when it was first asked for.
    package static let atStart = available()

    /// What this process could have: the machine's memory or, where that is less, its control group's.
    package static func available(reading file: (String) -> String? = ProcessMemory.read) -> Int {
        var least = machine(file("/proc/meminfo") ?? "") ?? 4 << 30
        for line in (file("/proc/self/cgroup") ?? "").split(separator: "\n") {
            // `0::/path` is version 2, `4:memory:/path` version 1.
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let place: (root: String, name: String)
            if fields[1].isEmpty {
                place = ("/sys/fs/cgroup", "memory.max")
            } else if fields[1].split(separator: ",").contains("memory") {
                place = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            } else {
                continue
            }
            // Every group above limits too; inside a container the path may not be there, but the root is its own.
            var path = String(fields[2])
            while true {
                if let text = file(place.root + (path == "/" ? "" : path) + "/" + place.name),
                    let limit = Int(text.prefix { $0.isASCII && $0.isNumber }), limit > 0
                {
                    least = min(least, limit)
                }
                if path == "/" || path.isEmpty || path == "." { break }
                path = parentFolder(of: path)
            }
        }
        return least
    }

    private static func machine(_ text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix("MemTotal:") {
            let words = line.split(separator: " ")
            guard words.count > 1, let kibibytes = Int(words[1]) else { return nil }
            return kibibytes.multipliedReportingOverflow(by: 1024).partialValue
        }
        return nil
    }

    /// `1.5 GiB`, `512 MiB`.
    package static func text(_ bytes: Int) -> String {
        if bytes == .max { return "no limit" }
        if bytes < 1 << 30 { return "\(bytes >> 20) MiB" }
        let tenths = bytes / ((1 << 30) / 10)
        return "\(tenths / 10).\(tenths % 10) GiB"
    }
}
