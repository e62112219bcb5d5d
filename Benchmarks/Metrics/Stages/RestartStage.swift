import BenchmarkSupport
import Foundation

struct RestartFigures: Codable {
    /// Of each try, from the start of the process to the first right answer.
    var milliseconds: [Double]
    var median: Double
    var cpuSeconds: Double
    /// Tries after which the answer stayed wrong: acknowledged samples were lost. Their time is that of the first
    /// answer.
    var losses: Int
}

/// `kill -9`, start, and ask every 2 ms until the answer is right.
enum RestartStage {
    /// After a first answer, how long the right one may take to come.
    private static let patience = Duration.seconds(15)

    static func run(_ running: RunningServer, _ load: RemoteWriteLoad, tries: Int) throws -> RestartFigures {
        let path = "/api/v1/query?query=sum(shop_orders_total)&time=\(load.shape.end / 1000)"
        let before = try ask(running, path)
        guard before == load.expectedOrders else {
            throw BenchmarkError(
                "even before the restart the orders are \(before ?? .nan), not \(load.expectedOrders)")
        }
        var times: [Double] = []
        var losses = 0
        var cpu = 0.0
        for _ in 0..<tries {
            let start = ContinuousClock.now
            try running.killAndStart()
            var firstAnswer: Duration?
            var used = 0.0
            while true {
                let answer = try? ask(running, path)
                let elapsed = ContinuousClock.now - start
                if let answer {
                    if firstAnswer == nil || answer == load.expectedOrders { used = running.process.cpuSeconds }
                    firstAnswer = firstAnswer ?? elapsed
                    if answer == load.expectedOrders {
                        times.append(milliseconds(elapsed))
                        break
                    }
                }
                if let firstAnswer, elapsed - firstAnswer > patience {
                    losses += 1
                    times.append(milliseconds(firstAnswer))
                    break
                }
                guard elapsed < .seconds(180) else {
                    throw BenchmarkError("no answer within three minutes of a restart: \(running.logTail)")
                }
                usleep(2000)
            }
            cpu += used
            running.settle(limit: 20)
        }
        return RestartFigures(
            milliseconds: times, median: times.sorted()[times.count / 2], cpuSeconds: cpu / Double(tries),
            losses: losses)
    }

    private static func milliseconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) * 1000 + Double(duration.components.attoseconds) / 1e15
    }

    /// Nil where it does not answer yet; an empty answer is a wrong one.
    private static func ask(_ running: RunningServer, _ path: String) throws -> Double? {
        let answer = try running.connection().get(path)
        guard answer.status == 200, let result = QueryAnswer(answer.body) else { return nil }
        return result.series.values.first?.first?.value ?? 0
    }
}
