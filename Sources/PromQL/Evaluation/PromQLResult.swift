package import Storage
package import Vectors

/// The answer to a query.
package struct PromQLResult: Sendable {
    package enum Value: Sendable {
        case scalar(Double)
        case string(String)
        /// Over a grid of one point. The order of series counts only behind `sort`, `topk` and their like.
        case vector(StepMatrix)
        /// Of a range query, sorted by labels.
        case matrix(StepMatrix)
        /// Of an instant query for a range vector: the samples themselves, sorted by labels.
        case samples([SeriesColumns])
    }

    package var value: Value
    /// Milliseconds: when an instant query was evaluated, the end of a range query.
    package var time: Int64
    /// Sentences with their positions. The API gives out ten of each at most.
    package var warnings: [String]
    package var infos: [String]
}
