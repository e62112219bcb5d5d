import Foundation

/// How many seeds a randomized test tries: so few that the whole suite takes minutes, and more with
/// `NEEDLETAIL_SEEDS=1000`.
public enum TestSeeds {
    public static func count(unlessTold few: Int) -> Int {
        max(1, ProcessInfo.processInfo.environment["NEEDLETAIL_SEEDS"].flatMap(Int.init) ?? few)
    }
}
