import Foundation

/// How many seeds a randomized test tries: so few that the whole suite takes minutes, and more with
/// `NEEDLETAIL_SEEDS=1000`.
public enum TestSeeds {
    public static func count(unlessTold few: Int) -> Int {
        max(1, ProcessInfo.processInfo.environment["NEEDLETAIL_SEEDS"].flatMap(Int.init) ?? few)
    }

    /// Where they begin: `NEEDLETAIL_FIRST_SEED=2343 NEEDLETAIL_SEEDS=1` tries one again.
    public static var first: UInt64 {
        ProcessInfo.processInfo.environment["NEEDLETAIL_FIRST_SEED"].flatMap(UInt64.init) ?? 1
    }
}
