import Foundation

/// Times, and one line of the table for each comparison.
enum Measure {
    static func head() {
        print("kernel".padding(toLength: 66, withPad: " ", startingAt: 0), "ours              other             ratio")
    }

    /// The best of several rounds, in seconds: the machine's noise only ever adds.
    static func best(_ rounds: Int = 7, _ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            try body()
            let elapsed = ContinuousClock.now - start
            best = min(best, Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
        }
        return best
    }

    /// `name` says what ours is and, after a bar, what the other is.
    static func row(_ name: String, _ ours: Double, _ other: Double, unit: String, scale: Double) {
        func cell(_ value: Double) -> String {
            (String(format: "%.2f ", value * scale) + unit).padding(toLength: 17, withPad: " ", startingAt: 0)
        }
        print(
            name.padding(toLength: 66, withPad: " ", startingAt: 0), cell(ours), cell(other),
            String(format: "%.3f", ours / other))
    }
}

struct KernelError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
