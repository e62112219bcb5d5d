import Codecs
import Foundation
import ShopLogs

/// The same lines as frames of zstd level 3, each of 4 MiB: what a person without a log store would do.
package struct Baseline {
    package var raw = 0
    package var packed = 0

    package static func write(_ options: ShopLogs.Options, to path: String) throws -> Baseline {
        var out = Baseline()
        try Data().write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var logs = ShopLogs(options)
        var block: [UInt8] = []
        func flush() throws {
            guard !block.isEmpty else { return }
            let (_, bytes) = BlockCodec.compress(block, codec: .zstd, level: 3)
            try file.write(contentsOf: Data(bytes))
            out.packed += bytes.count
            block.removeAll(keepingCapacity: true)
        }
        while true {
            let batch = logs.batch(1000)
            if batch.count == 0 { break }
            var start = 0
            for end in batch.ends {
                block += batch.bytes[start..<end]
                block.append(0x0a)
                start = end
            }
            out.raw += batch.bytes.count
            if block.count >= 4 << 20 { try flush() }
        }
        try flush()
        return out
    }

    /// Median wall seconds of `zstdcat FILE | grep -F TEXT` over a few needles.
    package static func search(_ path: String, _ texts: [String]) throws -> Double {
        var times: [Double] = []
        for text in texts {
            let start = ContinuousClock.now
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "zstdcat '\(path)' | LC_ALL=C grep -aF '\(text)' > /dev/null"]
            try process.run()
            process.waitUntilExit()
            times.append((ContinuousClock.now - start) / .seconds(1))
        }
        return times.sorted()[times.count / 2]
    }
}
