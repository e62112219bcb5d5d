import Codecs
import Foundation
import Synchronization
import Telemetry
import Wire

/// The text of one target, whose values move with every scrape.
final class ExpositionTarget: Sendable {
    private struct State {
        var values: InstanceValues
        var scrapes = 0
        var text: [UInt8] = []
    }

    let seriesCount: Int
    private let interval: Double
    /// Every line up to its value, metadata lines included.
    private let prefixes: [[UInt8]]
    private let state: Mutex<State>

    init(_ instance: ShopInstance, seed: UInt64, intervalSeconds: Double) {
        seriesCount = instance.seriesCount
        interval = intervalSeconds
        state = Mutex(State(values: InstanceValues(instance, seed: seed)))
        var prefixes: [[UInt8]] = []
        for family in instance.families {
            var single = instance
            single.families = [family]
            var head = "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            single.forEachSeries { name, labels in
                let inner = labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
                prefixes.append(Array("\(head)\(name)\(inner.isEmpty ? "" : "{\(inner)}") ".utf8))
                head = ""
            }
        }
        self.prefixes = prefixes
    }

    var scrapes: Int { state.withLock { $0.scrapes } }

    func scrape() -> [UInt8] {
        state.withLock { state in
            state.values.step(seconds: interval)
            state.scrapes += 1
            state.text.removeAll(keepingCapacity: true)
            for (index, value) in state.values.values.enumerated() {
                state.text.append(contentsOf: prefixes[index])
                FloatText.append(value, .general, to: &state.text)
                state.text.append(0x0a)
            }
            return state.text
        }
    }
}
