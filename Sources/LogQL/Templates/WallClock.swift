import FoundationEssentials

enum WallClock {
    /// Nanoseconds since 1970.
    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }
}
