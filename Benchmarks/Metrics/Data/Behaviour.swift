/// How one number of an exporter moves.
enum Behaviour: Sendable {
    case constant(Double)
    /// An integer counter that grows by `perSecond` events on average; 0 never grows, 0.001 rarely.
    case counter(perSecond: Double)
    /// A counter of seconds in hundredths, as the kernel counts CPU time.
    case seconds(perSecond: Double)
    /// A counter of money in cents: `perSecond` orders of about `price`.
    case money(perSecond: Double, price: Double)
    /// A gauge with two decimals that wanders around `middle`.
    case decimalGauge(around: Double, swing: Double)
    /// An integer gauge that wanders around `middle` and rests now and then.
    case integerGauge(around: Double, swing: Double)
    /// Memory: whole pages of 4 KiB.
    case pages(around: Double)
}

/// A behaviour and where it stands now.
struct PlainState: Sendable {
    private let behaviour: Behaviour
    /// Units, hundredths or pages: integers, so that a decimal is always the double nearest to its two decimals.
    private var position: Int64

    init(_ behaviour: Behaviour, random: inout SeededRandom) {
        self.behaviour = behaviour
        // The process has been up for an hour to ten days.
        let uptime = random.between(3600, 864_000)
        switch behaviour {
        case .constant: position = 0
        case .counter(let rate): position = Int64(rate * uptime)
        case .seconds(let rate): position = Int64(rate * uptime * 100)
        case .money(let rate, let price): position = Int64(rate * uptime * price * 100)
        case .decimalGauge(let middle, _): position = Int64(middle * 100)
        case .integerGauge(let middle, _): position = Int64(middle)
        case .pages(let middle): position = Int64(middle / 4096)
        }
    }

    var value: Double {
        switch behaviour {
        case .constant(let value): value
        case .counter, .integerGauge: Double(position)
        case .seconds, .money, .decimalGauge: Double(position) / 100
        case .pages: Double(position) * 4096
        }
    }

    /// `load` scales how busy the instance is: about 1.
    mutating func step(seconds: Double, load: Double, random: inout SeededRandom) {
        switch behaviour {
        case .constant: break
        case .counter(let rate): position += random.poisson(rate * seconds * load)
        case .seconds(let rate):
            let used = rate * seconds * load * 100
            position += max(0, Int64((used * random.between(0.8, 1.2)).rounded()))
        case .money(let rate, let price):
            let orders = random.poisson(rate * seconds * load)
            for _ in 0..<min(orders, 1000) { position += Int64(price * random.between(20, 180)) }
        case .decimalGauge(let middle, let swing):
            wander(middle * 100, swing * 100, &random)
        case .integerGauge(let middle, let swing):
            if random.unit() < 0.6 { wander(middle, swing, &random) }
        case .pages(let middle):
            if random.unit() < 0.5 { wander(middle / 4096, middle / 4096 * 0.02, &random) }
        }
    }

    /// A walk with a pull to the middle, never below zero.
    private mutating func wander(_ middle: Double, _ swing: Double, _ random: inout SeededRandom) {
        let pull = (middle - Double(position)) * 0.05
        position = max(0, position + Int64((pull + random.normal() * swing * 0.3).rounded()))
    }
}
